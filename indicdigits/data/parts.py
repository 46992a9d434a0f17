"""Parts of the data as arrays: what training, validation and testing work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import DataError
from indicdigits.recipe import ClassEntry
from indicdigits.scripts import is_native_digit


@dataclass(frozen=True, kw_only=True)
class Split:
    """A part of the data.

    Attributes:
        images: uint8 (N,S,S), light ink on black; may be a read-only memory map.
        labels: int64 (N,), indices into the recipe's classes.
        keys: S32 (N,), hexadecimal digest of each raw picture's pixels.
        groups: Further columns (N,), such as `writer` or `dataset`.
        name: Where the part comes from, such as "cmaterdb/telugu train".
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bytes_]
    groups: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    name: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.ArrayLike) -> Split:
        """The pictures at these indices (or where a boolean mask is true), in that order."""
        chosen = np.asarray(indices)
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            keys=self.keys[chosen],
            groups={name: column[chosen] for name, column in self.groups.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Data:
    """All that a recipe trains, chooses and tests on."""

    train: Split
    validation: Split
    test: Split


def class_indices(
    labels: npt.NDArray[np.int64],
    names: Sequence[tuple[str, int | None]],
    classes: Sequence[ClassEntry],
    where: str,
) -> npt.NDArray[np.int64]:
    """Labels of a data set -> indices of the recipe's classes.

    A class takes the label with its text, or else with its value, unless it is written as a digit
    of a script: then pictures of another script's digit are none of its own. Western digits may
    stand for the value in any script.

    Args:
        labels: (N,) indices into `names`.
        names: Text and value of each label of the data set.
        classes: The recipe's classes.
        where: The data set, named in errors.

    Raises:
        DataError: A label that occurs is no class of the recipe.
    """
    texts: dict[str, int] = {}
    values: dict[int, int] = {}
    for index, entry in enumerate(classes):
        texts.setdefault(entry.text, index)
        if entry.value is not None and not is_native_digit(entry.text):
            values.setdefault(entry.value, index)
    table = [
        texts.get(text, -1 if value is None else values.get(value, -1)) for text, value in names
    ]
    indices = np.array(table, np.int64)[labels]
    if (indices < 0).any():
        strange = [names[label][0] for label in np.unique(labels[indices < 0])]
        raise DataError(
            f"has labels that are no class of the recipe: {', '.join(strange)}",
            where=where,
            allowed=", ".join(entry.text for entry in classes),
            hint="add them to [[classes]], or take another data set",
        )
    return indices


def check_every_class(train: Split, classes: Sequence[ClassEntry]) -> None:
    """Refuses a training part in which a class has no picture.

    Raises:
        DataError: One has none.
    """
    counts = np.bincount(train.labels, minlength=len(classes))
    missing = [entry.text for entry, count in zip(classes, counts, strict=True) if not count]
    if missing:
        raise DataError(
            f"no picture to train on for the class {', '.join(missing)}",
            where=train.name,
            allowed="at least one picture of each class of the recipe",
            hint="add pictures, or take the class out of the recipe",
        )


def check_shots(
    labels: npt.NDArray[np.int64], shots: int, classes: Sequence[ClassEntry], where: str
) -> None:
    """Refuses more shots than a class has pictures.

    Raises:
        DataError: A class that has some has fewer.
    """
    counts = np.bincount(labels, minlength=len(classes))
    for entry, count in zip(classes, counts.tolist(), strict=True):
        if 0 < count < shots:
            raise DataError(
                f"{shots} pictures a class are asked for, and {entry.text} has {count}",
                where=where,
                allowed=f"1 to {counts[counts > 0].min()}",
                hint=f"--set data.shots={counts[counts > 0].min()}",
            )


def joined(splits: Sequence[Split]) -> Split:
    """Several sources as one part; a column that one of them lacks is "" there."""
    if len(splits) == 1:
        return splits[0]
    columns = sorted({name for split in splits for name in split.groups})
    return Split(
        images=np.concatenate([split.images for split in splits]),
        labels=np.concatenate([split.labels for split in splits]),
        keys=np.concatenate([split.keys for split in splits]),
        groups={name: _joined_column(name, splits) for name in columns},
        name=" + ".join(split.name for split in splits),
    )


def _joined_column(name: str, splits: Sequence[Split]) -> npt.NDArray[Any]:
    columns = [split.groups.get(name, np.full(len(split), "")) for split in splits]
    if len({column.dtype.kind for column in columns}) > 1:  # numbers here, texts or nothing there
        columns = [column.astype(str) for column in columns]
    return np.concatenate(columns)
