"""The IDX file format, in which MNIST and its relatives come."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from indicdigits.data.download import open_payload
from indicdigits.errors import DataError

UINT8 = 0x08


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Reads an IDX file of bytes, gzipped or not.

    Args:
        path: The file.
        dimensions: How many axes it must have: 3 for images, 1 for labels.

    Returns:
        A uint8 array.

    Raises:
        DataError: It is no such file, or truncated.
    """
    try:
        with open_payload(path) as file:
            payload = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"is truncated or damaged ({error})", where=path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from error
    header = 4 + 4 * dimensions
    if len(payload) < header or payload[:4] != bytes((0, 0, UINT8, dimensions)):
        raise DataError(
            f"is no IDX file of bytes with {dimensions} axes",
            where=path,
            allowed="a file that begins with 00 00 08 " + f"{dimensions:02x}, gzipped or not",
        )
    shape = tuple(int(n) for n in np.frombuffer(payload, ">u4", dimensions, offset=4))
    expected = int(np.prod(shape, dtype=np.int64))
    if len(payload) - header != expected:
        raise DataError(
            f"holds {len(payload) - header} bytes after its header", where=path,
            allowed=f"{expected}, for the shape {shape} that its header states",
        )  # fmt: skip
    return np.frombuffer(payload, np.uint8, offset=header).reshape(shape)
