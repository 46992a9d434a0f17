"""When a reader stands by its answer: temperature, thresholds, and their place in bundle.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import UsageError
from indicdigits.runtime.fields import Table

NOT_A_DIGIT = "not a digit"  # text of the class that says so
_T_LOW, _T_HIGH = 1e-3, 1e3


@dataclass(frozen=True, kw_only=True)
class Point:
    """A threshold that one may choose.

    Attributes:
        error_rate: Part of the accepted answers that may be wrong, at most.
        threshold: Probability, given that it is a digit, from which an answer is accepted.
        coverage: Part of the digits that were accepted where the threshold was chosen; of several
            data sets that of the one with the most refused.
    """

    error_rate: float
    threshold: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class NotADigit:
    """From where on a picture is taken for no digit.

    Attributes:
        threshold: Probability of the class "not a digit" from which a picture is refused.
        digits_refused: Part of the true digits that were refused so where it was chosen.
    """

    threshold: float
    digits_refused: float


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """The tables `calibration`, `reject` and `out_of_distribution` of bundle.json.

    Attributes:
        temperature: Of the softmax (Guo et al. 2017); None leaves the graph's probabilities.
        fitted_on: The pictures that everything here was chosen on, for people.
        threshold: Probability, given that it is a digit, below which a reading is not accepted;
            None accepts all.
        error_rate: The rate that belongs to `threshold`, or None.
        points: The thresholds that one may choose from.
        not_a_digit: Refuses what is no digit; None refuses where that class is the most probable.
    """

    temperature: float | None = None
    fitted_on: str | None = None
    threshold: float | None = None
    error_rate: float | None = None
    points: tuple[Point, ...] = ()
    not_a_digit: NotADigit | None = None

    def at(self, error_rate: float) -> Acceptance:
        """The same with the threshold of another error rate.

        Raises:
            UsageError: No threshold is known for that rate.
        """
        for point in self.points:
            if point.error_rate == error_rate:
                return replace(self, threshold=point.threshold, error_rate=error_rate)
        known = ", ".join(f"{point.error_rate:g}" for point in self.points)
        raise UsageError(
            f"no threshold is known for an error rate of {error_rate:g}",
            where="error rate",
            allowed=known or "none: this reader has no thresholds",
            hint=None if known else "indicdigits calibrate RUN, then export the run again",
        )

    def tables(self) -> dict[str, Any]:
        """As the three tables of bundle.json."""
        calibration: dict[str, Any] = {"temperature": self.temperature}
        reject: dict[str, Any] = {"threshold": self.threshold}
        if self.fitted_on is not None:
            calibration["fitted_on"] = self.fitted_on
            reject["error_rate"] = self.error_rate
            reject["points"] = [asdict(point) for point in self.points]
        outside = self.not_a_digit and {"class": NOT_A_DIGIT, **asdict(self.not_a_digit)}
        return {"calibration": calibration, "reject": reject, "out_of_distribution": outside}

    @staticmethod
    def of(table: Table) -> Acceptance:
        """Reads the three tables; those of a reader that was never calibrated hold nulls.

        Raises:
            VerificationError: A field is missing, of another type, or out of range.
        """
        calibration, reject = table.table("calibration"), table.table("reject")
        fitted = "fitted_on" in calibration.data
        return Acceptance(
            temperature=calibration.optional_number("temperature", _T_LOW, _T_HIGH),
            fitted_on=calibration.text("fitted_on") if fitted else None,
            threshold=reject.optional_number("threshold", 0.0, 1.0),
            error_rate=reject.optional_number("error_rate", 0.0, 1.0) if fitted else None,
            points=tuple(map(_point, reject.tables("points"))) if fitted else (),
            not_a_digit=_not_a_digit(table),
        )


def _point(table: Table) -> Point:
    return Point(**{key: table.number(key, 0.0, 1.0) for key in Point.__dataclass_fields__})


def _not_a_digit(table: Table) -> NotADigit | None:
    if table.data.get("out_of_distribution", "missing") is None:
        return None
    outside = table.table("out_of_distribution")
    outside.require("class", NOT_A_DIGIT)
    keys = NotADigit.__dataclass_fields__
    return NotADigit(**{key: outside.number(key, 0.0, 1.0) for key in keys})


def calibrated(
    probabilities: npt.NDArray[np.float32], temperature: float | None
) -> npt.NDArray[np.float32]:
    """Softmax of the logits divided by a temperature (Guo et al. 2017, section 4.2).

    Args:
        probabilities: float32 (N,C), each row summing to one; their logarithms are the logits.
        temperature: Above one flattens, below one sharpens, None changes nothing. The most
            probable class stays the same.

    Returns:
        float32 (N,C), each row summing to one.
    """
    if temperature is None:
        return probabilities
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)
