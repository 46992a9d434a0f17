"""What a network answers: one jitted function, and all pictures through it in batches."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from indicdigits.models import surgery
from indicdigits.training.heads import Heads, head_softmax
from indicdigits.training.mesh import ONE_DEVICE, DataMesh

Predict = Callable[[surgery.Arrays, surgery.Arrays, np.ndarray], jax.Array]


def make_predict(
    graph: surgery.Graph, mesh: DataMesh = ONE_DEVICE, *, heads: Heads = None
) -> Predict:
    """Compiles (params, stats, images (B, S, S) uint8) -> probabilities (B, C) float32.

    Args:
        graph: The module's structure in evaluation mode.
        mesh: The devices that share the pictures, which they must divide; the weights given are
            replicated on it, and every process gives all pictures.
        heads: The head of each class; the probabilities of each head sum to one.
    """

    def predict(params: surgery.Arrays, stats: surgery.Arrays, images: jax.Array) -> jax.Array:
        model = surgery.merge(graph, params, stats)
        return head_softmax(model(images.astype(jnp.float32)[..., None] / 255), heads)

    compiled = mesh.jit(predict)
    return lambda params, stats, images: compiled(
        params, stats, mesh.shard(images[mesh.rows(len(images))])
    )


def predict_all(
    predict: Predict,
    weights: surgery.Weights,
    images: np.ndarray,
    batch_size: int = 512,
    *,
    mesh: DataMesh = ONE_DEVICE,
) -> np.ndarray:
    """Probabilities (N, C) float32 of all images (N, S, S) uint8, the last partial batch included.

    Every batch has the same shape (the last is padded), so that nothing is compiled twice.
    """
    batch_size = max(1, min(batch_size, len(images)))
    batch_size = -(-batch_size // mesh.size) * mesh.size
    parts = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size])
        missing = batch_size - len(batch)
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0)))
        parts.append(np.asarray(predict(weights.params, weights.stats, padded))[: len(batch)])
    return np.concatenate(parts)
