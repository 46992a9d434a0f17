"""Whole numbers of eight bits in place of floats: a quarter of the size, and faster."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from indicdigits.errors import DataError
from indicdigits.export.graphs import merge_biases
from indicdigits.export.verify import Pixels
from indicdigits.runtime.session import scaled

ENOUGH = 512  # pictures whose activations are looked at
BATCH = 32
# Softmax and what only moves data stay as they are: eight bits are too few for probabilities.
QUANTISED = ["Conv", "Gemm", "MatMul", "Add", "Relu", "ReduceMean"]


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
    chosen = representative(pictures)
    model = merge_biases(onnx.load_from_string(graph))
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


def representative(pictures: Pixels) -> Pixels:
    """Up to 512 of the pictures (N,S,S), evenly spread over them: of every data set and class.

    Raises:
        DataError: There are none.
    """
    if not len(pictures):
        raise DataError(
            "there are no pictures to take the ranges of int8 from",
            allowed="a validation or training part",
        )
    return pictures[np.linspace(0, len(pictures) - 1, min(ENOUGH, len(pictures))).astype(int)]


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
