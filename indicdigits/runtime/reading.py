"""What a reader answers to one picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

NO_INK = "no ink found"  # the reason where a picture is all paper, or all ink
CROWDED = "more than one digit"  # the reason where it is a page or a line


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """A class that is not the answer."""

    text: str
    value: int | None
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a reader answers to one picture.

    Attributes:
        text: The most probable class as it is written, such as "७"; never "not a digit", which is
            a reason and no answer.
        value: Its value, or None for a class without one; the best guess even when the reading
            is not accepted.
        probability: Of that class among all, in [0, 1]; small for what is not a digit.
        script: The script that was read; of a reader of several scripts, that of the answer.
        accepted: Whether the reader stands by it.
        reason: Why it is not accepted, or None: "no ink found", "more than one digit" (a page or
            a line), "below threshold", "not a digit", or "looks like Gujarati too" where digits of
            several scripts cannot be told apart.
        alternatives: The two next best classes, the more probable first; "not a digit" may be
            one of them, and is then more probable than the answer where that is the reason.
    """

    text: str
    value: int | None
    probability: float
    script: str
    accepted: bool
    reason: str | None
    alternatives: tuple[Alternative, ...]

    def as_dict(self) -> dict[str, Any]:
        """The reading as plain data, for `--json`."""
        return asdict(self)
