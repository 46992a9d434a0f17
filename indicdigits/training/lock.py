"""One run at a time in a folder: a lock that the operating system holds, and frees after a kill."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from indicdigits.data.storage import RUN_HINT, storage_errors
from indicdigits.errors import UsageError

LOCK = "run.lock"
_FAR = 1 << 20  # Windows lets nobody read what is locked: so a byte is locked that holds nothing


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Holds the lock of a run folder, which is made where it is missing.

    The file stays when the lock is freed: to remove it would let two others lock two files. Where
    the file system knows no locks, none is held.

    Raises:
        UsageError: Another process holds it.
        StorageError: The folder cannot be written.
    """
    with storage_errors(run, RUN_HINT):
        run.mkdir(parents=True, exist_ok=True)
        file = (run / LOCK).open("r+b" if (run / LOCK).exists() else "w+b")
    with file:
        if not _take(file):
            raise _taken(run, file)
        about = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        file.truncate(0)
        file.write(json.dumps(about).encode())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def refuse_taken(run: Path) -> None:
    """Refuses a folder that another run trains in, before anything has been prepared.

    Raises:
        UsageError: As said.
    """
    path = run / LOCK
    if path.is_file() and os.access(path, os.W_OK):
        with path.open("r+b") as file:
            if not _take(file):
                raise _taken(run, file)


def _taken(run: Path, file: BinaryIO) -> UsageError:
    file.seek(0)
    try:
        about = json.loads(file.read())
    except ValueError:  # it has only just begun
        about = {}
    process, host = about.get("process", "unknown"), about.get("host", "unknown")
    here = host == socket.gethostname() and process != "unknown"
    stop = f"stop it with `kill {process}`" if here else "stop it"
    return UsageError(
        f"another run is training in this folder: process {process} on {host}, "
        f"since {about.get('since', 'just now')}",
        where=run,
        hint=f"wait for it, or {stop} and use --resume {run}; or name another folder with --out",
    )


if os.name == "nt":
    import msvcrt

    def _take(file: BinaryIO) -> bool:
        """Takes the lock unless somebody has it; it goes when the file is closed."""
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except PermissionError:
            return False
        finally:
            file.seek(0)
        return True

else:
    import fcntl

    def _take(file: BinaryIO) -> bool:
        """Takes the lock unless somebody has it; it goes when the file is closed."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True
