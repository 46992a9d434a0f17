"""The JavaScript example, in a headless Chromium."""

from __future__ import annotations

import io
import json
import os
import queue
import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indicdigits.runtime.reader import load
from indicdigits.runtime.shipped import find

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


# Chooses two files in index.html as a person does, and posts what it then says.
PERSON = """<iframe src="/index.html"></iframe><script type="module">
const frame = document.querySelector("iframe");
await new Promise((loaded) => (frame.onload = loaded));
const page = frame.contentDocument;
for (const [id, name] of [["bundle", "x.indicdigits"], ["picture", "x.png"]]) {
  const bytes = await (await fetch("/" + id)).arrayBuffer();
  const chosen = new DataTransfer();
  chosen.items.add(new File([bytes], name, { type: id === "picture" ? "image/png" : "" }));
  page.getElementById(id).files = chosen.files;
}
page.getElementById("picture").dispatchEvent(new Event("change"));
const answer = page.getElementById("answer");
while (!answer.value) await new Promise((later) => setTimeout(later, 50));
await fetch("/report", { method: "POST", body: JSON.stringify({ answer: answer.value }) });
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the example and further contents, and keeps what a page posts."""

    def __init__(
        self, *args: Any, folder: Path, contents: dict[str, bytes], reports: Reports
    ) -> None:
        self.contents, self.reports = contents, reports
        super().__init__(*args, directory=str(folder))

    def do_GET(self) -> None:  # the name that the library calls
        content = self.contents.get(self.path)
        if content is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/person" else "x/y")
        self.end_headers()
        self.wfile.write(content)
        return None

    def do_POST(self) -> None:
        self.reports.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


Browse = Callable[[str, dict[str, bytes]], Any]


@pytest.fixture
def browse(folder: Path, browser: str, tmp_path: Path) -> Browse:
    """Opens a page of the example, with further contents beside it; answers what it posts."""

    def run(page: str, contents: dict[str, bytes]) -> Any:
        reports: Reports = queue.Queue()
        handler = partial(Handler, folder=folder, contents=contents, reports=reports)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            try:
                return posted(f"http://127.0.0.1:{server.server_port}{page}", reports)
            finally:
                server.shutdown()

    def posted(address: str, reports: Reports) -> Any:
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        log = tmp_path / "browser.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [browser, *words, f"--user-data-dir={tmp_path / 'profile'}", address],
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            return json.loads(reports.get(timeout=WAIT))
        except queue.Empty:
            pytest.fail(log.read_text(errors="replace")[-2000:])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    return run


def test_page(browse: Browse) -> None:
    """A person who chooses a bundle and a picture file is told the digit."""
    reader = load("devanagari-nano")
    picture = reader.bundle.golden.pictures[5]
    png = io.BytesIO()
    Image.fromarray(picture).save(png, "png")
    bundle = find("devanagari-nano").read_bytes()
    contents = {"/person": PERSON.encode(), "/bundle": bundle, "/picture": png.getvalue()}
    reading = reader(picture)
    assert browse("/person", contents) == {
        "answer": f"{reading.text} ({100 * reading.probability:.1f} %)"
    }
    contents["/bundle"] = bundle[:-1]
    assert browse("/person", contents) == {"answer": "no bundle, or cut short"}


def test_golden_vectors(browse: Browse, expected: Any, found: Any) -> None:
    """In a browser golden pictures become our inputs, and those our probabilities and answers."""
    contents = {"/bundle": expected.path.read_bytes()}
    replayed = browse("/golden.html?bundle=/bundle&report=/report", contents)
    assert "error" not in replayed, replayed["error"]
    expected.check(
        [
            found(one["input"], one["answer"]["text"], one["answer"]["reason"])
            for one in replayed["pictures"]
        ]
    )
    golden = expected.reader.bundle.golden
    np.testing.assert_allclose(replayed["probabilities"], golden.probabilities, atol=1e-4)
