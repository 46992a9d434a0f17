"""What a run of pieces is, seen where it stands: a whole digit, a mark, or no character at all.

A small network looks at the run and, apart from it, at the ink around, both as large as the line
says. Knowing nothing of which digit it is, it serves every script. It comes with the package as
`kinds.onnx`, trained by `benchmarks/train_kinds.py` on lines composed of training digits.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from indicdigits.reading.runs import Runs
from indicdigits.reading.segment import Pieces
from indicdigits.runtime.session import open_session

MARKS = ",.-/₹"
KINDS = ("no character", "digit", *MARKS)
ROWS, COLUMNS = 28, 36  # of a window
DIGIT = 20  # pixels of a digit's height in a window
_LEAST = 1e-6  # probabilities below it are as good as none

Int = npt.NDArray[np.int32]


def windows(pieces: Pieces, runs: Runs) -> npt.NDArray[np.uint8]:
    """What the network sees.

    Args:
        pieces: A line.
        runs: Some of its runs.

    Returns:
        uint8 (E,ROWS,COLUMNS,2), the run's ink and the ink around it; the middle of the run's box
        is in the middle.
    """
    scale = DIGIT / pieces.height
    height, width = (max(1, round(scale * side)) for side in pieces.ink.shape)
    ink = cv2.resize(pieces.ink, (width, height), interpolation=cv2.INTER_AREA)
    owner = cv2.resize(
        pieces.owner.astype(np.int16), (width, height), interpolation=cv2.INTER_NEAREST
    )
    around = ((ROWS, ROWS), (COLUMNS, COLUMNS))
    ink, owner = np.pad(ink, around), np.pad(owner, around, constant_values=-1)
    corners = _corners(runs, scale)
    seen, whose = _cut_out(ink, corners), _cut_out(owner, corners)
    first, last = (ends.astype(np.int16)[:, None, None] for ends in (runs.first, runs.last))
    ours = (whose >= first) & (whose < last)
    result = np.empty((*seen.shape, 2), np.uint8)
    np.multiply(seen, ours, out=result[..., 0])
    np.subtract(seen, result[..., 0], out=result[..., 1])
    return result


def _corners(runs: Runs, scale: float) -> tuple[Int, Int]:
    """First row and column of each window in the line, which has a window's margin around it."""
    middle = scale / 2 * (runs.boxes[:, :2] + runs.boxes[:, 2:])
    rows: Int = np.rint(middle[:, 1] + ROWS / 2).astype(np.int32)
    columns: Int = np.rint(middle[:, 0] + COLUMNS / 2).astype(np.int32)
    return rows, columns


def _cut_out(line: npt.NDArray[Any], corners: tuple[Int, Int]) -> npt.NDArray[Any]:
    """The windows (E,ROWS,COLUMNS) of a line (H,W) with these corners."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(line, (ROWS, COLUMNS))[corners])


def kinds(pieces: Pieces, runs: Runs) -> npt.NDArray[np.float64]:
    """float64 (E,K), logarithms of the probabilities of `KINDS` for each run of pieces."""
    seen = np.divide(windows(pieces, runs), np.float32(255), dtype=np.float32)
    (probabilities,) = _session().run(["probabilities"], {"window": seen})
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))


@cache
def _session() -> onnxruntime.InferenceSession:
    file = resources.files("indicdigits.reading").joinpath("kinds.onnx")
    return open_session(file.read_bytes(), threads=1, where=file)
