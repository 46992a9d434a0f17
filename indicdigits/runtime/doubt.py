"""Why a reader does not stand by its best guess."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from indicdigits.runtime.bundle import ClassLabel
from indicdigits.scripts import look_alikes, script_of

NOT_A_DIGIT = "not a digit"  # text of the class that says so
CLEAR = 0.9  # of what it and its look-alikes have together, that a class must have to be told apart
WORTH_NAMING = 0.03  # of the same, from which a look-alike's script is named
MOST_NAMED = 3


def doubt(
    classes: Sequence[ClassLabel],
    probabilities: npt.NDArray[np.float32],
    threshold: float | None,
) -> str | None:
    """The reason not to accept the most probable class, or None.

    Digits of several scripts that look alike count together against the threshold: that it is one
    of them is sure even where no one can say which.

    Args:
        classes: Of the reader.
        probabilities: (C,), of one picture.
        threshold: Probability below which nothing is accepted, or None.
    """
    best = int(probabilities.argmax())
    if classes[best].text == NOT_A_DIGIT:
        return NOT_A_DIGIT
    alike = look_alikes(classes[best].text)
    others = [index for index, entry in enumerate(classes) if entry.text in alike]
    together = float(probabilities[best] + probabilities[others].sum())
    if threshold is not None and together < threshold:
        return "below threshold"
    if probabilities[best] >= CLEAR * together:
        return None
    others.sort(key=lambda index: -probabilities[index])
    near = [index for index in others if probabilities[index] >= WORTH_NAMING * together]
    return f"looks like {_listed([_script(classes[index]) for index in near])} too"


def _script(entry: ClassLabel) -> str:
    """The script of a digit as people write it: "Ol Chiki"."""
    script = script_of(entry.text)
    return script.title if script else entry.text


def _listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown, more = list(names[:MOST_NAMED]), len(names) - MOST_NAMED
    if more > 0:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
