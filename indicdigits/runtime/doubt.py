"""What a reader answers to probabilities, and why it may not stand by it: one rule for all.

`Reader` asks for the reason of one picture, the evaluation judges thousands at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indicdigits.runtime.acceptance import NOT_A_DIGIT, Acceptance
from indicdigits.scripts import look_alikes, script_of

__all__ = ["BELOW", "NOT_A_DIGIT", "Judge", "Judged", "alike"]

BELOW = "below threshold"  # why an answer is refused whose probability is
CLEAR = 0.9  # of what it and its look-alikes have together, that a class must have to be told apart
WORTH_NAMING = 0.03  # of the same, from which a look-alike's script is named
MOST_NAMED = 3


class _Class(Protocol):
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Answers to N pictures.

    Attributes:
        best: (N,) index of the most probable class other than "not a digit".
        surety: float64 (N,), the probability, given that the picture is of a digit, of that class
            and its look-alikes in other scripts together: that it is one of them is sure even
            where no one can say which. It is compared with the threshold, and is one less what
            the other digits have: a float32 near one is too coarse.
        outside: float64 (N,), the probability of "not a digit": the out-of-distribution score.
        strange: bool (N,), refused as "not a digit".
        clear: bool (N,), whether the answer can be told from its look-alikes.
    """

    best: npt.NDArray[np.intp]
    surety: npt.NDArray[np.float64]
    outside: npt.NDArray[np.float64]
    strange: npt.NDArray[np.bool_]
    clear: npt.NDArray[np.bool_]

    @property
    def score(self) -> npt.NDArray[np.float64]:
        """(N,) `surety`, and 0 where the answer is refused whatever the threshold."""
        return np.where(self.strange | ~self.clear, 0.0, self.surety)


def alike(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Bool (C, C), true where two classes are the same or look the same."""
    same = [look_alikes(text) | {text} for text in texts]
    return np.array([[text in those for text in texts] for those in same])


class Judge:
    """Judges what a network answers.

    Args:
        classes: Of the reader, with their `text`.
        acceptance: When it stands by an answer; probabilities come with its temperature applied.
    """

    def __init__(
        self,
        classes: Sequence[_Class],
        acceptance: Acceptance = Acceptance(),  # noqa: B008  (frozen, and empty)
    ) -> None:
        self._texts = [entry.text for entry in classes]
        self._threshold = acceptance.threshold
        outside = acceptance.not_a_digit
        self._not_a_digit = outside.threshold if outside else np.inf
        self._outside = np.array([text == NOT_A_DIGIT for text in self._texts], np.float64)
        self._alike = alike(self._texts)
        self._unlike = (1.0 - self._alike) * (1.0 - self._outside)

    def __call__(self, probabilities: npt.NDArray[np.float32]) -> Judged:
        """Judges many pictures at once.

        Args:
            probabilities: (N,C), each row summing to one.
        """
        exact = probabilities.astype(np.float64)
        best = (exact - 2 * self._outside).argmax(axis=1)  # never "not a digit"
        highest = exact[np.arange(len(best)), best]
        outside = exact @ self._outside
        digits = np.maximum(exact @ (1.0 - self._outside), np.finfo(np.float64).tiny)
        # How often anything but digits was shown in training says nothing about which digit it is.
        surety = 1 - np.einsum("nc,nc->n", exact, self._unlike[best]) / digits
        return Judged(
            best=best,
            surety=surety,
            outside=outside,
            strange=(outside > highest) | (outside >= self._not_a_digit),
            clear=highest >= CLEAR * surety * digits,
        )

    def accepted(self, judged: Judged) -> npt.NDArray[np.bool_]:
        """Whether the reader stands by each answer, (N,)."""
        least = -1.0 if self._threshold is None else self._threshold
        return ~judged.strange & judged.clear & (judged.surety >= least)

    def answer(self, row: npt.NDArray[np.float32]) -> tuple[int, str | None]:
        """The best guess for one picture, and the reason not to accept it or None.

        Args:
            row: Probabilities (C,).
        """
        judged = self(row[np.newaxis])
        best = int(judged.best[0])
        if judged.strange[0]:
            return best, NOT_A_DIGIT
        if self._threshold is not None and judged.surety[0] < self._threshold:
            return best, BELOW
        return best, None if judged.clear[0] else self._likeness(row, best)

    def _likeness(self, row: npt.NDArray[np.float32], best: int) -> str:
        """Names the scripts of the look-alikes, the likeliest first."""
        alike = self._alike[best]
        others = [index for index in np.argsort(-row, kind="stable") if alike[index]]
        least = WORTH_NAMING * row[alike].sum()
        near = [self._texts[index] for index in others if index != best and row[index] >= least]
        return f"looks like {_listed([_script(text) for text in near])} too"


def _script(text: str) -> str:
    """The script of a digit as people write it: "Ol Chiki"."""
    script = script_of(text)
    return script.title if script else text


def _listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown, more = list(names[:MOST_NAMED]), len(names) - MOST_NAMED
    if more > 0:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
