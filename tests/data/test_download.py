from __future__ import annotations

import errno
import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from indicdigits.data import download
from indicdigits.data.download import Resource, fetch, open_payload
from indicdigits.errors import DownloadError, StorageError
from indicdigits.progress import Reporter

PAYLOAD = b"sixteen pictures" * 1000
NOWHERE = "http://127.0.0.1:9/nothing"
QUIET = Reporter(quiet=True)


class _Server(http.server.BaseHTTPRequestHandler):
    """Serves PAYLOAD at /whole, half of it at /cut, and nothing elsewhere."""

    def do_GET(self) -> None:
        if not self.path.endswith(("/whole", "/cut")):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAYLOAD)))
        self.end_headers()
        self.wfile.write(PAYLOAD if self.path.endswith("/whole") else PAYLOAD[:5000])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """Base URL of a server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch, data_home: Path) -> None:
    monkeypatch.delenv("INDICDIGITS_MIRROR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def resource(url: str, payload: bytes = PAYLOAD, **options: object) -> Resource:
    digest = hashlib.sha256(payload).hexdigest()
    return Resource(url=url, mirror_path="set/file", sha256=digest, **options)  # type: ignore[arg-type]


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_mirror_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the mirror folder is used where it is, without any network."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file").write_bytes(PAYLOAD)
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(tmp_path))
    assert fetch(resource(NOWHERE), QUIET) == tmp_path / "set" / "file"


def test_download_is_cached(server: str, data_home: Path) -> None:
    """What was downloaded once is found in the cache when the network is gone."""
    path = fetch(resource(f"{server}/whole"), QUIET)
    assert path == data_home / "downloads" / "set" / "file"
    assert path.read_bytes() == PAYLOAD
    assert fetch(resource(NOWHERE), QUIET) == path


def test_mirror_url(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror may be a base URL, and what it lacks comes from the public address."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", server + "/mirror/")
    whole = Resource(
        url=NOWHERE,
        mirror_path="whole",
        md5=hashlib.md5(PAYLOAD, usedforsecurity=False).hexdigest(),
    )
    assert fetch(whole, QUIET).read_bytes() == PAYLOAD
    assert fetch(resource(f"{server}/whole"), QUIET).read_bytes() == PAYLOAD


@pytest.mark.parametrize("path", ["cut", "absent"])
def test_bad_answers_leave_nothing(server: str, data_home: Path, path: str) -> None:
    """A truncated or refused download is an error with the ways out, and leaves no file."""
    with pytest.raises(DownloadError, match="truncated" if path == "cut" else "404") as caught:
        fetch(resource(f"{server}/{path}"), QUIET)
    assert "INDICDIGITS_MIRROR" in str(caught.value)
    assert files_under(data_home) == []


def test_wrong_digest_leaves_nothing(server: str, data_home: Path) -> None:
    """A download with another digest is refused, with both digests named."""
    with pytest.raises(DownloadError, match="wrong sha256") as caught:
        fetch(resource(f"{server}/whole", b"something else"), QUIET)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)
    assert files_under(data_home) == []


def test_no_mirror_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mirror and network the error names what was tried and the three ways out."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(tmp_path))
    with pytest.raises(DownloadError) as caught:
        fetch(resource(NOWHERE), QUIET)
    text = str(caught.value)
    for words in (str(tmp_path), NOWHERE, "no connection", "connect to the network", "strokes"):
        assert words in text
    assert caught.value.exit_code == 4


def test_damaged_mirror_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file in the mirror is named rather than passed over."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file").write_bytes(PAYLOAD[:-1])
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(tmp_path))
    with pytest.raises(DownloadError, match="wrong sha256") as caught:
        fetch(resource(NOWHERE), QUIET)
    assert caught.value.where == str(tmp_path / "set" / "file")


def test_gzip_wrapper_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `unpack` the digest is the payload's; a truncated wrapper is an error."""
    path = tmp_path / "set" / "file"
    path.parent.mkdir()
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(tmp_path))
    for packed in (gzip.compress(PAYLOAD, 1), gzip.compress(PAYLOAD, 9), PAYLOAD):
        path.write_bytes(packed)
        with open_payload(fetch(resource(NOWHERE, unpack="gzip"), QUIET)) as file:
            assert file.read() == PAYLOAD
    path.write_bytes(gzip.compress(PAYLOAD)[:-20])
    with pytest.raises(DownloadError, match="truncated"):
        fetch(resource(NOWHERE, unpack="gzip"), QUIET)


def test_damaged_cache_is_replaced(server: str) -> None:
    """A cached file that was damaged since is downloaded again."""
    path = fetch(resource(f"{server}/whole"), QUIET)
    path.write_bytes(b"rot")
    assert fetch(resource(f"{server}/whole"), QUIET).read_bytes() == PAYLOAD


def test_full_disk(server: str, data_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a StorageError that names it, and leaves no half file."""

    def full(address: str, path: Path, reporter: Reporter) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_stream", full)
    with pytest.raises(StorageError, match="disk is full") as caught:
        fetch(resource(f"{server}/whole"), QUIET)
    assert "INDICDIGITS_HOME" in str(caught.value)
    assert files_under(data_home) == []
