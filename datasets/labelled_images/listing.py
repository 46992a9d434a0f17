"""A recipe's entry -> the tables of its parts, and the fingerprint of what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indicdigits.data.request import Request
from indicdigits.data.split import chosen_of_each
from indicdigits.datasets.labelled_images.arrays import list_idx, list_npz
from indicdigits.datasets.labelled_images.files import list_csv, list_folder, pictures_under
from indicdigits.datasets.labelled_images.table import Labels, Table
from indicdigits.errors import DataError

TEST_COLUMN = "is_test"


def list_parts(request: Request) -> dict[str, tuple[Table, npt.NDArray[np.intp]]]:
    """Part -> table, and the numbers of the pictures in it that belong to the part.

    The test part is `source.test`; without it, what the column `is_test` says; without that,
    `source.test_fraction` of each class, by digest of the pictures.

    Raises:
        DataError: Something about the user's files is not as it must be.
    """
    source = request.source
    train = _table(request, source.train, source.train_labels, "train")
    if source.test is not None:
        test = _table(request, source.test, source.test_labels, "test")
        if set(train.columns) != set(test.columns):
            raise DataError(
                f"has the columns {', '.join(sorted(test.columns)) or 'none'}",
                where=source.test,
                allowed=f"those of {source.train}: {', '.join(sorted(train.columns)) or 'none'}",
            )
        return {"train": (train, np.arange(len(train))), "test": (test, np.arange(len(test)))}
    if TEST_COLUMN in train.columns:
        is_test = _as_bool(train.columns[TEST_COLUMN], source.train)
        rest = {name: c for name, c in train.columns.items() if name != TEST_COLUMN}
        train = replace(train, columns=rest)
    else:
        digests = np.array([train.digest(number) for number in range(len(train))], "S32")
        is_test = chosen_of_each(train.labels, digests, source.test_fraction, seed=0)
    if is_test.all() or not is_test.any():
        raise DataError(
            f"{len(train)} pictures give no training part and test part",
            where=source.train,
            allowed="at least two different pictures of a class, or a test part of its own",
        )
    return {"train": (train, np.flatnonzero(~is_test)), "test": (train, np.flatnonzero(is_test))}


def list_all(request: Request) -> Table:
    """All pictures of `source.train`, undivided, for a reader whose classes are what they are.

    Raises:
        DataError: Something about the user's files is not as it must be.
    """
    source = request.source
    return _table(request, source.train, source.train_labels, "train", of_recipe=False)


def fingerprint(request: Request) -> str:
    """Changes whenever a file of the source is changed, added or removed, or a class is.

    Files are told apart by path, size and time of change: nothing is read but a CSV.

    Returns:
        A digest of what the recipe says, a hyphen, and a digest of what it finds.

    Raises:
        DataError: A file or folder that the recipe or the CSV names is not there.
    """
    classes = [(entry.text, entry.value) for entry in request.classes]
    said = json.dumps([str(request.root.resolve()), astuple(request.source), classes])
    found = hashlib.sha256()
    for path in _files(request):
        status = path.stat()
        line = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n"
        found.update(line.encode("utf-8", "surrogateescape"))
    return f"{hashlib.sha256(said.encode()).hexdigest()[:12]}-{found.hexdigest()[:20]}"


def _files(request: Request) -> Iterator[Path]:
    source = request.source
    for name in (source.train, source.train_labels, source.test, source.test_labels):
        if name is None:
            continue
        path = _existing(request, name)
        yield path
        if source.format == "folder":
            yield from pictures_under(path)
        elif source.format == "csv":
            folder = path.parent
            table = list_csv(path, _labels(request))
            yield from (folder / text for text in table.columns["path"])


def _existing(request: Request, name: str) -> Path:
    path = request.root / Path(name).expanduser()
    if not path.exists():
        raise DataError(
            "no such file or folder",
            where=path,
            allowed="paths in a recipe are relative to the recipe's folder",
        )
    return path.resolve()


def _table(
    request: Request, name: str | None, labels: str | None, part: str, *, of_recipe: bool = True
) -> Table:
    source, named = request.source, _labels(request, of_recipe=of_recipe)
    if name is None:
        raise DataError("labelled_images needs train", where=source.dataset)
    path = _existing(request, name)
    if source.format == "folder":
        return list_folder(path, named)
    if source.format == "csv":
        return list_csv(path, named)
    if source.format == "npz":
        return list_npz(path, named)
    if labels is None:
        raise DataError(f"idx files need {part}_labels", where=source.dataset)
    return list_idx(path, _existing(request, labels), named)


def _labels(request: Request, *, of_recipe: bool = True) -> Labels:
    return Labels(classes=request.classes, script=request.source.script, of_recipe=of_recipe)


def _as_bool(column: npt.NDArray[np.generic], where: str | None) -> npt.NDArray[np.bool_]:
    words = {"0": False, "false": False, "1": True, "true": True}
    texts = [str(value).lower() for value in column.tolist()]
    strange = next((text for text in texts if text not in words), None)
    if strange is not None:
        raise DataError(
            f"column {TEST_COLUMN} holds {strange!r}", where=where, allowed="0, 1, false, true"
        )
    return np.array([words[text] for text in texts])
