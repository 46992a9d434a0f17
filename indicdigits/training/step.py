"""One training step and one prediction step, as pure jitted functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from indicdigits.models import GENERATOR, surgery
from indicdigits.recipe import Recipe


class State(NamedTuple):
    """All that changes during a phase; every leaf is saved, so that resuming is exact.

    Attributes:
        step: Steps done in the whole run, int32.
        trained: Parameters the phase trains, by path.
        frozen: Parameters it leaves alone, by path.
        stats: Batch statistics by path; those of frozen layers never change.
        optimizer: Optax's state, for `trained` only.
        average: Moving averages of `trained` and `stats`.
        tally: Sums since the epoch began, and the first step whose loss was not finite (or -1).
    """

    step: jax.Array
    trained: surgery.Arrays
    frozen: surgery.Arrays
    stats: surgery.Arrays
    optimizer: optax.OptState
    average: dict[str, surgery.Arrays]
    tally: dict[str, jax.Array]


def fresh_tally() -> dict[str, jax.Array]:
    """The sums at the start of an epoch."""
    zero = lambda: jnp.zeros((), jnp.float32)  # noqa: E731  (separate buffers: they are donated)
    return {
        "loss": zero(),
        "correct": zero(),
        "count": zero(),
        "bad_step": jnp.full((), -1, jnp.int32),
    }


def jitter(images: jax.Array, key: jax.Array, *, shift: int) -> jax.Array:
    """Shifts each picture by whole pixels, which leaves it as sharp as it was.

    Anything that resamples would blur pictures a second time after the augmentation, and digits
    that are read are not blurred at all.

    Args:
        images: (N, S, S).
        key: PRNG key.
        shift: Largest shift in pixels, in all four directions; what comes in is black.
    """
    count, size, _ = images.shape
    padded = jnp.pad(images, ((0, 0), (shift, shift), (shift, shift)))
    corners = jax.random.randint(key, (count, 2), 0, 2 * shift + 1)
    crop = lambda image, corner: jax.lax.dynamic_slice(image, corner, (size, size))  # noqa: E731
    return jax.vmap(crop)(padded, corners)


def make_train_step(
    graph: surgery.Graph,
    optimizer: optax.GradientTransformation,
    recipe: Recipe,
    *,
    first_step: int = 0,
) -> Callable[[State, npt.ArrayLike, npt.ArrayLike], State]:
    """Compiles the step of a phase.

    Args:
        graph: The module's structure, with its modes set for the phase.
        optimizer: Of the phase.
        recipe: Seed, jitter, smoothing, decay of the average.
        first_step: The step at which the phase begins.

    Returns:
        A function (state, images (B, S, S) uint8, labels (B,) int32) -> state. The state given is
        donated: it must not be used again.
    """
    settings = recipe.training
    classes = len(recipe.labels)

    def step(state: State, images: jax.Array, labels: jax.Array) -> State:
        # Randomness is a function of seed and step alone: resuming needs no generator state.
        key = jax.random.fold_in(jax.random.key(recipe.seed, impl=GENERATOR), state.step)
        jitter_key, dropout_key = jax.random.split(key)
        pictures = images.astype(jnp.float32) / 255
        if recipe.augment.jitter:
            pictures = jitter(pictures, jitter_key, shift=recipe.augment.jitter)
            # Without it XLA repeats the shifting in every window of the first convolution.
            pictures = jax.lax.optimization_barrier(pictures)
        targets = optax.smooth_labels(jax.nn.one_hot(labels, classes), settings.label_smoothing)

        def loss_of(trained: surgery.Arrays) -> tuple[jax.Array, Any]:
            model = surgery.merge(graph, trained | state.frozen, state.stats)
            logits = model(pictures[..., None], rngs=nnx.Rngs(dropout=dropout_key))
            loss = optax.softmax_cross_entropy(logits, targets).mean()
            return loss, (logits, surgery.stats_of(model))

        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (logits, stats)), gradients = gradient(state.trained)
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.trained)
        trained = optax.apply_updates(state.trained, updates)
        # The average starts as the plain weights and slows down to its decay.
        done = state.step - first_step
        decay = jnp.minimum(settings.average_decay, (1 + done) / (10 + done))
        current = {"params": trained, "stats": stats}
        average = jax.tree.map(lambda a, c: c + decay * (a - c), state.average, current)
        tally = state.tally
        newly_bad = (tally["bad_step"] < 0) & ~jnp.isfinite(loss)
        tally = {
            "loss": tally["loss"] + loss * len(labels),
            "correct": tally["correct"] + jnp.sum(jnp.argmax(logits, -1) == labels),
            "count": tally["count"] + len(labels),
            "bad_step": jnp.where(newly_bad, state.step, tally["bad_step"]),
        }
        return State(
            step=state.step + 1,
            trained=trained,
            frozen=state.frozen,
            stats=stats,
            optimizer=optimizer_state,
            average=average,
            tally=tally,
        )

    return jax.jit(step, donate_argnums=0)


def make_predict(
    graph: surgery.Graph,
) -> Callable[[surgery.Arrays, surgery.Arrays, npt.ArrayLike], jax.Array]:
    """Compiles (params, stats, images (B, S, S) uint8) -> probabilities (B, C) float32.

    Args:
        graph: The module's structure in evaluation mode.
    """

    def predict(params: surgery.Arrays, stats: surgery.Arrays, images: jax.Array) -> jax.Array:
        model = surgery.merge(graph, params, stats)
        return jax.nn.softmax(model(images.astype(jnp.float32)[..., None] / 255))

    return jax.jit(predict)


def predict_all(
    predict: Callable[[surgery.Arrays, surgery.Arrays, npt.ArrayLike], jax.Array],
    weights: surgery.Weights,
    images: np.ndarray,
    batch_size: int = 512,
) -> np.ndarray:
    """Probabilities (N, C) float32 of all images (N, S, S) uint8, the last partial batch included.

    Every batch has the same shape (the last is padded), so that nothing is compiled twice.
    """
    batch_size = max(1, min(batch_size, len(images)))
    parts = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size])
        missing = batch_size - len(batch)
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0)))
        parts.append(np.asarray(predict(weights.params, weights.stats, padded))[: len(batch)])
    return np.concatenate(parts)
