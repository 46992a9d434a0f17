"""Graphs as older readers of ONNX want them: the same operators, everything spelled out.

The standard lets a graph leave out what can be inferred. OpenCV 4 does not infer all of it: 4.6
(Debian 12) to 4.10 want the size of every convolution's kernel, and they and 4.14 a dense layer as
PyTorch writes it. OpenCV 5 infers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from indicdigits.export.graphs import merge_biases


def spell_out(model: Any) -> Any:
    """Gives convolutions their `kernel_shape`, and dense layers (`Gemm`) bias and `transB=1`.

    Args:
        model: An ONNX model; changed in place.

    Returns:
        The same model, which answers the same.
    """
    graph = merge_biases(model).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Conv" and "kernel_shape" not in given:
            shape = list(constants[node.input[1]].dims)[2:]
            node.attribute.append(helper.make_attribute("kernel_shape", shape))
        if node.op_type == "Gemm" and not (given.get("transB") and given["transB"].i):
            weights = numpy_helper.to_array(constants[node.input[1]])
            turned = numpy_helper.from_array(np.ascontiguousarray(weights.T), node.input[1])
            constants[node.input[1]].CopyFrom(turned)
            if "transB" in given:
                node.attribute.remove(given["transB"])
            node.attribute.append(helper.make_attribute("transB", 1))
    return model
