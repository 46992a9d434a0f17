"""A trained network -> an ONNX graph, and a run -> a bundle with that graph."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import onnx
import onnxruntime
from flax import nnx
from jax2onnx import to_onnx as convert

from indicdigits.errors import UsageError, VerificationError
from indicdigits.export import contents, verify
from indicdigits.export.graphs import merge_biases
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.archive import write_file
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.session import class_metadata

OPSET = 17


def export_run(run: Path, output: Path | None, reporter: Reporter) -> Path:
    """Exports a trained network as a bundle, through the parity gate.

    Args:
        run: The run folder.
        output: The file to write; None puts it into the run folder.
        reporter: Where progress goes.

    Returns:
        The file. It exists only when graph and network agreed, and the file, read back, answered
        its golden vectors; otherwise what stood there before is left alone.

    Raises:
        CheckpointError: The run has no weights, or they are damaged.
        DataError: The test pictures cannot be had, or the disk refused.
        ParityError: The graph answers differently from the network.
        UsageError: `run` is no run folder, or `output` is a folder.
    """
    source = contents.gather(run, reporter)
    path = output or source.default_output
    if path.is_dir():
        raise UsageError("is a folder", where=path, allowed="the file to write")
    labels = source.recipe.labels
    size = source.recipe.data.input_size
    reporter.say(f"converting {source.recipe.name} to ONNX")
    graph = to_onnx(source.model, size, labels, script=source.recipe.script)
    reporter.say(f"comparing graph and network on {len(source.test.images):,} test pictures")
    parity = verify.compare(graph, source.predict, source.test.images)
    reporter.say(
        f"largest difference {parity.max_difference:.1e} on {parity.pictures:,} pictures "
        f"in batches of {', '.join(map(str, parity.batches))}; all decisions agree"
    )
    data = bundles.to_bytes(source.bundle(graph, parity))
    Reader(bundles.from_bytes(data, where=path)).check_golden()
    write_file(path, data)
    reporter.say(f"wrote {path} ({len(data) / 1000:,.0f} kB)")
    return path


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
    network = _for_export(model)
    try:
        with _quiet_logs():
            graph: Any = convert(
                lambda image: jax.nn.softmax(network(image), axis=-1),
                inputs=[("N", size, size, 1)],
                model_name="indicdigits",
                opset=OPSET,
                input_names=["image"],
                output_names=["probabilities"],
            )
        graph = merge_biases(_fold(_as_opset_says(graph)))
        onnx.helper.set_model_props(graph, {"classes": class_metadata(classes), "script": script})
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:  # the converter raises whatever its layers meet
        raise VerificationError(
            f"the network cannot be exported to ONNX: {type(error).__name__}: {error}",
            hint="a backbone exports when it is made of layers that jax2onnx knows",
        ) from error
    return bytes(graph.SerializeToString(deterministic=True))


class _Identity(nnx.Module):
    def __call__(self, x: jax.Array, **_: Any) -> jax.Array:
        return x


def _for_export(model: nnx.Module) -> nnx.Module:
    """A copy in evaluation mode, without dropout."""
    network = nnx.clone(model)
    network.eval()
    for _, module in nnx.iter_modules(network):
        for name, child in list(vars(module).items()):
            if isinstance(child, nnx.Dropout):  # the converter's own does not take rngs
                setattr(module, name, _Identity())
    return network


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
