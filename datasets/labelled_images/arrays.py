"""Pictures in arrays: an npz file, or IDX files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.datasets.idx import read_idx
from indicdigits.datasets.labelled_images.table import (
    Column,
    Labels,
    Table,
    check_column_names,
)
from indicdigits.datasets.npz import read_npz
from indicdigits.errors import DataError


def list_npz(file: Path, named: Labels) -> Table:
    """Lists an npz file with `images`, `labels` and, if there are, further columns.

    Args:
        file: `images` is uint8 (N,H,W), (N,H,W,1) or (N,H,W,3); `labels` (N,) are whole numbers
            (values of classes) or texts; a further array, such as `writer`, is (N,).
        named: What labels may name.

    Raises:
        DataError: The file is no such npz, or a label names no class.
    """
    arrays = read_npz(file)
    images, labels = arrays.pop("images"), arrays.pop("labels")
    check_column_names(arrays, file)
    for name, array in {"labels": labels, **arrays}.items():
        if array.ndim != 1 or array.dtype.kind not in "biufU":
            raise DataError(
                f"array {name!r} is {array.dtype} {array.shape}",
                where=file,
                allowed="one number or text a picture, shape (N,)",
            )
    columns = {n: a.astype(np.int64) if a.dtype.kind in "biu" else a for n, a in arrays.items()}
    indices = _classes_of(labels, str(file), named)
    return _of_arrays(images, indices, columns, str(file))


def list_idx(images: Path, labels: Path, named: Labels) -> Table:
    """Lists a pair of IDX files, gzipped or not.

    Args:
        images: IDX file of bytes with three axes.
        labels: IDX file of bytes with one axis; its numbers are values of classes.
        named: What labels may name.

    Raises:
        DataError: One is no such file, they differ in length, or a label names no class.
    """
    pictures, numbers = read_idx(images, 3), read_idx(labels, 1)
    if len(pictures) != len(numbers):
        raise DataError(
            f"holds {len(numbers)} labels", where=labels, allowed=f"{len(pictures)}, as {images}"
        )
    return _of_arrays(pictures, _classes_of(numbers, str(labels), named), {}, str(images))


def _classes_of(labels: npt.NDArray[Any], place: str, named: Labels) -> npt.NDArray[np.int64]:
    unique, rows, inverse = np.unique(labels, return_index=True, return_inverse=True)
    indices = [
        named.index(str(label), f"{place}, row {row}")
        for label, row in zip(unique.tolist(), rows.tolist(), strict=True)
    ]
    return np.array(indices, np.int64)[inverse]


def _of_arrays(
    images: npt.NDArray[Any],
    labels: npt.NDArray[np.int64],
    columns: dict[str, Column],
    images_place: str,
) -> Table:
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    shape_fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if images.dtype != np.uint8 or not shape_fits or 0 in images.shape:
        raise DataError(
            f"the images are {images.dtype} {images.shape}",
            where=images_place,
            allowed="uint8 (N,H,W) grey or (N,H,W,3) RGB, at least one",
        )

    def digest(number: int) -> bytes:
        raw = np.ascontiguousarray(images[number]).tobytes()
        return hashlib.blake2b(raw, digest_size=16).hexdigest().encode()

    return Table(
        labels=labels,
        columns=columns,
        places=[f"{images_place}, row {row}" for row in range(len(images))],
        read=lambda number: images[number],
        digest=digest,
    )
