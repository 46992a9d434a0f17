"""The JavaScript example, in a headless Chromium."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
Reports = queue.Queue[bytes]
WAIT = 60  # seconds for the browser to start and answer


@pytest.fixture(scope="session")
def folder(examples: Path) -> Path:
    """The example, with onnxruntime-web beside it."""
    folder = examples / "javascript"
    if (folder / "node_modules" / "onnxruntime-web").is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm, which fetches onnxruntime-web")
    words = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run([npm, *words], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not fetch onnxruntime-web: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture(scope="session")
def browser() -> str:
    """A Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


class Handler(SimpleHTTPRequestHandler):
    """Serves the example and a bundle, and keeps what the page posts."""

    def __init__(self, *args: Any, folder: Path, bundle: Path, reports: Reports) -> None:
        self.bundle, self.reports = bundle, reports
        super().__init__(*args, directory=str(folder))

    def do_GET(self) -> None:  # the name that the library calls
        if self.path != "/bundle":
            return super().do_GET()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.bundle.read_bytes())
        return None

    def do_POST(self) -> None:
        self.reports.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def replayed(folder: Path, browser: str, expected: Any, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What golden.html finds of a bundle."""
    reports: Reports = queue.Queue()
    handler = partial(Handler, folder=folder, bundle=expected.path, reports=reports)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/golden.html?bundle=/bundle&report=/report"
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with (tmp_path / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [browser, *words, f"--user-data-dir={tmp_path / 'profile'}", address],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield json.loads(reports.get(timeout=WAIT))
        except queue.Empty:
            pytest.fail((tmp_path / "browser.log").read_text(errors="replace")[-2000:])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            server.shutdown()
            server.server_close()


def test_golden_vectors(replayed: dict[str, Any], expected: Any, found: Any) -> None:
    """In a browser golden pictures become our inputs, and those our probabilities and answers."""
    assert "error" not in replayed, replayed["error"]
    expected.check(
        [
            found(one["input"], one["answer"]["text"], one["answer"]["reason"])
            for one in replayed["pictures"]
        ]
    )
    golden = expected.reader.bundle.golden
    np.testing.assert_allclose(replayed["probabilities"], golden.probabilities, atol=1e-4)
