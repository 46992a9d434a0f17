"""Whether a network knows how sure it may be: plain arithmetic on arrays, no model and no files.

The entry point for reports is `calibration_of(probabilities, labels, temperature, classes=…)`; its
neighbour is `rejection.reject_of(probabilities, labels, acceptance, classes=…)`. Both take
probabilities as the network answers them, uncalibrated, and look only at pictures of digits: how
sure a reader is of a scribble is no matter of calibration. Calibrated are the probabilities given
that a picture is of a digit: how probable it is that it is of none depends on how often such
pictures are shown, and there are none here.

The expected calibration error (ECE) here has 15 bins of equally many pictures. With Guo's bins of
equal width all but a few pictures of a good reader fall into the last one, in which too much and
too little confidence cancel; `ece_equal_width` and the rows of the diagram keep those bins, to be
compared with what others publish. The ECE of even a perfectly calibrated reader is above zero on
finitely many pictures; `ece_if_perfect` says how far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from indicdigits.errors import DataError
from indicdigits.evaluation.metrics import negative_class, true_digits
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.acceptance import calibrated

BINS = 15  # as Guo et al. 2017
RESAMPLES = 1000
TEMPERATURES = (0.05, 20.0)  # where the best is looked for
Floats = NDArray[np.floating]
Bool = NDArray[np.bool_]


def calibration_of(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    temperature: float | None,
    *,
    classes: Sequence[ClassEntry],
    fitted_on: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """How well confidence and accuracy agree, before and after a temperature.

    Args:
        probabilities: float32 (N,C), uncalibrated.
        labels: int (N,), true classes.
        temperature: Of the softmax, or None where none was fitted: then before is after.
        classes: The C classes; pictures of "not a digit" are left out.
        fitted_on: The pictures that the temperature was fitted on, for people.
        seed: Of the resampling.

    Returns:
        Plain data for JSON: temperature, fitted_on, n, ece, ece_interval (95 %, bootstrap),
        ece_if_perfect {mean, high}, ece_equal_width, nll, uncalibrated {ece, ece_equal_width, nll}
        and reliability {before, after}.

    Raises:
        DataError: No picture is of a digit.
    """
    probabilities, labels = among_digits(probabilities, labels, classes)
    figures, diagrams = [], {}
    for name, answers in (
        ("before", probabilities),
        ("after", calibrated(probabilities, temperature)),
    ):
        best = answers.argmax(axis=1)
        confidence = answers[np.arange(len(best)), best].astype(np.float64)
        right = best == labels
        figures.append(
            {
                "ece": ece(confidence, right),
                "ece_equal_width": ece(confidence, right, "equal width"),
                "nll": nll(answers, labels),
            }
        )
        diagrams[name] = reliability(confidence, right)
    return {
        "temperature": temperature,
        "fitted_on": fitted_on,
        "n": len(labels),
        **figures[1],
        "ece_interval": ece_interval(confidence, right, seed=seed),
        "ece_if_perfect": ece_if_perfect(confidence, seed=seed),
        "uncalibrated": figures[0],
        "reliability": diagrams,
    }


def only_digits(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """The rows of pictures that are digits."""
    digits = true_digits(labels, classes)
    if not digits.any():
        raise DataError("no picture is of a digit", hint="indicdigits data show")
    return probabilities[digits], labels[digits]


def among_digits(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: Sequence[ClassEntry],
) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """The rows of pictures that are digits, given that they are: without "not a digit".

    Args:
        probabilities: float32 (N,C), uncalibrated.
        labels: int (N,), true classes.
        classes: The C classes.

    Returns:
        float32 (M,D) over the D other classes, each row summing to one, and indices of these.
    """
    probabilities, labels = only_digits(probabilities, labels, classes)
    negative = negative_class(classes)
    if negative is None:
        return probabilities, labels
    kept = np.delete(probabilities, negative, axis=1)
    total = np.maximum(kept.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(kept / total, np.float32), labels - (labels > negative)


def nll(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> float:
    """Mean negative logarithm of the true class's probability.

    Args:
        probabilities: float32 (N,C); zeros count as the smallest float32.
        labels: int (N,), true classes.
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, np.finfo(np.float32).tiny)).mean())


def fit_temperature(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> float:
    """The temperature of the least NLL (Guo et al. 2017, section 4.2).

    Args:
        probabilities: float32 (N,C), of pictures that the network has not learnt from.
        labels: int (N,), true classes.
    """

    def loss(logarithm: float) -> float:
        return nll(calibrated(probabilities, float(np.exp(logarithm))), labels)

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))


def ece(
    confidence: Floats, right: Bool, bins: Literal["equal mass", "equal width"] = "equal mass"
) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over 15 bins.

    Args:
        confidence: float (N,), probability of the answer, 0 to 1.
        right: bool (N,), whether the answer was right.
        bins: Equally many pictures in each (Nguyen and O'Connor 2015), or equal parts of 0 to 1
            (Guo et al. 2017).
    """
    if bins == "equal width":
        return _ece(_width_bin(confidence), confidence - right)
    order = np.argsort(confidence, kind="stable")
    ranks = np.arange(len(order))
    return _ece(ranks * BINS // len(order), (confidence - right)[order])


def _ece(bin_of: NDArray[np.integer], gaps: Floats) -> float:
    return float(np.abs(np.bincount(bin_of, gaps, BINS)).sum() / len(gaps))


def _width_bin(confidence: Floats) -> NDArray[np.intp]:
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


def ece_interval(confidence: Floats, right: Bool, *, seed: int = 0) -> list[float]:
    """The 95 % interval of the ECE by bootstrap: percentiles over resampled pictures.

    An ECE is never negative, so noise adds to it, and resampling adds noise: on few pictures the
    interval lies higher than the ECE itself.

    Args:
        confidence: float (N,).
        right: bool (N,).
        seed: Of the resampling.
    """
    rng, n = np.random.default_rng(seed), len(right)
    order = np.argsort(confidence, kind="stable")
    gaps, found = (confidence - right)[order], []
    for _ in range(RESAMPLES):
        drawn = np.bincount(rng.integers(n, size=n), minlength=n)
        bin_of = (np.cumsum(drawn) - (drawn + 1) // 2) * BINS // n  # by rank in the sample
        found.append(_ece(np.clip(bin_of, 0, BINS - 1), drawn * gaps))
    return [float(value) for value in np.quantile(found, [0.025, 0.975])]


def ece_if_perfect(confidence: Floats, *, seed: int = 0) -> dict[str, float]:
    """The ECE of a reader that is right just as often as these confidences say, simulated.

    Args:
        confidence: float (N,).
        seed: Of the simulation.

    Returns:
        `mean`, and `high`, below which 95 % of a thousand such readers stay.
    """
    rng, n = np.random.default_rng(seed), len(confidence)
    ordered = np.sort(confidence)
    bin_of = np.arange(n) * BINS // n
    found = [_ece(bin_of, ordered - (rng.random(n) < ordered)) for _ in range(RESAMPLES)]
    return {"mean": float(np.mean(found)), "high": float(np.quantile(found, 0.95))}


def reliability(confidence: Floats, right: Bool) -> list[dict[str, Any]]:
    """The rows of a reliability diagram: of 15 equal parts of 0 to 1 those with pictures in them.

    Returns:
        Rows of low, high, n, confidence (mean) and accuracy.
    """
    bin_of = _width_bin(confidence)
    return [
        {
            "low": number / BINS,
            "high": (number + 1) / BINS,
            "n": int(of.sum()),
            "confidence": float(confidence[of].mean()),
            "accuracy": float(right[of].mean()),
        }
        for number in np.unique(bin_of).tolist()
        for of in [bin_of == number]
    ]
