"""Zips that come out the same every time, are read with suspicion, and land on disk whole."""

from __future__ import annotations

import io
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from indicdigits.errors import StorageError, UsageError, VerificationError

# No bundle comes near these; they are there so that a hostile file costs little.
MAX_ENTRIES = 64
MAX_FILE_BYTES = 512 << 20

# Everything the standard library is known to raise on a zip that is not right.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # a compression method from elsewhere
    RuntimeError,  # an encrypted member
    ValueError,
    OSError,
)
_ENCRYPTED = 0x1
# A zip's last record: magic, four counters, size and offset of the directory, comment length.
_END = struct.Struct("<4s4HIIH")


def pack(members: Mapping[str, bytes]) -> bytes:
    """Writes a zip: members sorted and stored uncompressed, without times or owners.

    Stored, because a compressor's output differs between versions, and weights do not shrink.

    Args:
        members: Name -> content.

    Returns:
        The zip; equal members give equal bytes.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # "made on Unix", on Windows too
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
    return buffer.getvalue()


class Archive:
    """A zip from anywhere, in memory.

    Args:
        data: The whole file.
        where: The file's name, for errors.

    Raises:
        VerificationError: It is no zip, is cut short, or holds a name twice or a name that
            leaves its folder.
    """

    def __init__(self, data: bytes, *, where: object) -> None:
        self._where = where
        if not _is_whole(data):
            raise self._refusal("is no zip file, or is cut short")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except _BROKEN as error:
            raise self._refusal("is a damaged zip file") from error
        if len(entries) > MAX_ENTRIES:
            raise self._refusal(f"holds {len(entries)} members", f"at most {MAX_ENTRIES}")
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            name = entry.orig_filename  # before the library cleans it
            if not name or "\\" in name or "\0" in name or ":" in name or name.startswith("/"):
                raise self._refusal(f"holds a member of the unsafe name {name!r}")
            if any(part in ("", ".", "..") for part in name.split("/")):
                raise self._refusal(f"holds a member of the unsafe name {name!r}")
            if name in self._entries:
                raise self._refusal(f"holds {name!r} twice")
            self._entries[name] = entry

    @property
    def names(self) -> frozenset[str]:
        """The members' names."""
        return frozenset(self._entries)

    def read(self, name: str, limit: int) -> bytes:
        """Reads one member.

        Args:
            name: Its name.
            limit: How many bytes it may have; neither more than its header declares nor more
                than this is ever unpacked.

        Raises:
            VerificationError: It is missing, damaged, encrypted or too large.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise self._refusal(f"holds no {name}")
        if entry.flag_bits & _ENCRYPTED:
            raise self._refusal(f"holds an encrypted {name}")
        if entry.file_size > limit:
            raise self._too_large(name, limit)
        try:
            with self._zip.open(entry) as file:
                content = file.read(limit + 1)
        except _BROKEN as error:
            raise self._refusal(f"holds a damaged {name}: {error}") from error
        if len(content) > limit:
            raise self._too_large(name, limit)
        if len(content) != entry.file_size:
            raise self._refusal(f"holds a {name} that is cut short")
        return content

    def _too_large(self, name: str, limit: int) -> VerificationError:
        return self._refusal(f"holds a {name} that is too large", f"at most {limit:,} bytes")

    def _refusal(self, message: str, allowed: str | None = None) -> VerificationError:
        return VerificationError(
            message,
            where=self._where,
            allowed=allowed,
            hint="fetch the file again, or export it again: indicdigits export RUN --format onnx",
        )


def _is_whole(data: bytes) -> bool:
    """Whether the bytes are one zip from first to last, nothing before, behind or missing.

    The library takes the last end record it finds: in a file that was cut short that would be
    the one of the zip within, the golden vectors.
    """
    if len(data) < _END.size:
        return False
    magic, *_, directory, offset, comment = _END.unpack(data[-_END.size :])
    end = offset + directory + _END.size
    return magic == b"PK\x05\x06" and not comment and end == len(data)


def read_file(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Reads a whole file of a limited size.

    Raises:
        UsageError: There is no such file.
        StorageError: It cannot be read.
        VerificationError: It is larger than `limit` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise UsageError("no such file", where=path) from error
    except IsADirectoryError as error:
        raise UsageError("is a folder", where=path, allowed="a bundle file") from error
    except OSError as error:
        raise StorageError(f"cannot be read: {error.strerror}", where=path) from error
    if len(data) > limit:
        raise VerificationError("is too large", where=path, allowed=f"at most {limit:,} bytes")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Writes a file so that `path` holds all of it or what it held before, whatever happens.

    Raises:
        StorageError: The disk refused.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot be written: {error.strerror}",
            where=path,
            hint="free some space, or name another place with --out",
        ) from error
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Makes the rename itself survive a power cut; not every system can open a folder.
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
