"""A bundle in every runtime that is here, beside the textbook network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from indicdigits.runtime.bundle import Bundle

TEXTBOOK = "textbook network"
_RUNTIMES = {
    "onnxruntime": ("ONNX Runtime", "onnxruntime"),
    "opencv": ("OpenCV", "cv2"),
    "openvino": ("OpenVINO", "openvino"),
    "torch": ("PyTorch", "torch"),
}
_WAIT = 120  # seconds beside those of measuring, for imports on a busy machine


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network in a runtime.

    Attributes:
        network: The bundle's name, or "textbook network".
        runtime: "ONNX Runtime", ….
        threads: CPU threads.
        bytes: Of its graph; None where there is no file.
        start_ms: Importing the runtime and opening the graph, first answer included.
        p50_us: Median of one picture at a time, in microseconds.
        p99_us: What one in a hundred takes longer than.
        per_second: Pictures a second in batches of 256.
        memory_mb: The most that its process had resident, Python and numpy included.
        error: Why it could not be measured, or None.
    """

    network: str
    runtime: str
    threads: int
    bytes: int | None
    start_ms: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    per_second: float | None = None
    memory_mb: float | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for `--json`."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class _Job:
    network: str
    engine: str
    threads: int
    textbook: bool


def _jobs(name: str, threads: Sequence[int]) -> list[_Job]:
    """What is measured: the bundle in each runtime, and the textbook network as its users run it.

    The latter needs the extra `train` for its graph, and PyTorch to be there.
    """
    networks: list[tuple[str, Sequence[str], bool]] = [
        (name, ("onnxruntime", "opencv", "openvino"), False)
    ]
    if find_spec("onnx"):
        networks.append((TEXTBOOK, ("onnxruntime", "torch"), True))
    return [
        _Job(network=network, engine=engine, threads=count, textbook=textbook)
        for network, engines, textbook in networks
        for engine in engines
        if find_spec(_RUNTIMES[engine][1])
        for count in threads
    ]


def count(threads: Sequence[int]) -> int:
    """How many rows there will be."""
    return len(_jobs("", threads))


def measured(
    bundle: Bundle, threads: Sequence[int], seconds: float, advance: Callable[[str], None]
) -> Iterator[Row]:
    """Measures one row after the other, each in a process of its own.

    Args:
        bundle: What to measure.
        threads: Numbers of CPU threads.
        seconds: For each figure.
        advance: Hears what was measured.
    """
    jobs = _jobs(bundle.name, threads)
    with TemporaryDirectory(prefix="indicdigits-bench-") as folder:
        graph, textbook = Path(folder) / "bundle.onnx", Path(folder) / "textbook.onnx"
        graph.write_bytes(bundle.graph)
        if any(job.textbook for job in jobs):
            textbook.write_bytes(textbook_graph())
        for job in jobs:
            if job.textbook:
                yield _row(job, textbook, 28, seconds)
            else:
                yield _row(job, graph, bundle.input_size, seconds)
            advance(f"{job.network} in {job.engine}")


def _row(job: _Job, graph: Path, side: int, seconds: float) -> Row:
    row = partial(
        Row,
        network=job.network,
        runtime=_RUNTIMES[job.engine][0],
        threads=job.threads,
        bytes=None if job.engine == "torch" else graph.stat().st_size,
    )
    words = [job.engine, str(graph), str(side), str(job.threads), str(seconds)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "indicdigits.evaluation.bench_engines", *words],
            capture_output=True,
            text=True,
            timeout=_WAIT + 4 * seconds,
        )
    except subprocess.TimeoutExpired:
        return row(error="took too long")
    if done.returncode:
        return row(error=_last_line(done.stderr))
    return row(**json.loads(done.stdout.splitlines()[-1]))


def _last_line(text: str) -> str:
    lines = [line.strip(" >") for line in text.splitlines() if line.strip(" >")]
    return lines[-1][:200] if lines else "no reason given"


def textbook_graph() -> bytes:
    """The textbook network (`cnn-classic`) as an ONNX graph with random weights.

    Raises:
        ModuleNotFoundError: onnx, of the extra `train`, is not installed.
    """
    from onnx import TensorProto, helper, numpy_helper

    rng, last = np.random.default_rng(0), "image"
    constants: list[Any] = []
    nodes: list[Any] = []

    def add(operator: str, *shapes: tuple[int, ...], **attributes: Any) -> None:
        nonlocal last
        output, names = f"{operator}_{len(nodes)}", []
        for shape in shapes:
            values = rng.normal(0, 0.05, shape).astype(np.float32)
            names.append(f"constant_{len(constants)}")
            constants.append(numpy_helper.from_array(values, names[-1]))
        nodes.append(helper.make_node(operator, [last, *names], [output], **attributes))
        last = output

    add("Transpose", perm=[0, 3, 1, 2])
    for inputs, outputs in ((1, 32), (32, 64)):
        for channels in (inputs, outputs):
            kernel = (outputs, channels, 3, 3)
            add("Conv", kernel, (outputs,), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            add("Relu")
        add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    add("Flatten")
    add("Gemm", (128, 7 * 7 * 64), (128,), transB=1)
    add("Relu")
    add("Gemm", (10, 128), (10,), transB=1)
    add("Softmax", axis=1)
    nodes[-1].output[0] = "probabilities"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 28, 28, 1])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "textbook", [image], [answer], constants)
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown; ratios are to the textbook network in ONNX Runtime, same threads."""
    head = (
        "network | runtime | threads | kB | p50, µs | p99, µs | images/s | MB | start, ms | ratio"
    )
    lines = [f"| {head} |", f"|{'---|' * head.count('|')}---|"]
    for row in rows:
        cells = [row.network, row.runtime, str(row.threads), _whole(row.bytes, 1000)]
        if row.error:
            cells += [f"cannot run: {row.error}", *[""] * 5]
        else:
            figures = (row.p50_us, row.p99_us, row.per_second, row.memory_mb, row.start_ms)
            cells += [*map(_whole, figures), _ratio(row, rows)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(row: Row, rows: Sequence[Row]) -> str:
    """How many times faster than the textbook network, one picture at a time."""
    peer = next(
        (
            other.p50_us
            for other in rows
            if (other.network, other.runtime, other.threads)
            == (TEXTBOOK, "ONNX Runtime", row.threads)
        ),
        None,
    )
    return f"{peer / row.p50_us:.1f}" if peer and row.p50_us else ""


def _whole(value: float | None, unit: float = 1) -> str:
    return "" if value is None else f"{value / unit:,.0f}"
