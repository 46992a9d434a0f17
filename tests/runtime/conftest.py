"""A bundle around a small random graph, made without JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from indicdigits.imaging.normalise import SPEC, normalise
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.bundle import Bundle, ClassLabel
from indicdigits.runtime.container import sha256
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.parity import Parity
from indicdigits.runtime.session import open_session, run_graph
from indicdigits.scripts import SCRIPTS

SIZE, COUNT = 28, 10

Make = Callable[..., Bundle]


def tiny_graph() -> bytes:
    """Flatten, one dense layer, softmax."""
    weights = np.random.default_rng(0).normal(0, 0.2, (SIZE * SIZE, COUNT)).astype(np.float32)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SIZE, SIZE, 1])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", COUNT])
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    initial = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph(nodes, "tiny", [image], [answer], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def digit(size: int = 40) -> np.ndarray:
    """A dark stroke with a corner on light paper, uint8 (size, size)."""
    picture = np.full((size, size), 230, np.uint8)
    picture[size // 5 : -size // 5, size // 2 : size // 2 + size // 8] = 20
    picture[size // 5 : size // 5 + size // 8, size // 4 : size // 2] = 20
    return picture


def whole_bundle() -> Bundle:
    """A valid bundle for Devanagari."""
    graph = tiny_graph()
    pictures = (
        digit(40),
        255 - digit(28),
        np.dstack([digit(50)] * 3),
        np.full((9, 7), 99, np.uint8),
    )
    inputs = np.stack([normalise(picture, SIZE) for picture in pictures])
    answers = run_graph(open_session(graph, threads=1, where="test"), inputs)
    return Bundle(
        name="devanagari",
        script="devanagari",
        classes=tuple(
            ClassLabel(text=text, value=value)
            for value, text in enumerate(SCRIPTS["devanagari"].digits)
        ),
        input_size=SIZE,
        normalisation=SPEC,
        graph=graph,
        card="# Devanagari\n\n०१२\n",
        golden_npz=Golden(pictures=pictures, inputs=inputs, probabilities=answers).to_bytes(),
        parity=Parity(
            graph_sha256=sha256(graph),
            pictures=4,
            batches=(1, 4),
            max_difference=1e-6,
            differing_decisions=0,
        ),
        metrics={"dataset": "cmaterdb/devanagari", "part": "test", "seeds": [0], "accuracy": 0.99},
        licence="Apache-2.0",
        recipe={"digest": "0" * 64, "resolved": {"name": "devanagari"}},
        created_by="indicdigits 0.1.0",
    )


@pytest.fixture(scope="session")
def whole() -> Bundle:
    """A valid bundle."""
    return whole_bundle()


@pytest.fixture
def bundle_file(whole: Bundle, tmp_path: Path) -> Path:
    """The file of a valid bundle."""
    path = tmp_path / "mine.indicdigits"
    bundles.write(whole, path)
    return path


@pytest.fixture(scope="session")
def make(whole: Bundle) -> Make:
    """A valid bundle with some fields changed."""
    return lambda **changes: replace(whole, **changes)


@pytest.fixture
def picture() -> np.ndarray:
    """A picture with a dark stroke on light paper."""
    return digit()
