"""A trained network -> an ONNX graph."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from flax import nnx
from jax2onnx import to_onnx as jax_to_onnx

from indicdigits.errors import VerificationError
from indicdigits.export.importers import spell_out
from indicdigits.export.network import probabilities_of
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.session import class_metadata

OPSET = 17


def to_onnx(
    model: nnx.Module, size: int, classes: Sequence[ClassEntry], *, script: str = ""
) -> bytes:
    """Converts a network to ONNX (opset 17).

    Batch normalisation is folded into the convolutions and constants are computed, so that
    every runtime gets the short graph, and not only those that optimise while loading.

    Args:
        model: Maps images (N,S,S,1), float32 in [0,1], to logits (N,C). Not changed.
        size: S, pixels.
        classes: The C classes, kept in the graph's metadata.
        script: Likewise.

    Returns:
        The graph: `image` float32 (N,S,S,1) -> `probabilities` float32 (N,C), N free.

    Raises:
        VerificationError: Something in the network cannot be said in ONNX.
    """
    graph = convert(probabilities_of(model), [("N", size, size, 1)], "image")
    onnx.helper.set_model_props(graph, {"classes": class_metadata(classes), "script": script})
    return bytes(graph.SerializeToString(deterministic=True))


def convert(
    answer: Callable[..., Any], inputs: Sequence[tuple[str | int, ...]], name: str
) -> onnx.ModelProto:
    """Converts a function of one input, called `name`, that answers `probabilities`.

    Raises:
        VerificationError: Something in it cannot be said in ONNX.
    """
    try:
        with _quiet_logs():
            graph: Any = jax_to_onnx(
                answer,
                inputs=list(inputs),
                model_name="indicdigits",
                opset=OPSET,
                input_names=[name],
                output_names=["probabilities"],
            )
        graph = spell_out(_fold(_as_opset_says(graph)))
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:  # the converter raises whatever its layers meet
        raise VerificationError(
            f"the network cannot be exported to ONNX: {type(error).__name__}: {error}",
            hint="a backbone exports when it is made of layers that jax2onnx knows",
        ) from error
    return graph


def _as_opset_says(model: Any) -> Any:
    """Mends two things the converter leaves in a graph of opset 17."""
    # Its shapes of intermediate values are those of JAX's layout, and runtimes warn about them.
    del model.graph.value_info[:]
    # Up to opset 17 these take their axes as an attribute, not as a second input.
    constants = {item.name: item for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("ReduceMean", "ReduceMax", "ReduceMin") and len(node.input) == 2:
            axes = onnx.numpy_helper.to_array(constants[node.input.pop()]).tolist()
            node.attribute.append(onnx.helper.make_attribute("axes", axes))
    return model


def _fold(model: Any) -> Any:
    """Lets onnxruntime do its basic optimisations, which stay within standard operators."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        folded: Any = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in folded.graph.node}
    imports = [item for item in folded.opset_import if item.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(imports)
    return folded


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silences the converter: shapes that `_as_opset_says` mends, and old calls into Flax."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
