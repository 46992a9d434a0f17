"""Every registered backbone is what the registry says it is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.errors import CheckpointError
from indicdigits.models import create, freeze, surgery
from indicdigits.models.cost import multiply_adds
from indicdigits.models.layers import space_to_depth
from indicdigits.recipe import Phase, Recipe, Rule
from indicdigits.registry import BACKBONES

# Most parameters and multiply-adds of one picture; an exact size is the test below's.
LIMITS = {
    "linear": (7_850, 7_840),
    "mlp": (270_000, 270_000),
    "lenet5": (61_706, 420_000),
    "cnn-nano": (25_000, 1_200_000),
    "cnn": (200_000, 6_500_000),
    "cnn-robust": (200_000, 7_051_680),  # one and a half times the work of cnn
    "cnn-classic": (467_818, 18_700_000),
}


def recipe_for(backbone: str, size: int = 28) -> Recipe:
    changes = [f'model.backbone="{backbone}"', f"data.input_size={size}"]
    return recipes.load(recipes.find("mnist-cnn"), changes)


@functools.cache
def network(name: str) -> Any:
    """A backbone at 28 pixels; shared, so tests leave its weights alone."""
    return create(recipe_for(name), seed=0)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_declared_parameters_and_stages_are_the_modules_own(name: str) -> None:
    """`recipe check` runs without JAX, on data that this test pins to the real module."""
    entry = BACKBONES.get(name)
    _, weights = surgery.split(network(name))
    assert sorted(weights.params) == sorted(entry.parameters)
    assert {path.split("/")[0] for path in entry.parameters} == set(entry.stages)
    assert entry.stages[-1] == "head"


@pytest.mark.parametrize("name", list(BACKBONES))
@pytest.mark.parametrize("size", [28, 48])
def test_logits_have_one_column_a_class(name: str, size: int) -> None:
    """Images (N, S, S, 1) become logits (N, classes), at every input size the registry allows."""
    low, high = BACKBONES.get(name).input_sizes
    if not low <= size <= high:
        pytest.skip(f"{name} takes {low} to {high} pixels")
    model = network(name) if size == 28 else create(recipe_for(name, size), seed=0)
    freeze.set_modes(model, None)
    logits = jax.eval_shape(lambda x: model(x), jnp.zeros((3, size, size, 1)))
    assert logits.shape == (3, 10)
    assert logits.dtype == jnp.float32


@pytest.mark.parametrize("name", list(BACKBONES))
def test_declared_size_is_the_modules_own(name: str) -> None:
    """What `indicdigits backbones` lists, without JAX, is counted on the real module here."""
    entry = BACKBONES.get(name)
    sizes = [array.size for array in surgery.split(network(name))[1].params.values()]
    assert sum(sizes) == entry.count
    assert multiply_adds(network(name), 28) == entry.multiply_adds


@pytest.mark.parametrize("name", LIMITS)
def test_backbones_stay_small(name: str) -> None:
    """`cnn-nano` has at most 25,000 parameters, `cnn` 200,000 and 6.5 million multiply-adds."""
    parameters, cost = LIMITS[name]
    assert BACKBONES.get(name).count <= parameters
    assert BACKBONES.get(name).multiply_adds <= cost


def test_the_textbook_network_has_its_true_size() -> None:
    """`cnn-classic` has 467,818 parameters, not the 170,000 often claimed."""
    assert BACKBONES.get("cnn-classic").count == 467_818


@pytest.mark.parametrize("name", list(BACKBONES))
def test_stages_one_by_one_are_the_whole(name: str) -> None:
    """A prefix can be computed once and kept: what it returns, the rest goes on from."""
    model = network(name)
    freeze.set_modes(model, None)
    stages = BACKBONES.get(name).stages
    assert stages == model.STAGES

    @jax.jit
    def both(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = images
        for index in range(len(stages)):
            x = model.forward(x, start=index, stop=index + 1)
            assert x.shape[0] == len(images)
        return x, model(images)

    stepwise, whole = both(jax.random.uniform(jax.random.key(0), (3, 28, 28, 1)))
    np.testing.assert_allclose(stepwise, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_heads_that_are_said_to_end_in_a_dense_layer_do(name: str) -> None:
    """There the logits are a product of the features with the kernel; elsewhere are no features."""
    model = network(name)
    freeze.set_modes(model, None)
    images = jax.random.uniform(jax.random.key(0), (3, 28, 28, 1))
    assert hasattr(model.head, "features") == BACKBONES.get(name).ends_dense
    if not BACKBONES.get(name).ends_dense:
        return
    features, logits = jax.jit(lambda x: (model.features(x), model(x)))(images)
    params = surgery.split(model)[1].params
    expected = features @ params["head/dense/kernel"] + params["head/dense/bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_gradients_reach_every_parameter(name: str) -> None:
    """No parameter is idle: the loss depends on each of them."""
    model = network(name)
    model.train()
    graph, weights = surgery.split(model)
    images = jax.random.uniform(jax.random.key(0), (16, 28, 28, 1))
    targets = jax.nn.one_hot(jnp.arange(16) % 10, 10)

    @jax.jit
    def gradients(params: surgery.Arrays) -> surgery.Arrays:
        def loss(params: surgery.Arrays) -> jax.Array:
            model = surgery.merge(graph, params, weights.stats)
            logits, penalty = model.outputs(images, targets, nnx.Rngs(dropout=jax.random.key(1)))
            return optax.softmax_cross_entropy(logits, targets).mean() + penalty

        return jax.grad(loss)(params)

    for path, gradient in gradients(weights.params).items():
        assert np.all(np.isfinite(gradient)), path
        assert np.any(gradient), path


def test_the_same_seed_gives_the_same_weights() -> None:
    """Fresh weights are a function of the seed."""
    first, again, other = (surgery.split(create(recipe_for("cnn"), seed=s))[1] for s in (3, 3, 4))
    for path, array in first.params.items():
        np.testing.assert_array_equal(array, again.params[path])
    assert not np.array_equal(first.params["stem/conv/kernel"], other.params["stem/conv/kernel"])


def test_space_to_depth_keeps_every_pixel() -> None:
    """Folding is a permutation: each 2x2 block becomes one pixel of four channels."""
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(space_to_depth(x)[0, 0, 1], [2, 3, 6, 7])


def test_frozen_stages_run_in_evaluation_mode() -> None:
    """Batch statistics and dropout of frozen stages stand still, the others' do not."""
    recipe = recipe_for("cnn")
    model = create(recipe, seed=0)
    rules = tuple(Rule(prefix=s, frozen=s == "stage1") for s in BACKBONES.get("cnn").stages)
    freeze.set_modes(model, Phase(name="p", epochs=1, learning_rate=1.0, rules=rules))
    assert model.stage1.norm.use_running_average
    assert not model.stage2.norm1.use_running_average
    assert not model.head.dropout.deterministic
    freeze.set_modes(model, None)
    assert model.stage2.norm1.use_running_average
    assert model.head.dropout.deterministic


def test_only_the_head_may_differ_and_only_when_it_is_reset() -> None:
    """A checkpoint with 46 classes fine-tunes to 10, and is refused where it must fit whole."""
    fresh = surgery.split(create(recipe_for("cnn"), seed=0))[1]
    loaded = surgery.split(create(recipe_for("cnn"), seed=1))[1]
    loaded.params["head/dense/kernel"] = jnp.zeros((96, 46))
    loaded.params["head/dense/bias"] = jnp.zeros(46)
    filled = surgery.transfer(fresh, loaded, head="reset", where="here")
    assert filled.params["head/dense/kernel"].shape == (96, 10)
    np.testing.assert_array_equal(
        filled.params["stem/conv/kernel"], loaded.params["stem/conv/kernel"]
    )
    with pytest.raises(CheckpointError, match=r"allowed: float32\[10\]"):
        surgery.transfer(fresh, loaded, head="keep", where="here")
    del loaded.params["stage2/conv1/kernel"]
    with pytest.raises(CheckpointError, match="lacks parameter 'stage2/conv1/kernel'"):
        surgery.transfer(fresh, loaded, head="reset", where=Path("there"))
