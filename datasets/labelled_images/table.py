"""A list of labelled pictures that are not read yet, and what a label may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indicdigits.errors import DataError, UsageError, did_you_mean
from indicdigits.scripts import get_script, script_of

Column = npt.NDArray[Any]
RESERVED = ("dataset",)
DIGITS = tuple("0123456789")
LONGEST_NUMBER = 18  # digits; Python refuses to read a number of thousands


class Named(Protocol):
    """A class of a recipe or a reader, as far as labels go."""

    @property
    def text(self) -> str:
        """As it is written."""

    @property
    def value(self) -> int | None:
        """Its value."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Labelled pictures in their order.

    Attributes:
        labels: int64 (N,), indices of the classes.
        columns: Further columns (N,): whole numbers, numbers or texts.
        places: (N,) where each picture stands, for errors.
        read: Number of a picture -> uint8 (H,W) or (H,W,3).
        digest: Number of a picture -> hexadecimal digest of its bytes as they are stored.
    """

    labels: npt.NDArray[np.int64]
    columns: Mapping[str, Column] = field(default_factory=dict)
    places: Sequence[str]
    read: Callable[[int], npt.NDArray[np.uint8]]
    digest: Callable[[int], bytes]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What the labels of pictures may name.

    Attributes:
        classes: Of a recipe or a reader.
        script: Whose digits 0 to 9 are, where the classes are digits of several scripts.
        of_recipe: Whether whoever labels the pictures may change the classes.
    """

    classes: Sequence[Named]
    script: str | None = None
    of_recipe: bool = True

    def index(self, label: str, where: object) -> int:
        """The class of a picture by its label, which may be what `label_index` takes.

        Raises:
            DataError: It names no class, or the same digit of several scripts.
        """
        several = scripts_of(label, self.classes)
        if len(several) > 1 and self.script is None:
            said = "script = NAME in this source" if self.of_recipe else "--script NAME"
            raise DataError(
                f"label {label!r} may be a digit of {len(several)} scripts",
                where=where,
                allowed=f"the script: {', '.join(several)}",
                hint=f"{said}, or labels such as {next(iter(several))}-{label.strip()} or the "
                "digits themselves",
            )
        if len(several) > 1:
            index = several.get(str(self.script))
        else:
            index = label_index(label, self.classes)
        if index is None:
            way_out = ", or add the class to the recipe's [[classes]]" if self.of_recipe else ""
            raise strange_label(label, where, self.classes, hint=f"correct the label{way_out}")
        return index


def scripts_of(label: str, classes: Sequence[Named]) -> dict[str, int]:
    """Script -> the class that a number in Western digits is there; none of other labels."""
    number = _number(label) if label.isascii() else None
    scripts = ((script_of(entry.text), index) for index, entry in enumerate(classes)
               if number is not None and entry.value == number)  # fmt: skip
    return {script.name: index for script, index in scripts if script}


def label_index(label: str, classes: Iterable[Named]) -> int | None:
    """The class of that text ("३"), script and value ("devanagari-3") or value ("3"), or None."""
    wanted, entries = label.strip(), list(classes)
    texts = [entry.text for entry in entries]
    for text in (wanted, _digit_of_script(wanted)):
        if text in texts:
            return texts.index(text)
    number = _number(wanted)
    values = [entry.value for entry in entries]
    return values.index(number) if number is not None and number in values else None


def _number(label: str) -> int | None:
    text = label.strip()
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def _digit_of_script(label: str) -> str | None:
    """The digit of "devanagari-3", or None."""
    name, _, value = label.rpartition("-")
    try:
        return get_script(name).digits[int(value)] if value in DIGITS else None
    except UsageError:
        return None


def allowed_labels(classes: Iterable[Named]) -> str:
    """Every class's text and value, for errors; of digits of several scripts how they are named."""
    classes = list(classes)
    written = {entry.text: script for entry in classes if (script := script_of(entry.text))}
    scripts = list(dict.fromkeys(script.name for script in written.values()))
    said = []
    if len(scripts) > 1:
        said = [f"a digit as it is written, or SCRIPT-0 to SCRIPT-9 with {' | '.join(scripts)}"]
        classes = [entry for entry in classes if entry.text not in written]
    said += [
        entry.text if entry.value is None else f"{entry.text} or {entry.value}" for entry in classes
    ]
    return ", ".join(said)


def strange_label(
    label: str, where: object, classes: Iterable[Named], *, hint: str | None = None
) -> DataError:
    """The error for a label that names no class; `hint` where no class is spelt like it."""
    classes = list(classes)
    return DataError(
        f"label {label!r} is no class",
        where=where,
        allowed=allowed_labels(classes),
        hint=did_you_mean(label, [entry.text for entry in classes]) or hint,
    )


def typed_column(values: Sequence[str]) -> Column:
    """Texts as int64 or float64 where all are such numbers, else as they stand.

    Numbers that would lose something ("007", or more digits than fit) stay texts.
    """
    try:
        if all(str(int(value)) == value for value in values):
            return np.array([int(value) for value in values], np.int64)
    except OverflowError:
        pass
    except ValueError:
        try:
            return np.array([float(value) for value in values])
        except ValueError:
            pass
    return np.array(values, dtype=str)


def check_column_names(names: Iterable[str], where: object) -> None:
    """Refuses the names of further columns that mean something else already.

    Raises:
        DataError: One of them does.
    """
    for name in names:
        if name in RESERVED or "/" in name or not name:
            raise DataError(
                f"a column cannot be called {name!r}",
                where=where,
                allowed=f"any name without a slash but {', '.join(RESERVED)}",
            )
