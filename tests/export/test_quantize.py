"""Graphs in eight bits: smaller, checked picture by picture, refused where they lose too much."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from indicdigits.errors import DataError, ParityError
from indicdigits.export import quantize
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.session import open_session, run_graph
from indicdigits.runtime.shipped import find


@pytest.fixture(scope="module")
def small() -> bundles.Bundle:
    """A trained reader of 93 kB."""
    return bundles.read(find("tamil-nano"))


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Tamil digits, and which they are: 20 of each."""
    from indicdigits import recipe as recipes
    from indicdigits.data.strokes.drawer import Drawer
    from indicdigits.data.strokes.shapes import parse
    from indicdigits.imaging.normalise import normalise

    recipe = recipes.load(recipes.find("scripts/tamil"))
    texts = [entry.text for entry in recipe.labels]
    drawer = Drawer(parse(recipe.strokes, texts))
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    writer = drawer.writer(rng)
    pictures = [normalise(drawer.draw(texts[label], writer, rng), 28) for label in labels]
    return np.stack(pictures), labels


@pytest.fixture(scope="module")
def int8(small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray]) -> bytes:
    return quantize.to_int8(small.graph, drawn[0])


def test_a_third_of_the_size(small: bundles.Bundle, int8: bytes) -> None:
    """Promise: `cnn-nano` in eight bits is below 40 kB, with the same ends and metadata."""
    assert len(int8) < 40_000 < len(small.graph)
    before, after = onnx.load_from_string(small.graph), onnx.load_from_string(int8)
    assert before.graph.input == after.graph.input
    assert before.graph.output == after.graph.output
    assert {p.key: p.value for p in before.metadata_props} == {
        p.key: p.value for p in after.metadata_props
    }


def test_same_pictures_same_graph(
    small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray], int8: bytes
) -> None:
    """Promise: quantising again gives the same bytes."""
    assert quantize.to_int8(small.graph, drawn[0]) == int8


def test_what_it_costs(
    small: bundles.Bundle, drawn: tuple[np.ndarray, np.ndarray], int8: bytes
) -> None:
    """Promise: errors of both are counted, and the pictures that changed are named."""
    images, labels = drawn
    found = quantize.loss(small.graph, int8, images, labels)
    one, two = (
        run_graph(open_session(graph, threads=1, where="test"), images).argmax(axis=1)
        for graph in (small.graph, int8)
    )
    assert found.pictures == 200
    assert found.errors == np.count_nonzero(one != labels)
    assert found.int8_errors == np.count_nonzero(two != labels)
    assert found.changed.tolist() == np.flatnonzero(one != two).tolist()


def test_too_much_is_refused() -> None:
    """Promise: more than a tenth of a point lost ends the export; so do answers that are none."""
    good = {"pictures": 1000, "errors": 5, "int8_errors": 6, "changed": np.array([3])}
    quantize.Loss(**good, max_difference=0.1)
    with pytest.raises(ParityError, match=r"0\.20 points"):
        quantize.Loss(**good | {"int8_errors": 7}, max_difference=0.1)
    with pytest.raises(ParityError):
        quantize.Loss(**good, max_difference=float("nan"))


def test_nothing_to_look_at(small: bundles.Bundle) -> None:
    """Promise: without pictures there are no ranges, and that is said."""
    with pytest.raises(DataError, match="no pictures"):
        quantize.to_int8(small.graph, np.zeros((0, 28, 28), np.uint8))
