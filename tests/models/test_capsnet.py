"""Capsules: lengths and logits that stay finite, routing, reconstruction."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.models import create, freeze, surgery
from indicdigits.models.capsnet import CapsNet, logits_of, squash
from indicdigits.registry import BACKBONES

IMAGES = jax.random.uniform(jax.random.key(0), (6, 28, 28, 1))
TARGETS = jax.nn.one_hot(jnp.arange(6), 10)


@cache
def network(size: int = 28, decoder: float = 0.0) -> CapsNet:
    changes = [f"data.input_size={size}", f"model.options.decoder={decoder}"]
    model = create(recipes.load(recipes.find("mnist-capsnet"), changes), seed=0)
    freeze.set_modes(model, None)
    return model


@pytest.mark.parametrize("function", [squash, logits_of])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-6, 1.0, 1e3, 1e15])
def test_capsules_of_any_length_are_finite(function, scale: float) -> None:
    """Neither a capsule of zeros nor an endless one has a value or gradient that is no number."""
    s = scale * jnp.ones((2, 16))
    assert jnp.all(jnp.isfinite(function(s)))
    assert jnp.all(jnp.isfinite(jax.grad(lambda s: jnp.sum(function(s)))(s)))


def test_logits_are_the_log_odds_of_the_lengths() -> None:
    """What the margin loss takes for lengths, sigmoid(logits), are the lengths, in [0, 1)."""
    s = jnp.linspace(0, 3, 50)[:, None] * jnp.ones(16) / 4
    lengths = jax.nn.sigmoid(logits_of(s))
    np.testing.assert_allclose(lengths, jnp.linalg.norm(squash(s), axis=-1), atol=2e-3)
    np.testing.assert_allclose(lengths, 1 - np.exp(-np.linspace(0, 3, 50)), atol=2e-3)
    assert lengths.min() >= 0
    assert lengths.max() < 1
    assert jnp.all(jnp.diff(lengths) > 0)


def test_long_capsules_still_differ_in_their_logits() -> None:
    """Where lengths have rounded to 1, the longer capsule still wins."""
    logits = logits_of(jnp.array([[50.0], [60.0]]))
    assert logits[1] > logits[0]


def test_routing_shares_sum_to_one() -> None:
    """A primary capsule divides itself among the classes."""
    model = network()
    capsules = model.forward(IMAGES, stop=-1)
    assert capsules.shape == (6, 16, 8)
    shares = model.head.coefficients(model.head.predictions(capsules))
    assert shares.shape == (6, 16, 10)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-5)


def test_routing_prefers_agreement() -> None:
    """The class capsule that all predictions agree on gets more than one they contradict."""
    agreed, contradicted = jnp.ones((1, 4, 3)), jnp.array([1.0, -1, 1, -1])[:, None] * jnp.ones(3)
    predictions = jnp.stack([agreed, contradicted[None]], axis=2)
    shares = network().head.coefficients(predictions)
    assert jnp.all(shares[..., 0] > shares[..., 1])


@pytest.mark.parametrize("size", [28, 48])
def test_about_160_000_parameters(size: int) -> None:
    """The published size, at the strided stem's cost; only primary capsules grow with the input."""
    model = network(size)
    assert model(jnp.zeros((2, size, size, 1))).shape == (2, 10)
    count = sum(array.size for array in surgery.split(model)[1].params.values())
    assert 155_000 <= count <= 175_000


def test_reconstruction_is_punished_only_with_a_decoder() -> None:
    """The option adds a penalty and its parameters, and leaves the answers alone."""
    logits, penalty = network().outputs(IMAGES, TARGETS)
    assert penalty == 0
    model = network(decoder=1.0)
    same, penalty = model.outputs(IMAGES, TARGETS)
    assert penalty > 0
    assert network(decoder=0.5).outputs(IMAGES, TARGETS)[1] == pytest.approx(penalty / 2)
    np.testing.assert_allclose(same, model(IMAGES), rtol=1e-6)
    np.testing.assert_allclose(same, logits, rtol=1e-6)
    paths = BACKBONES.get("capsnet").paths({"decoder": 1.0})
    assert sorted(surgery.split(model)[1].params) == sorted(paths)


def test_the_penalty_is_the_published_one() -> None:
    """0.0005 times the squared error, summed over a picture of 28 pixels (Sabour et al. 2017)."""
    model = network(decoder=1.0)
    vectors = model.head.vectors(model.forward(IMAGES, stop=-1))
    drawn = model.head.decoder(squash(vectors), TARGETS)
    errors = jnp.sum(jnp.square(drawn - IMAGES.reshape(6, -1)), axis=-1)
    penalty = model.outputs(IMAGES, TARGETS)[1]
    np.testing.assert_allclose(penalty, 0.0005 * errors.mean(), rtol=1e-5)


def test_the_decoder_sees_the_true_class_alone() -> None:
    """Capsules of other classes do not change what is drawn."""
    decoder = network(decoder=1.0).head.decoder
    capsules = jax.random.normal(jax.random.key(1), (6, 10, 16))
    others = jnp.where(TARGETS[..., None] > 0, capsules, 7.0)
    np.testing.assert_array_equal(decoder(capsules, TARGETS), decoder(others, TARGETS))


def test_the_penalty_trains_decoder_and_capsules() -> None:
    """Its gradient reaches every layer of the decoder, and through it the stem."""
    graph, weights = surgery.split(network(decoder=1.0))

    def penalty(params: surgery.Arrays) -> jax.Array:
        return surgery.merge(graph, params, weights.stats).outputs(IMAGES, TARGETS)[1]

    gradients = jax.jit(jax.grad(penalty))(weights.params)
    paths = [path for path in gradients if path.startswith("head/decoder/")]
    assert len(paths) == 6
    for path in (*paths, "head/kernel", "stem/conv/kernel"):
        assert jnp.any(gradients[path] != 0), path


def test_the_decoder_needs_the_pictures() -> None:
    """Training on a prefix's kept output is refused where pictures are to be drawn."""
    model = network(decoder=1.0)
    halfway = model.forward(IMAGES, stop=2)
    with pytest.raises(ValueError, match="needs the pictures"):
        model.outputs(halfway, TARGETS, start=2)
    plain = network()
    logits, _ = plain.outputs(plain.forward(IMAGES, stop=2), TARGETS, start=2)
    np.testing.assert_allclose(logits, plain(IMAGES), rtol=1e-5)


def test_an_odd_size_is_refused() -> None:
    """The stem folds pixels two by two."""
    with pytest.raises(ValueError, match="odd"):
        CapsNet(classes=10, input_size=27, decoder=0.0, rngs=nnx.Rngs(0))
