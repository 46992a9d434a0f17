"""The programs on this machine that can run a bundle's graph, and how each answers its vectors."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from indicdigits.errors import IndicDigitsError, VerificationError
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.parity import TOLERANCE
from indicdigits.runtime.session import open_session, run_graph, scaled

Run = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """How one program answered a bundle's golden inputs.

    Attributes:
        engine: Its name, such as "onnxruntime".
        version: Its version.
        difference: Largest absolute difference of any probability; None where it could not run.
        error: Why it could not run, or None.
        tolerance: The largest difference that passes.
        needed: Whether it must be able to run the graph: every program must run a float graph,
            onnxruntime alone that of eight bits, which uses operators of its own.
    """

    engine: str
    version: str
    difference: float | None
    error: str | None = None
    tolerance: float = TOLERANCE
    needed: bool = True

    @property
    def passed(self) -> bool:
        """Whether it answered as the trained network did."""
        return self.difference is not None and self.difference <= self.tolerance  # not NaN

    @property
    def failed(self) -> bool:
        """Whether it answered otherwise, or cannot run what it must."""
        return not self.passed and (self.needed or self.error is None)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for `--json`."""
        return asdict(self) | {"passed": self.passed}


def replay(bundle: Bundle) -> Iterator[Replay]:
    """Runs the golden inputs of a bundle through its graph, in every program that is here.

    Args:
        bundle: Whose graph and vectors.

    Yields:
        One answer a program, onnxruntime's first.

    Raises:
        VerificationError: The golden vectors are not what they should be.
    """
    golden, parity = bundle.golden, bundle.parity
    for engine, (version, opening) in _present().items():
        difference, refusal = None, None
        try:
            answers = opening(bundle.graph)(golden.inputs)
            difference = _difference(answers, golden.probabilities)
        except _REFUSALS as error:
            refusal = _first_line(error)
        yield Replay(
            engine=engine,
            version=version,
            difference=difference,
            error=refusal,
            tolerance=parity.tolerance,
            needed=parity.int8 is None or engine == "onnxruntime",
        )


def _present() -> dict[str, tuple[str, Callable[[bytes], Run]]]:
    """The programs that are installed: name -> version, and what opens a graph with it."""
    found: dict[str, tuple[str, Callable[[bytes], Run]]] = {
        "onnxruntime": (onnxruntime.__version__, _onnxruntime),
        "opencv": (cv2.__version__, _opencv),
    }
    try:
        openvino = import_openvino()
    except ImportError:
        return found
    return found | {"openvino": (openvino.__version__, _openvino)}


def _onnxruntime(graph: bytes) -> Run:
    session = open_session(graph, threads=1, where="model.onnx")
    return lambda inputs: run_graph(session, inputs)


def _opencv(graph: bytes) -> Run:
    network = cv2.dnn.readNetFromONNX(np.frombuffer(graph, np.uint8))

    def run(inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        network.setInput(scaled(inputs), "image")
        return np.asarray(network.forward("probabilities"), np.float32)

    return run


def import_openvino() -> Any:
    """The module `openvino`, kept from reporting to its makers that it is used.

    Raises:
        ImportError: It is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


def _openvino(graph: bytes) -> Run:
    core = import_openvino().Core()
    # Without the hint it may compute in bfloat16 or float16 where the processor has them.
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(graph, b""), "CPU", precise)
    return lambda inputs: np.asarray(compiled(scaled(inputs))["probabilities"], np.float32)


# Beside our own errors: OpenCV's, OpenVINO's (a RuntimeError), and an answer of another shape.
_REFUSALS = (IndicDigitsError, cv2.error, RuntimeError, ValueError)


def _difference(answers: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    if answers.shape != expected.shape:
        raise VerificationError(f"answers with {answers.shape}, not {expected.shape}")
    return float(np.abs(answers - expected).max())


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", None) or getattr(error, "err", None) or str(error)
    return str(message).strip().partition("\n")[0]
