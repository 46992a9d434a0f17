"""One runtime, one graph, one number of threads: how fast and how large, in a process of its own.

    python -m indicdigits.evaluation.bench_engines ENGINE GRAPH SIZE THREADS SECONDS

Prints a line of JSON. A process each, since memory that was taken once is never given back, and
since runtimes leave threads behind.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH = 256
_WARM_UP = 20  # calls that do not count
_LEAST = 200  # calls of one picture that count at least: p99 of fewer says nothing

Inputs = npt.NDArray[np.float32]  # (N,S,S,1) in [0, 1]
Run = Callable[[Inputs], Any]


def onnxruntime(graph: str, threads: int) -> Run:
    """As the package itself reads."""
    from indicdigits.runtime.session import open_session

    session = open_session(Path(graph).read_bytes(), threads=threads, where=graph)
    return lambda inputs: session.run(["probabilities"], {"image": inputs})


def opencv(graph: str, threads: int) -> Run:
    """OpenCV's DNN module."""
    import cv2

    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(graph)

    def run(inputs: Inputs) -> Any:
        network.setInput(inputs, "image")
        return network.forward("probabilities")

    return run


def openvino(graph: str, threads: int) -> Run:
    """OpenVINO, in float32, kept from reporting to its makers that it is used."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino as ov

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    core = ov.Core()
    compiled = core.compile_model(core.read_model(graph), "CPU", settings)
    request = compiled.create_infer_request()
    return lambda inputs: request.infer({"image": inputs})


def torch(_: str, threads: int) -> Run:
    """The textbook network in PyTorch, whatever the graph."""
    import torch as library
    from torch import nn

    library.set_num_threads(threads)

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        first = nn.Conv2d(inputs, outputs, 3, padding=1)
        second = nn.Conv2d(outputs, outputs, 3, padding=1)
        return [first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2)]

    network = nn.Sequential(
        *block(1, 32), *block(32, 64), nn.Flatten(), nn.Linear(7 * 7 * 64, 128), nn.ReLU(),
        nn.Linear(128, 10), nn.Softmax(1),
    ).eval()  # fmt: skip

    def run(inputs: Inputs) -> Any:
        with library.inference_mode():
            return network(library.from_numpy(inputs).permute(0, 3, 1, 2)).numpy()

    return run


ENGINES: dict[str, Callable[[str, int], Run]] = {
    "onnxruntime": onnxruntime,
    "opencv": opencv,
    "openvino": openvino,
    "torch": torch,
}


def measure(engine: str, graph: str, size: int, threads: int, seconds: float) -> dict[str, float]:
    """Measures a runtime.

    Args:
        engine: One of `ENGINES`.
        graph: The path of an ONNX graph: `image` float32 (N,S,S,1) -> `probabilities`.
        size: Side S of its input.
        threads: CPU threads.
        seconds: For one picture at a time, and again for batches.

    Returns:
        start_ms (import and opening, without numpy), p50_us and p99_us of one picture,
        per_second in batches of 256, memory_mb (the most that was resident).
    """
    started = time.perf_counter()
    run = ENGINES[engine](graph, threads)
    one = np.random.default_rng(0).random((1, size, size, 1), np.float32)
    run(one)
    start = time.perf_counter() - started
    times = _times(lambda: run(one), seconds, _LEAST)
    many = np.random.default_rng(0).random((BATCH, size, size, 1), np.float32)
    batches = _times(lambda: run(many), seconds, 3)
    return {
        "start_ms": 1e3 * start,
        "p50_us": 1e6 * statistics.median(times),
        "p99_us": 1e6 * float(np.quantile(times, 0.99)),
        "per_second": BATCH / statistics.median(batches),
        "memory_mb": peak_memory(),
    }


def peak_memory() -> float:
    """The most that this process had resident, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there includes the parent before the start
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    import resource

    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def _times(work: Callable[[], Any], seconds: float, least: int) -> list[float]:
    """Seconds of each call, after some that do not count."""
    for _ in range(min(_WARM_UP, least)):
        work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    _engine, _graph, _size, _threads, _seconds = sys.argv[1:]
    print(json.dumps(measure(_engine, _graph, int(_size), int(_threads), float(_seconds))))
