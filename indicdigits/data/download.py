"""Public files, by digest: from a mirror, from the download cache, or from their address.

The mirror ($INDICDIGITS_MIRROR, a folder or a base URL) is looked in first, for offices without
internet. Whatever comes, its payload must have the digest that the builder knows.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from indicdigits.data.storage import home, storage_errors, sweep, temporary_beside
from indicdigits.errors import DownloadError
from indicdigits.progress import Reporter

CHUNK = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
WAYS_OUT = (
    "set INDICDIGITS_MIRROR to a folder (or base URL) that holds the files, connect to the"
    " network, or use digits drawn by the project: --data strokes/…"
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A public file.

    Attributes:
        url: Its public address; "" where nobody serves this very file, and a mirror alone has it.
        mirror_path: Where it stands in a mirror and in the download cache.
        sha256: Digest of the payload, in hexadecimal.
        md5: The same for publishers who state only this one. Without either nothing is verified,
            and the builder must look at what it gets.
        page: Where a person finds it, for files that must be fetched by hand.
        unpack: "gzip" when the digest is that of the unpacked payload: the bytes of a gzip
            wrapper differ from one copy to the next.
    """

    url: str = ""
    mirror_path: str
    sha256: str | None = None
    md5: str | None = None
    page: str | None = None
    unpack: Literal["gzip"] | None = None


def fetch(resource: Resource, reporter: Reporter) -> Path:
    """A local file that holds the resource, with its digest verified.

    A file in a mirror folder is used where it is; anything else is kept in the download cache.
    The file may be gzipped when `resource.unpack` says so: open it with `open_payload`.

    Raises:
        DownloadError: It is nowhere to be had, truncated, or not what it should be.
        StorageError: The disk refused.
    """
    tried: list[str] = []
    mirror = os.environ.get("INDICDIGITS_MIRROR", "").strip()
    if mirror and "://" not in mirror:
        path = Path(mirror).expanduser() / resource.mirror_path
        if path.is_file():
            # Whoever names a mirror wants to know that it is damaged: no silent way around it.
            _verify(path, resource)
            return path
        tried.append(f"mirror {path}: no such file")
    cached = home() / "downloads" / resource.mirror_path
    if cached.is_file():
        try:
            _verify(cached, resource)
            return cached
        except DownloadError as error:
            tried.append(f"download cache {cached}: {error.message}")
    addresses = [resource.url] if resource.url else []
    if "://" in mirror:
        addresses.insert(0, mirror.rstrip("/") + "/" + resource.mirror_path)
    for address in addresses:
        try:
            _download(address, cached, resource, reporter)
            return cached
        except _UnreachableError as error:
            tried.append(f"{address}: {error}")
    hint = f"fetch it from {resource.page} and put it at {cached}; or " if resource.page else ""
    tried = tried or [f"download cache {cached}: no such file"]
    raise DownloadError(
        "cannot be had; " + "; ".join(tried), where=resource.mirror_path, hint=hint + WAYS_OUT
    )


@contextmanager
def open_payload(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading, unpacked if it is gzipped (told by its first bytes)."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file


def _verify(path: Path, resource: Resource, address: str | None = None) -> None:
    """Compares the payload's digest with the one the resource should have."""
    name = "sha256" if resource.sha256 else "md5"
    expected = resource.sha256 or resource.md5
    if expected is None:
        return
    digest = hashlib.new(name, usedforsecurity=False)
    where = address or str(path)
    opened = open_payload(path) if resource.unpack == "gzip" else path.open("rb")
    try:
        with opened as payload:
            while chunk := payload.read(CHUNK):
                digest.update(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DownloadError(
            f"is truncated or damaged ({error})", where=where, hint=_again(address, path)
        ) from error
    except OSError as error:
        raise DownloadError(
            f"cannot be read: {error.strerror or error}", where=where, hint=WAYS_OUT
        ) from error
    if digest.hexdigest() != expected:
        raise DownloadError(
            f"has the wrong {name} digest: {digest.hexdigest()}",
            where=where,
            allowed=f"{expected} ({path.stat().st_size} bytes came)",
            hint=_again(address, path),
        )


def _again(address: str | None, path: Path) -> str:
    if address:
        return "run the command again; if it stays so, the address serves another file now: " + (
            WAYS_OUT
        )
    return f"delete {path} and copy it to the mirror again; or " + WAYS_OUT


class _UnreachableError(Exception):
    """An address that gave no file."""


def _download(address: str, target: Path, resource: Resource, reporter: Reporter) -> None:
    """Streams an address to `target`, which comes to be only when the digest is right."""
    temporary = temporary_beside(target)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent, f".{target.name}.*.partial")
        try:
            _stream(address, temporary, reporter)
            _verify(temporary, resource, address)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _stream(address: str, path: Path, reporter: Reporter) -> None:
    import requests

    try:
        with requests.get(
            address,
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            headers={"Accept-Encoding": "identity"},
        ) as response:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0))
            label = f"downloading {address.rsplit('/', 1)[-1]}"
            with path.open("wb") as file, reporter.track(label, total) as task:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    task.advance(len(chunk))
                done = file.tell()
    except requests.RequestException as error:
        raise _UnreachableError(_plainly(error)) from error
    if total and done < total:
        raise _UnreachableError(f"truncated: {done} of {total} bytes came")


def _plainly(error: Exception) -> str:
    """What happened, without the names of the objects it happened in."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "truncated: the connection broke off"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)
