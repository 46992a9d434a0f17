"""Another tool's answers: a CSV with `id`, `prediction` and, if there is one, `confidence`."""

from __future__ import annotations

import csv
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indicdigits.datasets.labelled_images.table import label_index, strange_label
from indicdigits.errors import DataError
from indicdigits.evaluation.compare import NO_ANSWER
from indicdigits.evaluation.words import count
from indicdigits.recipe import ClassEntry

_SHOWN = 3  # ids in an error


def read_predictions(
    file: Path, ids: Sequence[str], classes: Sequence[ClassEntry], *, apart: Set[str] = frozenset()
) -> NDArray[np.int64]:
    """Reads the answers to known pictures.

    Args:
        file: The CSV in UTF-8, as `evaluate` writes predictions.csv, or with semicolons or tabs in
            the place of commas. A prediction is a class by its text or its value; an empty one is
            no answer, and counts as wrong.
        ids: (N,), the pictures, as the column `id` names them.
        classes: The classes that an answer may be.
        apart: Pictures that may have an answer too, which counts for nothing.

    Returns:
        int64 (N,), the class answered to each picture; -1 without an answer.

    Raises:
        DataError: The file is no such CSV; an id is unknown, missing or there twice; or an answer
            is no class.
    """
    answers: dict[str, int] = {}
    for number, row in _rows(file):
        where = f"{file}, row {number}"
        if row["id"] in answers:
            raise DataError(f"id {row['id']!r} is there twice", where=where)
        index = label_index(row["prediction"], classes)
        if row["prediction"] and index is None:
            raise strange_label(row["prediction"], where, classes)
        answers[row["id"]] = NO_ANSWER if index is None else index
    known = set(ids)
    unknown = [name for name in answers if name not in known and name not in apart]
    missing = [name for name in ids if name not in answers]
    for what, names in (("unknown", unknown), ("missing", missing)):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise DataError(
                f"{count(len(names), 'id')} {'is' if len(names) == 1 else 'are'} {what}: "
                f"{', '.join(names[:_SHOWN])}{more}",
                where=file,
                allowed=f"each of the {len(ids)} pictures once, such as {ids[0]!r}",
                hint="the ids are those of the predictions.csv that indicdigits evaluate writes",
            )
    return np.array([answers[name] for name in ids], np.int64)


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    """Number and cells of each row."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        separator = max(",;\t", key=(lines or [""])[0].count)
        rows = [
            (number, {name: (cell or "").strip() for name, cell in row.items() if name})
            for number, row in enumerate(csv.DictReader(lines, delimiter=separator), 2)
        ]
    except FileNotFoundError as error:
        raise DataError("no such CSV file", where=file) from error
    except (OSError, UnicodeDecodeError, csv.Error, AttributeError) as error:
        raise DataError(f"is no readable CSV: {error}", where=file, allowed="UTF-8") from error
    if not rows or not {"id", "prediction"} <= set(rows[0][1]):
        raise DataError(
            "has no rows with the columns id and prediction",
            where=file,
            allowed="a header id,prediction[,confidence], and a row a picture",
        )
    return rows
