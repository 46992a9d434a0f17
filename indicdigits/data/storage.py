"""Where things are kept on disk, and how they get there: whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import StorageError

REFUSALS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing is not permitted",
    errno.EPERM: "writing is not permitted",
    errno.ENOTDIR: "a part of the path is a file, no folder",
}
STALE_SECONDS = 24 * 3600.0
HOME_HINT = "free some space, or set INDICDIGITS_HOME to a folder that can be written"
RUN_HINT = "free some space, or name a folder that can be written; what was finished before stands"


def home() -> Path:
    """The cache folder: $INDICDIGITS_HOME, or ~/.cache/indicdigits."""
    named = os.environ.get("INDICDIGITS_HOME")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "indicdigits"


@contextmanager
def storage_errors(path: Path, hint: str = HOME_HINT) -> Iterator[None]:
    """Turns what a full, read-only or forbidden disk raises into a `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise refused(error, path, hint) from error


def refused(error: OSError, path: Path, hint: str = HOME_HINT) -> StorageError:
    """The `StorageError` for an `OSError` whose number is one of `REFUSALS`."""
    return StorageError(REFUSALS.get(error.errno or 0, str(error)), where=path, hint=hint)


def as_refusal(error: BaseException) -> OSError | None:
    """The error as an `OSError` of `REFUSALS`, also where a library only says it in words."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return error
    for number in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number))
    return None


def temporary_beside(path: Path) -> Path:
    """A name beside `path` that nobody uses, for what is not finished yet."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file so that it holds the old content or the new one, never a part.

    Raises:
        StorageError: The disk refused; the old file stands.
    """
    temporary = temporary_beside(path)
    with storage_errors(path, RUN_HINT):
        try:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            flush(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder that becomes `path` when the block ends well.

    When another process was first, its folder stays: both hold the same.

    Raises:
        StorageError: The disk refused.
    """
    temporary = temporary_beside(path)
    with storage_errors(path):
        temporary.mkdir(parents=True)
        sweep(path.parent, f".{path.name}.*.partial")
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    flush(file)
            try:
                temporary.replace(path)
            except OSError:
                if not path.is_dir():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path, pattern: str) -> None:
    """Removes what a killed process left behind; what is younger than a day may be in use."""
    for leftover in folder.glob(pattern):
        try:
            old = time.time() - leftover.stat().st_mtime > STALE_SECONDS
        except FileNotFoundError:
            continue
        if old and leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        elif old:
            leftover.unlink(missing_ok=True)


def write_npy(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[npt.NDArray[Any]]
) -> None:
    """Writes an npy file of consecutive blocks.

    numpy's own ways lose what a full disk says: `save` raises an error without a number, and a
    memory map that finds no room for a page ends the process with SIGBUS.

    Raises:
        OSError: The disk refused; its number says why.
    """
    descr = np.lib.format.dtype_to_descr(dtype)
    with path.open("wb") as file:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(block.astype(dtype, copy=False).tobytes())


def flush(file: Path) -> None:
    """Puts a file's bytes on the disk: only then does a rename of it survive a power cut."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
