"""When a reader does not stand by its answer, and what it says then."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.runtime.bundle import ClassLabel
from indicdigits.runtime.doubt import doubt

CLASSES = tuple(
    ClassLabel(text=text, value=value)
    for text, value in (("०", 0), ("૦", 0), ("০", 0), ("१", 1), ("not a digit", None))
)


@pytest.mark.parametrize(
    ("row", "threshold", "reason"),
    [
        ((0.97, 0.02, 0.0, 0.01, 0.0), None, None),
        ((0.5, 0.4, 0.0, 0.1, 0.0), None, "looks like Gujarati too"),
        ((0.4, 0.25, 0.3, 0.05, 0.0), None, "looks like Bengali and Gujarati too"),
        ((0.0, 0.0, 0.0, 0.4, 0.6), None, "not a digit"),
        ((0.0, 0.1, 0.1, 0.6, 0.2), 0.7, "below threshold"),
        ((0.5, 0.45, 0.0, 0.05, 0.0), 0.9, "looks like Gujarati too"),
    ],
    ids=["sure", "two alike", "three alike", "no digit", "unsure", "alike count together"],
)
def test_doubt(row: tuple[float, ...], threshold: float | None, reason: str | None) -> None:
    """What cannot be told apart names the other scripts; a threshold counts them together."""
    assert doubt(CLASSES, np.array(row, np.float32), threshold) == reason
