"""Graphs spelled out for older readers of ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from indicdigits.export.importers import spell_out
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.session import open_session, run_graph
from indicdigits.runtime.shipped import find


@pytest.mark.parametrize("name", ["devanagari", "devanagari-nano"])
def test_spelled_out(name: str) -> None:
    """Kernels and dense layers are spelled out, and the answers stay."""
    bundle = bundles.read(find(name))
    model = spell_out(onnx.load_from_string(bundle.graph))
    onnx.checker.check_model(model)
    for node in model.graph.node:
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            assert len(given["kernel_shape"]) == 2
        if node.op_type == "Gemm":
            assert given["transB"] == 1
            assert len(node.input) == 3
    session = open_session(model.SerializeToString(), threads=1, where=name)
    golden = bundle.golden
    np.testing.assert_allclose(run_graph(session, golden.inputs), golden.probabilities, atol=1e-5)
    before = model.SerializeToString()
    assert spell_out(model).SerializeToString() == before
