"""What a step minimises, from logits and targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from indicdigits.recipe import Distill, Training

# Sabour et al. 2017: lengths beyond these limits cost nothing; absent classes weigh half.
PRESENT, ABSENT, ABSENT_WEIGHT = 0.9, 0.1, 0.5


def label_loss(logits: jax.Array, targets: jax.Array, training: Training) -> jax.Array:
    """The loss of the labels.

    Args:
        logits: (N, C) float32.
        targets: (N, C) float32, probabilities.
        training: Names the loss and its temperature.

    Returns:
        The mean over pictures, ().
    """
    if training.loss == "margin":
        return margin_loss(logits, targets)
    return optax.softmax_cross_entropy(logits / training.temperature, targets).mean()


def margin_loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The margin loss of capsules (Sabour et al. 2017), whose lengths are sigmoid(logits)."""
    lengths = jax.nn.sigmoid(logits)
    present = targets * jnp.square(jax.nn.relu(PRESENT - lengths))
    absent = (1 - targets) * jnp.square(jax.nn.relu(lengths - ABSENT))
    return jnp.sum(present + ABSENT_WEIGHT * absent, axis=-1).mean()


def distilled_loss(
    logits: jax.Array, hard: jax.Array, soft: jax.Array, distill: Distill
) -> jax.Array:
    """Labels' loss and teachers' loss together (Hinton et al. 2015).

    Args:
        logits: The student's, (N, C).
        hard: The labels' loss, ().
        soft: The teachers' probabilities at the temperature, (N, C).
        distill: Temperature and weight.

    Returns:
        (1 - weight) hard + weight T² KL(teachers, student), (). The square keeps the gradient's
        size whatever the temperature.
    """
    student = jax.nn.log_softmax(logits / distill.temperature)
    divergence = optax.losses.kl_divergence(student, soft).mean()
    return (1 - distill.weight) * hard + distill.weight * distill.temperature**2 * divergence
