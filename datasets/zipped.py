"""Pictures inside a zip archive that strangers made."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.errors import DataError, PictureError
from indicdigits.imaging.decode import read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
LARGEST_PICTURE = 20_000_000  # bytes of one member, unpacked


def members(path: Path) -> list[PurePosixPath]:
    """The pictures in an archive, sorted by name; what operating systems add is left out.

    Raises:
        DataError: It is no readable zip archive.
    """
    with _opened(path) as archive:
        names = [PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir()]
    return sorted(
        name
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(part.startswith((".", "__")) for part in name.parts)
    )


def pictures(path: Path, names: list[PurePosixPath]) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures of these names in grey, uint8 (H,W).

    Raises:
        DataError: A member cannot be unpacked.
        PictureError: A member is no picture.
    """
    with _opened(path) as archive:
        for name in names:
            where = f"{path}, member {name}"
            try:
                if archive.getinfo(str(name)).file_size > LARGEST_PICTURE:
                    raise DataError("is too large for a picture of a digit", where=where)
                content = archive.read(str(name))
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
                raise DataError(f"cannot be unpacked: {error}", where=where) from error
            try:
                picture = read_picture(content)
            except PictureError as error:
                raise PictureError(error.message, where=where, allowed=error.allowed) from error
            if picture.ndim == 3:
                picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
            yield picture


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"is no readable zip archive: {error}", where=path) from error
