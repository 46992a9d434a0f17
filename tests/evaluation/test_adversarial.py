"""Attacks: they stay in the box, find what can be found, and are not fooled by a zero gradient."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits.errors import UsageError
from indicdigits.evaluation.adversarial import Attacker, measure_attacks


class Halves(nnx.Module):
    """Answers which half of a picture is brighter, surer the larger `scale` is."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = nnx.Param(jnp.float32(scale))

    def __call__(self, images: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        left, right = images[:, :, :4].mean((1, 2, 3)), images[:, :, 4:].mean((1, 2, 3))
        return self.scale[...] * jnp.stack([left, right], -1)


@pytest.fixture
def halves() -> tuple[np.ndarray, np.ndarray]:
    """Twelve pictures uint8 (12,8,8), grey, whose half of the label is 51 levels (0.2) brighter."""
    images, labels = np.full((12, 8, 8), 100, np.uint8), np.arange(12) % 2
    images[labels == 0, :, :4] += 51
    images[labels == 1, :, 4:] += 51
    return images, labels


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_margin_decides(loss: str, attack: str, halves: tuple[np.ndarray, np.ndarray]) -> None:
    """Halves 0.2 apart: moving both by less than 0.1 fools nobody, by more everybody."""
    images, labels = halves
    attacker = Attacker(Halves(), loss, batch_size=5)  # the last batch is smaller
    for epsilon, right in ((0.0, True), (0.09, True), (0.11, False)):
        pictures = getattr(attacker, attack)(images, labels, epsilon)
        assert pictures.shape == images.shape
        assert np.abs(pictures - images / 255).max() <= epsilon + 1e-6
        assert ((attacker.answers(pictures) == labels) == right).all()


def test_pictures_stay_pictures(halves: tuple[np.ndarray, np.ndarray]) -> None:
    """However far an attack may go, pixels stay between black and white."""
    images, labels = halves
    attacker = Attacker(Halves())
    for pictures in (attacker.fgsm(images, labels, 1.0), attacker.pgd(images, labels, 1.0)):
        assert pictures.min() >= 0
        assert pictures.max() <= 1


def test_a_saturated_softmax_hides_the_gradient(halves: tuple[np.ndarray, np.ndarray]) -> None:
    """Logits times a thousand: cross-entropy's gradient is zero, and the margin finds the way."""
    images, labels = halves
    found = measure_attacks(Halves(1000.0), images, labels, epsilons=(0.15,), steps=5)
    assert found["masked"] == {"cross-entropy": 1.0, "margin": 0.0}
    accuracy = {(row["attack"], row["loss"]): row["accuracy"] for row in found["rows"]}
    assert accuracy["FGSM", "cross-entropy"] == 1.0
    assert accuracy["FGSM", "margin"] == accuracy["PGD", "margin"] == 0.0
    assert found["worst"][0]["accuracy"] == 0.0
    assert found["clean"]["errors"] == 0
    assert json.loads(json.dumps(found)) == found


def test_same_seed_same_attack(halves: tuple[np.ndarray, np.ndarray]) -> None:
    """The random start follows from the seed; without a gradient an attack stays there."""
    images, labels = halves
    attacker = Attacker(Halves(0.0))
    one, again, other = (attacker.pgd(images, labels, 0.1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_wild_numbers(halves: tuple[np.ndarray, np.ndarray]) -> None:
    """An epsilon beyond white and no steps are usage errors."""
    attacker = Attacker(Halves())
    with pytest.raises(UsageError, match="0 to 1"):
        attacker.fgsm(*halves, 8.0)
    with pytest.raises(UsageError, match="1 or more"):
        attacker.pgd(*halves, 0.1, steps=0)
