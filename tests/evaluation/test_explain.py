"""What explains an answer is about that answer: the axioms and sanity checks of the methods."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.errors import PictureError, UsageError
from indicdigits.evaluation import gradients
from indicdigits.evaluation.explain import explain, saliency
from indicdigits.evaluation.explainable import METHODS, Explainable, of_model, open_network
from indicdigits.evaluation.occlusion import occlusion
from indicdigits.models import create, freeze
from indicdigits.registry import BACKBONES
from indicdigits.training.weights import LoadedModel

SAMPLE = Path(__file__).parents[2] / "docs" / "pictures" / "sample-devanagari.png"


@functools.cache
def network(backbone: str, seed: int = 0, size: int = 28) -> Any:
    """An untrained network in evaluation mode."""
    changes = [f'model.backbone="{backbone}"', f"data.input_size={size}"]
    model = create(recipes.load(recipes.find("mnist-cnn"), changes), seed=seed)
    freeze.set_modes(model, None)
    return model


def asked(backbone: str, seed: int = 0) -> Explainable:
    """The same, to be asked why."""
    recipe = recipes.load(recipes.find("mnist-cnn"), [f'model.backbone="{backbone}"'])
    return of_model(LoadedModel(model=network(backbone, seed), recipe=recipe, info={}))


@functools.cache
def shipped(name: str) -> Explainable:
    return open_network(name)


def strokes(count: int = 3) -> np.ndarray:
    """Pictures (N, 28, 28) uint8 with one thick stroke each, at other places and angles."""
    y, x = np.mgrid[-14:14, -14:14] + 0.5
    angles = np.arange(count)[:, None, None] * np.pi / count + 0.3
    away = np.abs(x * np.sin(angles) - y * np.cos(angles) - 2)
    return (255 * np.clip(3 - away, 0, 1) * (x**2 + y**2 < 100)).astype(np.uint8)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_declared_methods(name: str) -> None:
    """Which methods fit is told by the registry: gradients always, the others by its structure."""
    entry, methods = BACKBONES.get(name), asked(name).methods
    assert {"integrated-gradients", "occlusion"} <= set(methods)
    assert ("grad-cam" in methods) == (entry.maps is not None)
    attends = any("/attention/" in path for path in entry.parameters)
    assert ("attention-rollout" in methods) == attends


def test_a_front_end_that_sees_the_whole_picture_moves_no_grid() -> None:
    """In `cnn-robust` every unit depends on all pixels; its stages lie as those of `cnn` do."""
    robust, plain = BACKBONES.get("cnn-robust"), BACKBONES.get("cnn")
    assert robust.maps == plain.maps
    paper = jnp.zeros((1, 64, 64, 1))
    shapes = [network(name, size=64).forward(paper, stop=4).shape for name in ("cnn", "cnn-robust")]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "name", [name for name in BACKBONES if name not in ("linear", "mlp", "cnn-robust")]
)
def test_grids_are_where_the_units_are(name: str) -> None:
    """A unit's declared centre is the middle of the pixels that it depends on."""
    size, entry = 64, BACKBONES.get(name)
    model, grid = network(name, size=size), entry.maps or entry.tokens
    assert grid is not None
    stop = entry.stages.index(grid.stage) + 1
    image = jnp.asarray(np.random.default_rng(0).random((1, size, size, 1)), jnp.float32)
    shape = jax.eval_shape(lambda x: model.forward(x, stop=stop), image).shape
    side = shape[1] if len(shape) == 4 else round(shape[1] ** 0.5)
    if entry.maps:  # the last stage that answers maps
        assert len(shape) == 4
        after = jax.eval_shape(lambda x: model.forward(x, stop=stop + 1), image).shape
        assert len(after) < 4
    unit = side // 2

    def answer(x: jax.Array) -> jax.Array:
        features = model.forward(x, stop=stop).reshape(side, side, -1)
        return jnp.abs(features[unit, unit - 1]).sum()

    seen = np.abs(np.asarray(jax.jit(jax.grad(answer))(image)))[0, ..., 0]
    for axis, place in ((1, unit), (0, unit - 1)):
        pixels = np.flatnonzero(seen.max(axis=axis) > 1e-6 * seen.max())
        assert 0 < pixels[0] < pixels[-1] < size - 1  # it is not cut at an edge
        # A ReLU that is off can hide the outermost pixel.
        middle = (pixels[0] + pixels[-1]) / 2
        assert middle == pytest.approx(grid.first + place * grid.pitch, abs=0.5)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_integrated_gradients_are_complete(name: str) -> None:
    """The attributions add up to the class's logit less that of blank paper (Sundararajan)."""
    model, images = network(name), strokes()
    classes = np.array([3, 1, 4])
    found = gradients.integrated_gradients(model, images, classes)
    x = jnp.asarray(images, jnp.float32)[..., None] / 255
    rise = np.asarray(jax.jit(lambda x: model(x) - model(0 * x))(x))[np.arange(3), classes]
    np.testing.assert_allclose(found.sum((1, 2)), rise, rtol=0.05, atol=0.02)
    assert np.abs(rise).max() > 0.05  # there was something to add up
    assert not found[images == 0].any()  # what is paper adds nothing


@pytest.mark.parametrize(
    ("name", "method"),
    [(n, m) for n in ("mnist-cnn", "mnist-vit") for m in shipped(n).methods],
)
def test_randomised_weights_change_the_map(name: str, method: str) -> None:
    """A map that stays when the weights are random shows the picture, not the network (Adebayo)."""
    trained, backbone = shipped(name), name.removeprefix("mnist-")
    images, classes = strokes(8), np.ones(8, int)
    before = saliency(trained, images, classes, method=method)
    after = saliency(asked(backbone, seed=5), images, classes, method=method)
    alike = [
        np.corrcoef(one[ink], other[ink])[0, 1] if one[ink].std() and other[ink].std() else 0.0
        for one, other, ink in zip(before, after, images > 0, strict=True)
    ]
    assert before.any()
    assert abs(np.mean(alike)) < 0.4  # 0.14 at most, measured; a map of the picture alone has 1


@pytest.mark.parametrize("name", ["cnn", "vit", "linear"])
def test_maps_do_not_depend_on_the_batch(name: str) -> None:
    """A picture's map is the same whatever stands beside it, in every method that fits."""
    network, images = asked(name), strokes(4)
    classes = np.array([0, 5, 2, 9])
    for method in network.methods:
        found = saliency(network, images, classes, method=method)
        turned = saliency(network, images[::-1], classes[::-1], method=method)
        assert found.shape == (4, 28, 28)
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        np.testing.assert_allclose(found, turned[::-1], atol=1e-4)


def test_grad_cam_is_about_the_class() -> None:
    """Another class of the same picture has another map."""
    twice, classes = np.repeat(strokes(1), 2, axis=0), np.array([1, 8])
    one, other = saliency(shipped("mnist-cnn"), twice, classes, method="grad-cam")
    assert np.abs(one - other).max() > 0.2


def test_grad_cam_lies_where_the_evidence_is() -> None:
    """A network that looks at one unit of its map only is explained by that unit's place."""
    grid = BACKBONES.get("cnn").maps
    assert grid is not None
    maps = np.zeros((1, 4, 4), np.float32)
    maps[0, 1, 2] = 1
    spread = gradients.spread(maps, 28, grid)[0]
    assert np.unravel_index(spread.argmax(), spread.shape) == (8, 16)
    assert spread[8, 16] == 1
    assert spread[8, 8] == 0


def test_occlusion_finds_what_counts() -> None:
    """Where a class depends on one pixel, covering that pixel is what is marked."""
    images = np.full((2, 28, 28), 200, np.uint8)

    def probabilities(pictures: np.ndarray) -> np.ndarray:
        share = np.where(pictures[:, 20, 6] > 0, 0.999999, 0.2)
        return np.stack([share, 1 - share], axis=1).astype(np.float32)

    found = occlusion(probabilities, images, np.array([0, 1]))
    row, column = np.unravel_index(found[0].argmax(), (28, 28))
    assert (row in (20, 21), column in (6, 7)) == (True, True)
    assert found[0, 5, 20] == 0
    np.testing.assert_allclose(found[0], -found[1], rtol=1e-5)  # one loses what the other gains


def test_blank_pictures_and_no_pictures() -> None:
    """A picture without ink has an empty map, beside others that have theirs; none are none."""
    network = asked("linear")
    images = np.concatenate([strokes(1), np.zeros((1, 28, 28), np.uint8)])
    for method in network.methods:
        found = saliency(network, images, np.array([1, 1]), method=method)
        assert found[0].max() == 1
        assert not found[1].any()
    assert saliency(network, images[:0], np.array([], int)).shape == (0, 28, 28)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_all_ink_or_all_paper(grey: int) -> None:
    """A picture of one colour is refused in words: there is nothing to explain."""
    with pytest.raises(PictureError, match="no ink found"):
        explain(shipped("mnist-cnn"), np.full((40, 30), grey, np.uint8))


def test_explanation_of_a_reader_and_its_run_agree_on_what_was_seen() -> None:
    """A reader and a network see the same picture, and the answer explained is the best one."""
    reader, network = shipped("devanagari"), shipped("mnist-cnn")
    one, other = explain(reader, SAMPLE), explain(network, SAMPLE)
    np.testing.assert_array_equal(one.picture, other.picture)
    assert (one.method, other.method) == ("occlusion", "grad-cam")
    assert one.answers[0].text == "७" == reader.classes[one.of].text
    assert one.saliency.max() == other.saliency.max() == 1
    assert explain(reader, SAMPLE, of="1").of == 1
    assert "missing" in one.caption
    assert "coarse" in other.caption


def test_heads_must_be_told() -> None:
    """A network with a head for each script is told which by the class, and answers within it."""
    network = shipped("indic-cnn")
    with pytest.raises(UsageError, match="must be told"):
        explain(network, SAMPLE)
    found = explain(network, SAMPLE, of=network.classes[0].text)
    head = np.asarray(network.heads)
    texts = [network.classes[i].text for i in np.flatnonzero(head == head[0])]
    assert {answer.text for answer in found.answers} <= set(texts)
    native = tuple(entry for entry in network.classes if not entry.text.isascii())
    with pytest.raises(UsageError, match="classes have the value 3"):
        explain(dataclasses.replace(network, classes=native), SAMPLE, of="3")


@pytest.mark.parametrize(
    ("name", "method", "said"),
    [
        ("devanagari", "grad-cam", "inference graph"),
        ("mnist-linear", "grad-cam", "does not fit"),
        ("mnist-cnn", "attention-rollout", "does not fit"),
        ("mnist-vit", "grad-cam", "does not fit"),
        ("mnist-cnn", "gradcam", "did you mean 'grad-cam'"),
    ],
)
def test_methods_that_do_not_fit(name: str, method: str, said: str) -> None:
    """A method that is unknown, or for which a network has no gradients or maps, is said."""
    with pytest.raises(UsageError) as raised:
        saliency(shipped(name), strokes(1), np.array([0]), method=method)
    assert said in str(raised.value)
    assert "occlusion" in str(raised.value.allowed)
    assert set(METHODS) >= set(shipped(name).methods)
