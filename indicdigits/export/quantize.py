"""Whole numbers of eight bits in place of floats: a quarter of the size, and faster."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from indicdigits.errors import DataError, ParityError
from indicdigits.export.graphs import merge_biases
from indicdigits.export.verify import WHOLE, Pixels
from indicdigits.runtime.session import open_session, run_graph, scaled

MOST_LOST = 0.001  # of the accuracy, that int8 may cost
ENOUGH = 512  # pictures whose activations are looked at
BATCH = 32
# Softmax and what only moves data stay as they are: eight bits are too few for probabilities.
QUANTISED = ["Conv", "Gemm", "MatMul", "Add", "Relu", "ReduceMean"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss:
    """What eight bits cost on a test set.

    Attributes:
        pictures: How many there were.
        errors: Of them, read wrong by the float graph.
        int8_errors: Read wrong by the int8 graph.
        changed: int (K,), indices of the pictures that the two decide differently.
        max_difference: Largest difference of any probability.

    Raises:
        ParityError: More than 0.1 points of the accuracy are lost.
    """

    pictures: int
    errors: int
    int8_errors: int
    changed: npt.NDArray[np.intp]
    max_difference: float

    def __post_init__(self) -> None:
        lost = (self.int8_errors - self.errors) / self.pictures
        if not (lost <= MOST_LOST and np.isfinite(self.max_difference)):
            raise ParityError(
                f"eight bits cost {100 * lost:.2f} points: {self.int8_errors} errors in "
                f"{self.pictures:,} pictures, not {self.errors}; changed: {self.changed[:20]}",
                allowed=f"{100 * MOST_LOST:g} points",
                hint="nothing was written; the float format has no such loss",
            )


def to_int8(graph: bytes, pictures: Pixels) -> bytes:
    """Quantises a graph statically, weights channel by channel (Jacob et al. 2018).

    Weights have seven bits of the eight: processors without instructions for it add two products
    of eight bits in sixteen, and would overflow there, so that the graph answered differently from
    machine to machine.

    Args:
        graph: ONNX, `image` float32 (N,S,S,1) -> `probabilities`.
        pictures: uint8 (N,S,S) that were not tested on, from whose activations the ranges come.

    Returns:
        The graph with the same input, output and metadata.

    Raises:
        DataError: There are no pictures.
    """
    if not len(pictures):
        raise DataError(
            "there are no pictures to take the ranges of int8 from",
            allowed="a validation or training part",
        )
    model = merge_biases(onnx.load_from_string(graph))
    chosen = pictures[np.linspace(0, len(pictures) - 1, min(ENOUGH, len(pictures))).astype(int)]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_static(
            source,
            target,
            _Pictures(chosen),
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantised = onnx.load(target)
    del quantised.metadata_props[:]
    quantised.metadata_props.extend(model.metadata_props)
    return bytes(quantised.SerializeToString(deterministic=True))


def loss(graph: bytes, int8: bytes, images: Pixels, labels: npt.NDArray[np.integer[Any]]) -> Loss:
    """Compares an int8 graph with its float graph on a test set.

    Args:
        graph: The float graph.
        int8: The same in eight bits.
        images: The whole test set, uint8 (N,S,S).
        labels: Their classes, (N,).

    Raises:
        ParityError: More than 0.1 points of the accuracy are lost.
        VerificationError: A graph cannot be run.
    """
    exact, rough = (_answers(one, images) for one in (graph, int8))
    first, second = exact.argmax(axis=1), rough.argmax(axis=1)
    return Loss(
        pictures=len(images),
        errors=int(np.count_nonzero(first != labels)),
        int8_errors=int(np.count_nonzero(second != labels)),
        changed=np.flatnonzero(first != second),
        max_difference=float(np.abs(exact - rough).max()),
    )


def _answers(graph: bytes, images: Pixels) -> npt.NDArray[np.float32]:
    session = open_session(graph, threads=1, where="the exported graph")
    parts = range(0, len(images), WHOLE)
    return np.concatenate([run_graph(session, images[at : at + WHOLE]) for at in parts])


class _Pictures(CalibrationDataReader):
    """Pictures in batches, as the quantiser asks for them."""

    def __init__(self, pictures: Pixels) -> None:
        self._batches: Iterator[Any] = iter(
            [{"image": scaled(pictures[at : at + BATCH])} for at in range(0, len(pictures), BATCH)]
        )

    def get_next(self) -> Any:
        return next(self._batches, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences advice about a preparation that folding and `merge_biases` replace."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
