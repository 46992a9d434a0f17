"""Rewritten graphs answer as before."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from indicdigits.export import graphs


def answers(model, **inputs: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)[0]


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).random((3, 28, 28, 1), np.float32)


def product(beta: float, shape: tuple[int, ...]) -> onnx.ModelProto:
    """A product with a first bias that counts `beta` times, then a sum with a second one."""
    rng = np.random.default_rng(1)
    constants = [
        numpy_helper.from_array(rng.random(size).astype(np.float32), name)
        for name, size in {"w": (4, 5), "b": (), "c": shape}.items()
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["y"], beta=beta),
        helper.make_node("Add", ["y", "c"], ["z"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])]
        for name, width in (("x", 4), ("z", 5))
    ]
    graph = helper.make_graph(nodes, "product", *ends, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("beta", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(5,), (1, 5)])
def test_biases_are_merged(beta: float, shape: tuple[int, ...]) -> None:
    """Promise: one product with one bias is left, and answers the same."""
    x = np.random.default_rng(2).random((3, 4), np.float32)
    expected = answers(product(beta, shape), x=x)
    merged = graphs.merge_biases(product(beta, shape))
    assert [node.op_type for node in merged.graph.node] == ["Gemm"]
    assert len(merged.graph.initializer) == 2
    np.testing.assert_allclose(answers(merged, x=x), expected, atol=1e-6)


def test_a_product_read_twice_stays() -> None:
    """Promise: where the product itself is wanted too, nothing is merged."""
    model = product(1.0, (5,))
    model.graph.node.append(helper.make_node("Relu", ["y"], ["r"]))
    model.graph.output.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, ["N", 5]))
    assert len(graphs.merge_biases(model).graph.node) == 3


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_come_in_another_way(
    graph: bytes, pictures: np.ndarray, layout: graphs.Layout, channels: int
) -> None:
    """Promise: planes or pixels, grey or colour: the same answers to the same pictures."""
    expected = answers(onnx.load_from_string(graph), image=pictures)
    model = graphs.with_input(onnx.load_from_string(graph), layout, channels)
    image = np.repeat(pictures, channels, axis=3)
    if layout == "NCHW":
        image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(answers(model, image=image), expected, atol=1e-6)
    sides = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    assert sides == ([28, 28, channels] if layout == "NHWC" else [channels, 28, 28])


def test_planes_cost_nothing(graph: bytes) -> None:
    """Promise: a network that turns pixels into planes first takes planes without a turn."""
    before = onnx.load_from_string(graph)
    after = graphs.with_input(onnx.load_from_string(graph), "NCHW", 1)
    assert before.graph.node[0].op_type == "Transpose"
    assert len(after.graph.node) == len(before.graph.node) - 1


def test_colour_is_its_luminance(graph: bytes, pictures: np.ndarray) -> None:
    """Promise: green counts most and blue least, as when OpenCV makes a picture grey."""
    model = graphs.with_input(onnx.load_from_string(graph), "NHWC", 3)
    colour = np.random.default_rng(3).random((3, 28, 28, 3), np.float32)
    grey = colour @ np.array(graphs.LUMINANCE, np.float32)[:, None]
    expected = answers(onnx.load_from_string(graph), image=grey)
    np.testing.assert_allclose(answers(model, image=colour), expected, atol=1e-6)
