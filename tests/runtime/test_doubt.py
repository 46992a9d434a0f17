"""When a reader does not stand by its answer, and what it says then."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.runtime.acceptance import Acceptance, NotADigit
from indicdigits.runtime.bundle import ClassLabel
from indicdigits.runtime.doubt import Judge

CLASSES = tuple(
    ClassLabel(text=text, value=value)
    for text, value in (("०", 0), ("૦", 0), ("০", 0), ("१", 1), ("not a digit", None))
)
OUTSIDE = NotADigit(threshold=0.3, digits_refused=0.005)
ROWS = {
    "sure": (0.97, 0.02, 0.0, 0.01, 0.0),
    "two alike": (0.5, 0.4, 0.0, 0.1, 0.0),
    "three alike": (0.4, 0.25, 0.3, 0.05, 0.0),
    "no digit": (0.0, 0.0, 0.0, 0.4, 0.6),
    "perhaps none": (0.0, 0.0, 0.0, 0.6, 0.4),
    "unsure": (0.0, 0.15, 0.15, 0.5, 0.2),
    "alike, together sure": (0.5, 0.45, 0.0, 0.05, 0.0),
}


@pytest.mark.parametrize(
    ("row", "acceptance", "best", "reason"),
    [
        ("sure", Acceptance(), 0, None),
        ("two alike", Acceptance(), 0, "looks like Gujarati too"),
        ("three alike", Acceptance(), 0, "looks like Bengali and Gujarati too"),
        ("no digit", Acceptance(), 3, "not a digit"),
        ("no digit", Acceptance(threshold=0.7), 3, "not a digit"),
        ("perhaps none", Acceptance(), 3, None),
        ("perhaps none", Acceptance(not_a_digit=OUTSIDE), 3, "not a digit"),
        ("unsure", Acceptance(threshold=0.7), 3, "below threshold"),
        ("unsure", Acceptance(threshold=0.7, not_a_digit=OUTSIDE), 3, "below threshold"),
        ("perhaps none", Acceptance(threshold=0.99), 3, None),
        ("alike, together sure", Acceptance(threshold=0.9), 0, "looks like Gujarati too"),
    ],
)
def test_answer(row: str, acceptance: Acceptance, best: int, reason: str | None) -> None:
    """The best digit and the reason; look-alikes count together against the threshold."""
    judge = Judge(CLASSES, acceptance)
    assert judge.answer(np.array(ROWS[row], np.float32)) == (best, reason)


@pytest.mark.parametrize("threshold", [None, 0.7, 0.96])
def test_many_are_judged_as_one_is(threshold: float | None) -> None:
    """What is accepted of many pictures is what is accepted of each alone, and `score` says so."""
    judge = Judge(CLASSES, Acceptance(threshold=threshold, not_a_digit=OUTSIDE))
    rows = np.array([*ROWS.values()], np.float32)
    judged, alone = judge(rows), [judge.answer(row) for row in rows]
    assert judged.best.tolist() == [best for best, _ in alone]
    accepted = [reason is None for _, reason in alone]
    assert judge.accepted(judged).tolist() == accepted
    least = threshold or 0.0
    assert ((judged.score > 0) & (judged.score >= least)).tolist() == accepted


def test_surety_is_finer_than_float32() -> None:
    """Two answers whose probability rounds to one are still told apart."""
    rows = np.array([[1, 1e-9, 0, 1e-9, 0], [1, 0, 0, 1e-12, 0]], np.float32)
    surety = Judge(CLASSES)(rows).surety
    assert 1 - 2e-9 < surety[0] < surety[1] < 1
