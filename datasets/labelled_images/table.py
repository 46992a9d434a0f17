"""A list of labelled pictures that are not read yet, and what a label may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import DataError, did_you_mean
from indicdigits.recipe import ClassEntry

Column = npt.NDArray[Any]
RESERVED = ("dataset",)
LONGEST_NUMBER = 18  # digits; Python refuses to read a number of thousands


@dataclass(frozen=True, kw_only=True)
class Table:
    """Labelled pictures in their order.

    Attributes:
        labels: int64 (N,), indices of the recipe's classes.
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


def label_index(label: str, classes: Iterable[ClassEntry]) -> int | None:
    """The class that a label names by its text ("३") or its value ("3"), or None."""
    wanted = label.strip()
    entries = list(enumerate(classes))
    for index, entry in entries:
        if entry.text == wanted:
            return index
    if wanted.isdecimal() and len(wanted) <= LONGEST_NUMBER:
        for index, entry in entries:
            if entry.value == int(wanted):
                return index
    return None


def allowed_labels(classes: Iterable[ClassEntry]) -> str:
    """Every class's text and value, for errors."""
    return ", ".join(
        entry.text if entry.value is None else f"{entry.text} or {entry.value}" for entry in classes
    )


def strange_label(label: str, where: object, classes: Iterable[ClassEntry]) -> DataError:
    """The error for a label that names no class."""
    classes = list(classes)
    return DataError(
        f"label {label!r} is no class of the recipe",
        where=where,
        allowed=allowed_labels(classes),
        hint=did_you_mean(label, [entry.text for entry in classes])
        or "correct the label, or add the class to the recipe's [[classes]]",
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
