"""What a reader accepts, and how much of that is wrong: plain arithmetic, no model and no files.

The entry point for reports is `reject_of(probabilities, labels, acceptance, classes=…)`, for
probabilities as the network answers them, uncalibrated. What is accepted is decided by the very
rule that `load` and `predict` go by, `runtime.doubt.Judge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.evaluation.calibration import only_digits
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.acceptance import Acceptance, calibrated
from indicdigits.runtime.doubt import Judge

CURVE_POINTS = 200
Floats = NDArray[np.floating]
Bool = NDArray[np.bool_]


def reject_of(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    acceptance: Acceptance,
    *,
    classes: Sequence[ClassEntry],
) -> dict[str, Any]:
    """What a reader accepts of pictures of digits, and how much of that is wrong.

    Args:
        probabilities: float32 (N,C), uncalibrated.
        labels: int (N,), true classes.
        acceptance: Temperature and thresholds, chosen on other pictures.
        classes: The C classes; pictures of "not a digit" are left out.

    Returns:
        Plain data for JSON: n, threshold, error_rate, coverage, errors (accepted and wrong), risk
        (of the accepted, None without any), points (of each threshold that one may choose, the
        error rate it was chosen for, and what it brings here) and curve (risk at each coverage,
        the surest answers first; Geifman and El-Yaniv 2017).

    Raises:
        DataError: No picture is of a digit.
    """
    probabilities, labels = only_digits(probabilities, labels, classes)
    judge = Judge(classes, acceptance)
    judged = judge(calibrated(probabilities, acceptance.temperature))
    right, score = judged.best == labels, judged.score
    return {
        "n": len(labels),
        "threshold": acceptance.threshold,
        "error_rate": acceptance.error_rate,
        **_outcome(judge.accepted(judged), right),
        "points": [
            {"error_rate": point.error_rate, "threshold": point.threshold}
            | _outcome((score > 0) & (score >= point.threshold), right)
            for point in acceptance.points
        ],
        "curve": risk_coverage(score, right),
    }


def _outcome(accepted: Bool, right: Bool) -> dict[str, Any]:
    count, errors = int(accepted.sum()), int((accepted & ~right).sum())
    return {
        "coverage": count / len(right),
        "errors": errors,
        "risk": errors / count if count else None,
    }


def risk_coverage(score: Floats, right: Bool) -> dict[str, list[float]]:
    """Part of the accepted that is wrong, as more and more is accepted, the surest first.

    Args:
        score: float (N,), how sure; equal ones are accepted together.
        right: bool (N,).

    Returns:
        `coverage` and `risk`, 200 points at most.
    """
    order = np.argsort(-score, kind="stable")
    ends = _ends(score[order])
    chosen = np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).astype(int))
    ends = ends[chosen]
    wrong = np.cumsum(~right[order])[ends]
    return {
        "coverage": ((ends + 1) / len(right)).tolist(),
        "risk": (wrong / (ends + 1)).tolist(),
    }


def threshold_for(
    score: Floats, right: Bool, rate: float, sets: NDArray[Any] | None = None
) -> float | None:
    """The smallest threshold at which at most `rate` of what is accepted is wrong.

    Args:
        score: float (N,), how sure; 0 is never accepted.
        right: bool (N,).
        rate: 0 to 1; 0 accepts nothing wrong.
        sets: (N,), the data set of each picture: the rate then holds on each of them, or else a
            large easy set would hide what a small hard one gets wrong.

    Returns:
        Midway between the last score accepted and the first refused; None where even the surest
        answers are wrong too often.
    """
    order = np.argsort(-score, kind="stable")
    score, wrong = score[order], ~right[order]
    of_sets = np.zeros(len(score), int) if sets is None else sets[order]
    ends = _ends(score)
    allowed = score[ends] > 0
    for name in np.unique(of_sets):
        of = of_sets == name
        allowed &= np.cumsum(of & wrong)[ends] <= rate * np.cumsum(of)[ends]
    if not allowed.any():
        return None
    last = int(ends[allowed][-1])
    below = score[last + 1] if last + 1 < len(score) else 0.0
    return float((score[last] + below) / 2)


def _ends(falling: Floats) -> NDArray[np.intp]:
    """Indices of the last of each run of equal scores."""
    return np.flatnonzero(np.append(falling[1:] < falling[:-1], True))


def outside_threshold(outside: Floats, share: float, sets: NDArray[Any] | None = None) -> float:
    """The smallest out-of-distribution threshold that refuses at most `share` of true digits.

    Args:
        outside: float (N,), the score of pictures of digits.
        share: 0 to 1.
        sets: (N,), the data set of each picture: the share then holds on each of them.
    """
    of_sets = np.zeros(len(outside), int) if sets is None else sets
    found = []
    for name in np.unique(of_sets):
        falling = np.append(np.sort(outside[of_sets == name])[::-1], 0.0)
        refused = int(share * (len(falling) - 1))  # so many may have the threshold or more
        found.append(np.nextafter(falling[refused], 1.0))
    return float(min(1.0, max(found)))
