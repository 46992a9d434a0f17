"""Several softmaxes over one row of logits: targets, logits and answers that keep to a head.

A head is a set of classes, such as the digits of a script. `heads` gives each class (C,) its head,
as `recipe.heads.heads_of` does; None is one head of all classes, and leaves everything as it is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

Heads = tuple[int, ...] | None
# In the place of a logit that does not count. Finite: an infinite one times a target of 0 is NaN.
NOWHERE = -1e9


def label_targets(labels: jax.Array, classes: int, heads: Heads, smoothing: float) -> jax.Array:
    """The probabilities (N, C) that a loss asks for.

    Args:
        labels: (N,), indices of classes.
        classes: C.
        heads: The head of each class.
        smoothing: Probability that is spread over the classes of the label's head.
    """
    hard = jax.nn.one_hot(labels, classes)
    if heads is None:
        return optax.smooth_labels(hard, smoothing)
    own = own_head(labels, heads)
    return (1 - smoothing) * hard + smoothing * own / own.sum(axis=1, keepdims=True)


def own_head(labels: jax.Array, heads: tuple[int, ...]) -> jax.Array:
    """Which classes (N, C) are of the same head as each label (N,); bool."""
    head = jnp.array(heads)
    return head[labels][:, None] == head


def within_head(logits: jax.Array, labels: jax.Array, heads: Heads) -> jax.Array:
    """The logits (N, C) with those of other heads than the label's out of reach.

    What follows, a loss or an argmax, is that of the label's head alone; no gradient reaches the
    others.
    """
    return logits if heads is None else jnp.where(own_head(labels, heads), logits, NOWHERE)


def head_softmax(logits: jax.Array, heads: Heads) -> jax.Array:
    """Probabilities (N, C) of logits (N, C); those of each head sum to one."""
    if heads is None:
        return jax.nn.softmax(logits)
    members = np.array(heads) == np.unique(heads)[:, None]
    apart = jnp.where(members, logits[:, None], NOWHERE)  # (N, heads, C)
    return jax.nn.softmax(apart).sum(axis=1)


def told_head(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.integer], heads: Heads
) -> npt.NDArray[np.float32]:
    """The answers to pictures of which the head is known; the other heads' are 0.

    Args:
        probabilities: (N, C), from `head_softmax`.
        labels: (N,), of which the head alone is told.
        heads: The head of each class.
    """
    if heads is None:
        return probabilities
    head = np.array(heads)
    return np.where(head[labels][:, None] == head, probabilities, np.float32(0))
