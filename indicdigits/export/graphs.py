"""ONNX graphs as data: rewrites after which a graph answers the same, in another form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper

from indicdigits.runtime.session import scaled

Layout = Literal["NHWC", "NCHW"]
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as OpenCV has it


@dataclass(frozen=True, kw_only=True)
class Ends:
    """How pictures come into a graph.

    Attributes:
        layout: Whether the channels come last or first.
        channels: 1 for grey, 3 for red, green and blue.
        preprocessing: Whether any picture comes in, uint8 of any size, and the graph itself brings
            it to the network's input; else that input, float32 in [0,1].
    """

    layout: Layout = "NHWC"
    channels: int = 1
    preprocessing: bool = False


def shape_of(size: int, ends: Ends) -> tuple[int, ...]:
    """Sides of one picture as a graph takes it; -1 is free."""
    side = -1 if ends.preprocessing else size
    if ends.layout == "NCHW":
        return (ends.channels, side, side)
    return (side, side, ends.channels)


def input_of(inputs: npt.NDArray[np.uint8], ends: Ends) -> npt.NDArray[Any]:
    """Pictures uint8 (N,H,W), or coloured (N,H,W,3), as a graph takes them."""
    pictures: npt.NDArray[Any] = inputs if ends.preprocessing else scaled(inputs)[..., 0]
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[..., np.newaxis], ends.channels, axis=3)
    if ends.layout == "NCHW":
        pictures = pictures.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pictures)


def merge_biases(model: Any) -> Any:
    """Puts the bias that is added after a matrix product into the product.

    The converter leaves a product without a bias and an addition behind it; runtimes merge them
    for themselves, but quantisation would treat the sum as one more activation.

    Args:
        model: An ONNX model; changed in place.

    Returns:
        The same model.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    for addition in [node for node in graph.node if node.op_type == "Add"]:
        product = _producer(graph, addition, "Gemm")
        bias = next((name for name in addition.input if name in constants), None)
        if product is None or bias is None or uses[product.output[0]] != 1:
            continue
        merged = numpy_helper.to_array(constants[bias]).reshape(-1)
        if len(product.input) == 3 and _attribute(product, "beta", 1.0):
            merged = merged + numpy_helper.to_array(constants[product.input[2]])
        del product.input[2:]
        for attribute in [a for a in product.attribute if a.name == "beta"]:
            product.attribute.remove(attribute)
        name = f"{bias}_merged"
        graph.initializer.append(numpy_helper.from_array(np.asarray(merged, np.float32), name))
        product.input.append(name)
        product.output[0] = addition.output[0]
        graph.node.remove(addition)
    return drop_unused(model)


def with_input(model: Any, layout: Layout, channels: int) -> Any:
    """Changes how the pictures come in; what the graph answers to them stays.

    Args:
        model: An ONNX model whose input `image` is float32 (N,S,S,1); changed in place.
        layout: "NHWC" or "NCHW".
        channels: 1 for grey; 3 for red, green and blue, of which the luminance is taken.

    Returns:
        The same model, its input float32 (N,S,S,channels) or (N,channels,S,S).
    """
    graph = model.graph
    size = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    shape = ["N", size, size, channels] if layout == "NHWC" else ["N", channels, size, size]
    head, name = [], "image"

    def step(operator: str, *constants: str, **attributes: Any) -> None:
        nonlocal name
        output = f"image_{operator.lower()}"
        head.append(helper.make_node(operator, [name, *constants], [output], **attributes))
        name = output

    first = graph.node[0]
    to_planes = first.op_type == "Transpose" and list(_attribute(first, "perm", [])) == [0, 3, 1, 2]
    if layout == "NCHW" and not (to_planes and channels == 1):
        step("Transpose", perm=[0, 2, 3, 1])
    if channels == 3:
        weights = np.array(LUMINANCE, np.float32).reshape(3, 1)
        graph.initializer.append(numpy_helper.from_array(weights, "luminance"))
        step("MatMul", "luminance")
    if layout == "NCHW" and to_planes and channels == 1:
        graph.node.remove(first)
        _rename(graph, first.output[0], "image")
    else:
        _rename(graph, "image", name)
    for node in reversed(head):
        graph.node.insert(0, node)
    kind = graph.input[0].type.tensor_type.elem_type
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("image", kind, shape))
    return model


def drop_unused(model: Any) -> Any:
    """Takes constants out of a model that no node reads; changed in place."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _producer(graph: Any, node: Any, operator: str) -> Any | None:
    """The node of a kind whose output another node reads, or None."""
    return next(
        (one for one in graph.node if one.op_type == operator and one.output[0] in node.input), None
    )


def _rename(graph: Any, old: str, new: str) -> None:
    """Lets every node that reads `old` read `new`."""
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _attribute(node: Any, name: str, default: Any) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else helper.get_attribute_value(found)
