"""Attacks: the smallest changes of a picture that fool a network most, in the L-infinity norm.

The attacker knows the network and its weights, and moves every pixel by at most epsilon. FGSM
(Goodfellow et al. 2015) goes once along the sign of the loss's gradient; PGD (Madry et al. 2018)
goes many small steps, back into the allowed box after each, from a random place in it.

A network can seem robust because its gradient is zero, not because no change fools it (gradient
masking): defensive distillation does so, since its softmax is saturated (Carlini and Wagner 2017).
Therefore the loss is a choice: "cross-entropy" attacks the probabilities as they are deployed,
"margin" the logits, whose gradient no temperature can hide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from indicdigits.errors import UsageError
from indicdigits.evaluation.metrics import score
from indicdigits.models import freeze, surgery

Loss = Literal["cross-entropy", "margin"]
# Gradients by pixel: (weights, images (N,S,S) float32 of 0 to 1, labels (N,)) -> (N,S,S).
Gradient = Callable[[Any, jax.Array, jax.Array], jax.Array]

EPSILONS = (0.05, 0.1, 0.2, 0.3)  # of white; 0.3 is Madry's for MNIST
STEPS = 40  # of PGD, as Madry's
_REACH = 2.5  # how far all steps of PGD together would go, in epsilons


class Attacker:
    """A network under attack; its gradient and both attacks are compiled once for each loss.

    Args:
        model: The network; put into evaluation mode.
        loss: What the attacker maximises.
        batch_size: Pictures at a time.
    """

    def __init__(
        self, model: nnx.Module, loss: Loss = "cross-entropy", batch_size: int = 250
    ) -> None:
        freeze.set_modes(model, None)
        graph, weights = surgery.split(model)
        self._weights, self._batch_size = (weights.params, weights.stats), batch_size

        def logits(weights: Any, images: jax.Array) -> jax.Array:
            return surgery.merge(graph, *weights)(images[..., None])

        def total(images: jax.Array, weights: Any, labels: jax.Array) -> jax.Array:
            return _loss(logits(weights, images), labels, loss).sum()

        def gradient(weights: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
            return jax.grad(total)(images, weights, labels)

        self._gradient = jax.jit(gradient)
        self._answers = jax.jit(lambda weights, images: logits(weights, images).argmax(-1))
        self._pgd = jax.jit(partial(_pgd, gradient), static_argnums=4)

    def fgsm(
        self, images: NDArray[np.uint8], labels: NDArray[np.integer], epsilon: float
    ) -> NDArray[np.float32]:
        """One step of epsilon along the gradient's sign.

        Args:
            images: uint8 (N,S,S), light ink on black.
            labels: (N,) the true classes.
            epsilon: Most that a pixel moves, 0 to 1 of white.

        Returns:
            float32 (N,S,S), 0 to 1; a pixel whose gradient is zero stays.

        Raises:
            UsageError: `epsilon` is out of range.
        """
        _check(epsilon)

        def attack(clean: jax.Array, truth: jax.Array, batch: int) -> jax.Array:
            step = epsilon * jnp.sign(self._gradient(self._weights, clean, truth))
            return jnp.clip(clean + step, 0, 1)

        return self._in_batches(attack, images, labels)

    def pgd(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        epsilon: float,
        *,
        steps: int = STEPS,
        seed: int = 0,
    ) -> NDArray[np.float32]:
        """Many steps along the gradient's sign, each projected back to within epsilon.

        Args:
            images: uint8 (N,S,S), light ink on black.
            labels: (N,) the true classes.
            epsilon: Most that a pixel moves, 0 to 1 of white.
            steps: How many; each goes 2.5 epsilon / steps.
            seed: Of where in the box it starts.

        Returns:
            float32 (N,S,S), 0 to 1.

        Raises:
            UsageError: `epsilon` or `steps` is out of range.
        """
        _check(epsilon, steps)

        def attack(clean: jax.Array, truth: jax.Array, batch: int) -> jax.Array:
            key = jax.random.fold_in(jax.random.key(seed), batch)
            return self._pgd(self._weights, clean, truth, epsilon, steps, key)

        return self._in_batches(attack, images, labels)

    def answers(self, pictures: NDArray[np.float32]) -> NDArray[np.integer]:
        """The classes (N,) that the network answers for pictures (N,S,S) of 0 to 1."""
        parts = [
            np.asarray(self._answers(self._weights, pictures[start : start + self._batch_size]))
            for start in range(0, len(pictures), self._batch_size)
        ]
        return np.concatenate(parts)

    def masked(self, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> float:
        """The share of pictures whose whole gradient is zero, so that no attack can begin."""

        def zero(clean: jax.Array, truth: jax.Array, batch: int) -> jax.Array:
            return ~self._gradient(self._weights, clean, truth).any(axis=(1, 2))

        return float(self._in_batches(zero, images, labels).mean())

    def _in_batches(
        self,
        function: Callable[[jax.Array, jax.Array, int], jax.Array],
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
    ) -> NDArray[Any]:
        parts = []
        for batch, start in enumerate(range(0, len(labels), self._batch_size)):
            part = slice(start, start + self._batch_size)
            clean = jnp.asarray(images[part], jnp.float32) / 255
            parts.append(np.asarray(function(clean, jnp.asarray(labels[part]), batch)))
        return np.concatenate(parts)


def measure_attacks(
    model: nnx.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    *,
    epsilons: Sequence[float] = EPSILONS,
    steps: int = STEPS,
    seed: int = 0,
) -> dict[str, Any]:
    """Reads pictures under FGSM and PGD, each with both losses.

    Args:
        model: The network; put into evaluation mode.
        images: uint8 (N,S,S), light ink on black.
        labels: (N,) the true classes.
        epsilons: Most that a pixel moves, 0 to 1 of white.
        steps: Of PGD.
        seed: Of PGD's start.

    Returns:
        Plain data: `n`, `seed`, `steps`, `clean`, `masked` (loss -> share of pictures without any
        gradient), `rows` (`attack`, `loss`, `epsilon`, `n`, `errors`, `accuracy`, `interval`) and
        `worst` (for each epsilon the accuracy when every picture gets its worst attack).

    Raises:
        UsageError: A number is out of range.
    """
    rows: list[dict[str, Any]] = []
    masked: dict[str, float] = {}
    worst = {epsilon: np.ones(len(labels), bool) for epsilon in epsilons}
    clean: dict[str, Any] = {}
    for loss in ("cross-entropy", "margin"):
        attacker = Attacker(model, loss)
        clean = score(attacker.answers(images.astype(np.float32) / np.float32(255)) == labels)
        masked[loss] = attacker.masked(images, labels)
        for epsilon in epsilons:
            attacked = {
                "FGSM": attacker.fgsm(images, labels, epsilon),
                "PGD": attacker.pgd(images, labels, epsilon, steps=steps, seed=seed),
            }
            for name, pictures in attacked.items():
                right = attacker.answers(pictures) == labels
                worst[epsilon] &= right
                rows.append({"attack": name, "loss": loss, "epsilon": epsilon} | score(right))
    return {
        "n": len(labels),
        "seed": seed,
        "steps": steps,
        "clean": clean,
        "masked": masked,
        "rows": rows,
        "worst": [{"epsilon": epsilon} | score(right) for epsilon, right in worst.items()],
    }


def _loss(logits: jax.Array, labels: jax.Array, loss: Loss) -> jax.Array:
    """What the attacker maximises, for each picture (N,)."""
    truth = jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
    if loss == "cross-entropy":
        return jax.nn.logsumexp(logits, axis=-1) - truth
    others = jnp.where(jax.nn.one_hot(labels, logits.shape[-1], dtype=bool), -jnp.inf, logits)
    return others.max(axis=-1) - truth


def _pgd(
    gradient: Gradient,
    weights: Any,
    clean: jax.Array,
    labels: jax.Array,
    epsilon: jax.Array,
    steps: int,
    key: jax.Array,
) -> jax.Array:
    low, high = jnp.maximum(clean - epsilon, 0), jnp.minimum(clean + epsilon, 1)
    start = clean + epsilon * jax.random.uniform(key, clean.shape, minval=-1, maxval=1)

    def step(_: int, pictures: jax.Array) -> jax.Array:
        along = jnp.sign(gradient(weights, pictures, labels))
        return jnp.clip(pictures + _REACH * epsilon / steps * along, low, high)

    return jax.lax.fori_loop(0, steps, step, jnp.clip(start, low, high))


def _check(epsilon: float, steps: int = 1) -> None:
    if not 0 <= epsilon <= 1:
        raise UsageError(f"epsilon {epsilon} is out of range", allowed="0 to 1, a part of white")
    if steps < 1:
        raise UsageError(f"{steps} steps are too few", allowed="1 or more")
