"""Reading `npz` files that strangers made."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from indicdigits.errors import DataError

# What numpy and the standard library are known to raise on a file that is no good npz.
BROKEN = (
    OSError,
    ValueError,
    EOFError,
    AttributeError,
    MemoryError,  # a header that promises more than there is
    NotImplementedError,  # a compression method from elsewhere
    RuntimeError,  # an encrypted member
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an `npz` file with `images` and `labels`, each with one row a picture.

    Raises:
        DataError: It is no such file, is damaged, or its arrays do not belong together.
    """
    try:
        # allow_pickle=False: a pickle inside would run whatever code its maker liked
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except BROKEN as error:
        raise DataError(
            f"is no readable npz file: {error}", where=path, allowed="plain arrays, no objects"
        ) from error
    for name in ("images", "labels"):
        if name not in arrays:
            raise DataError(
                f"has no array {name!r}", where=path, allowed=f"found: {', '.join(arrays)}"
            )
    rows = len(arrays["images"])
    for name, array in arrays.items():
        if array.ndim < 1 or len(array) != rows:
            raise DataError(
                f"array {name!r} has shape {array.shape}",
                where=path,
                allowed=f"{rows} rows, as many as there are images",
            )
    return arrays
