"""What reading a line answers: its text, how sure, and where every character stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ink = npt.NDArray[np.uint8]  # (H,W), 0 is paper and 255 is full ink


class Box(NamedTuple):
    """A rectangle of pixels, its upper left corner and its size."""

    left: int
    top: int
    width: int
    height: int

    def moved(self, right: int, down: int) -> Box:
        """The box in a picture whose origin lies `right` and `down` pixels before this one's."""
        return Box(self.left + right, self.top + down, self.width, self.height)


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    """A digit or a mark of a line.

    Attributes:
        text: As it is written, such as "७", "," or "-".
        ascii: The same for machines: "7".
        probability: That it is this one, in [0, 1].
        box: Where it stands, in pixels of the picture that was read.
    """

    text: str
    ascii: str
    probability: float
    box: Box


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A reading of a whole line that is not the answer."""

    text: str
    ascii: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LineReading:
    """What was read in one line.

    Attributes:
        text: The whole line as it is written, "१२३"; "" where nothing was read.
        ascii: The same in the digits 0 to 9 and ASCII marks, "123".
        probability: That all of it is right, in [0, 1], among the readings that were allowed.
        accepted: Whether the reader stands by it.
        reason: Why not, or None: "no ink found", "below threshold", "not a digit", "checksum",
            "does not fit the pattern", ….
        box: Of its ink.
        digits: Its characters from left to right.
        alternatives: The next best readings of the line, the likeliest first.
        threshold: Probability from which it is accepted: the line, or in a comb every digit; None
            where nothing is compared with one.
    """

    text: str
    ascii: str
    probability: float
    accepted: bool
    reason: str | None
    box: Box
    digits: tuple[Character, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    threshold: float | None = None

    def moved(self, right: int, down: int) -> LineReading:
        """The same line in a picture of which this one was a cut-out."""
        digits = (replace(each, box=each.box.moved(right, down)) for each in self.digits)
        return replace(self, box=self.box.moved(right, down), digits=tuple(digits))

    def as_dict(self) -> dict[str, Any]:
        """The reading as plain data, for `--json`; boxes are [left, top, width, height]."""
        return asdict(self)


# Reads the ink of one line; boxes in its answer are in pixels of that array.
ReadLine = Callable[[Ink], LineReading]
