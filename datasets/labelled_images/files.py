"""Pictures in files of their own: a folder a class, or a CSV of paths and labels."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indicdigits.datasets.labelled_images.table import (
    Column,
    Labels,
    Table,
    allowed_labels,
    check_column_names,
    typed_column,
)
from indicdigits.errors import DataError, PictureError

# What file managers leave in folders.
NOT_PICTURES = frozenset({"thumbs.db", "desktop.ini"})


def list_folder(root: Path, labels: Labels) -> Table:
    """Lists a folder whose subfolders are named after classes, by text or by value.

    Args:
        root: The folder; pictures may lie deeper in their class's folder.
        labels: What labels may name.

    Raises:
        DataError: There is no such folder, a subfolder is no class, or a class is empty.
    """
    if not root.is_dir():
        raise DataError(
            "no such folder", where=root, allowed=f"subfolders {allowed_labels(labels.classes)}"
        )
    paths: list[Path] = []
    indices: list[int] = []
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    if not folders:
        raise DataError(
            "holds no class folders",
            where=root,
            allowed=f"subfolders {allowed_labels(labels.classes)}",
        )
    for folder in folders:
        index = labels.index(folder.name, folder)
        found = list(pictures_under(folder))
        if not found:
            raise DataError(
                f"the folder of class {labels.classes[index].text} is empty",
                where=folder,
                allowed="at least one picture",
                hint="add pictures, or remove the folder",
            )
        paths += found
        indices += [index] * len(found)
    shown = [path.relative_to(root).as_posix() for path in paths]
    return _of_files(paths, indices, {"path": np.array(shown)}, [str(path) for path in paths])


def list_csv(file: Path, labels: Labels) -> Table:
    """Lists a CSV file with a header and the columns `path` and `label`.

    Args:
        file: The CSV in UTF-8, separated by commas, semicolons or tabs. Paths are relative to its
            folder. Further columns, such as `writer`, are kept.
        labels: What labels may name.

    Raises:
        DataError: The file is no such CSV, or a row names no class, or in a recipe no file.
    """
    rows = list(_rows(file))
    if not rows:
        raise DataError("holds no rows", where=file, allowed="a header and a row a picture")
    further = [name for name in rows[0][1] if name not in ("path", "label")]
    check_column_names(further, file)
    paths, indices = [], []
    for place, row in rows:
        path = file.parent / row["path"]
        # A reader is measured on what is there, and says what is not; training must have all.
        if not row["path"] or (labels.of_recipe and not path.is_file()):
            raise DataError(
                f"no such file: {row['path'] or '(empty)'}",
                where=place,
                allowed=f"a path relative to {file.parent}",
            )
        paths.append(path)
        indices.append(labels.index(row["label"], place))
    columns = {name: typed_column([row[name] for _, row in rows]) for name in further}
    columns["path"] = np.array([row["path"] for _, row in rows])
    return _of_files(paths, indices, columns, [place for place, _ in rows])


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells of each row, column names in small letters."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("no such CSV file", where=file) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"is no readable CSV: {error}", where=file, allowed="UTF-8") from error
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(text.splitlines(), delimiter=separator)
    lines = _readable(reader, file)
    names = [name.strip().lower() for name in next(lines, [])]
    for name in ("path", "label"):
        if names.count(name) != 1:
            raise DataError(
                f"the header has no column {name!r}" if name not in names else f"two {name!r}",
                where=f"{file}, row 1",
                allowed="a header with path, label and, if you like, further columns",
            )
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{file}, row {reader.line_num}"
        if len(cells) != len(names):
            raise DataError(
                f"has {len(cells)} cells", where=place, allowed=f"{len(names)}, as the header has"
            )
        pairs = zip(names, cells, strict=True)
        yield place, {name: cell.strip() for name, cell in pairs if name}


def _readable(reader: Iterator[list[str]], file: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"is no readable CSV: {error}", where=file) from error


def pictures_under(folder: Path) -> Iterator[Path]:
    """Every file under a folder in a fixed order, without what is hidden or no picture."""
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if name[0] != ".")
        for name in sorted(names):
            if name[0] != "." and name.lower() not in NOT_PICTURES:
                yield Path(parent) / name


def _of_files(
    paths: list[Path], labels: list[int], columns: dict[str, Column], places: list[str]
) -> Table:
    def read(number: int) -> npt.NDArray[np.uint8]:
        from indicdigits.imaging.decode import read_picture

        try:
            return read_picture(paths[number])
        except PictureError as error:
            raise PictureError(
                error.message,
                where=places[number],
                allowed=error.allowed,
                hint=f"repair or remove {paths[number]}",
            ) from error

    def digest(number: int) -> bytes:
        try:
            content = paths[number].read_bytes()
        except OSError as error:
            raise DataError(
                f"cannot be read: {error.strerror or error}", where=places[number]
            ) from error
        return hashlib.blake2b(content, digest_size=16).hexdigest().encode()

    return Table(
        labels=np.array(labels, np.int64), columns=columns, places=places, read=read, digest=digest
    )
