"""The Vision Transformer: positions, attention that can be read, stochastic depth."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.models import create, freeze, surgery
from indicdigits.models.vit import Block, VisionTransformer

IMAGES = jax.random.uniform(jax.random.key(0), (3, 28, 28, 1))


@pytest.fixture
def model() -> VisionTransformer:
    return network(28)


@cache
def network(size: int) -> VisionTransformer:
    recipe = recipes.load(recipes.find("mnist-vit"), [f"data.input_size={size}"])
    model = create(recipe, seed=0)
    freeze.set_modes(model, None)
    return model


def test_attention_rows_sum_to_one(model: VisionTransformer) -> None:
    """Each token's attention is a distribution over the tokens, in every head of every block."""
    for index, name in enumerate(model.STAGES[1:-1], start=1):
        block = getattr(model, name)
        weights = block.attention.weights(block.norm1(model.forward(IMAGES, stop=index)))
        assert weights.shape == (3, model.HEADS, 16, 16)
        assert weights.dtype == jnp.float32
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_the_weights_that_can_be_read_are_those_used(model: VisionTransformer) -> None:
    """Attention is the weighted sum of values, head by head, with exactly these weights."""
    attention = model.stage1.attention
    tokens = jax.random.normal(jax.random.key(1), (2, 16, 80))
    weights, values = attention.weights(tokens), attention.value(tokens)
    heads = jnp.split(values, model.HEADS, axis=-1)
    taken = [weights[:, number] @ head for number, head in enumerate(heads)]
    expected = attention.output(jnp.concatenate(taken, axis=-1))
    np.testing.assert_allclose(attention(tokens), expected, rtol=1e-4, atol=1e-5)


def test_only_the_position_tells_tokens_apart(model: VisionTransformer) -> None:
    """Blocks and head do not mind the order of tokens; the position embedding makes it matter."""
    order = jnp.arange(16)[::-1]
    position = model.stem.position[...]
    tokens = model.forward(IMAGES, stop=1) - position
    logits = model.forward(tokens + position, start=1)
    together = model.forward((tokens + position)[:, order], start=1)
    np.testing.assert_allclose(together, logits, rtol=1e-4, atol=1e-5)
    moved = model.forward(tokens[:, order] + position, start=1)
    assert np.abs(moved - logits).max() > 1e-3


@pytest.mark.parametrize(("size", "tokens"), [(20, 9), (28, 16), (48, 36)])
def test_one_position_a_token(size: int, tokens: int) -> None:
    """The tokens are the map of an eighth, at every size, and the network stays small."""
    model = network(size)
    images = jnp.zeros((2, size, size, 1))
    assert model.stem.position.shape == (tokens, 80)
    assert model.forward(images, stop=1).shape == (2, tokens, 80)
    assert model(images).shape == (2, 10)
    params = surgery.split(model)[1].params
    assert sum(array.size for array in params.values()) <= 300_000


def test_a_branch_is_left_out_for_whole_pictures() -> None:
    """Stochastic depth: for a picture, a branch counts for all its tokens or for none."""
    block = Block(16, 2, 32, 0.7, rngs=nnx.Rngs(0))
    tokens = jax.random.normal(jax.random.key(2), (64, 5, 16))
    changed = np.asarray(block(tokens, nnx.Rngs(dropout=3)) != tokens).reshape(64, -1)
    untouched = ~changed.any(axis=1)
    assert 0 < untouched.sum() < 64
    assert changed[~untouched].mean() > 0.99
    block.eval()
    assert np.all(np.any(block(tokens, None) != tokens, axis=(1, 2)))


def test_later_blocks_are_left_out_more_often() -> None:
    """The rate rises linearly to the option's, and is 0 for none."""

    def rates(option: float) -> list[float]:
        model = nnx.eval_shape(
            lambda: VisionTransformer(
                classes=10, input_size=28, stochastic_depth=option, rngs=nnx.Rngs(0)
            )
        )
        return [getattr(model, f"stage{number}").drop.rate for number in range(1, 5)]

    np.testing.assert_allclose(rates(0.2), [0.05, 0.1, 0.15, 0.2])
    assert rates(0.0) == [0, 0, 0, 0]


def test_kernels_decide_the_precision(model: VisionTransformer) -> None:
    """In bfloat16 logits stay float32, and stay close."""
    graph, weights = surgery.split(model)
    params = {
        path: array.astype(jnp.bfloat16) if path.endswith("/kernel") else array
        for path, array in weights.params.items()
    }
    logits = surgery.merge(graph, params, weights.stats)(IMAGES)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, model(IMAGES), atol=0.1)


def test_an_odd_size_is_refused() -> None:
    """The stem folds pixels two by two."""
    with pytest.raises(ValueError, match="odd"):
        VisionTransformer(classes=10, input_size=27, stochastic_depth=0.0, rngs=nnx.Rngs(0))
