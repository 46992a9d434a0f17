"""Looks for bytes that make the bundle reader or the picture decoder raise what is not ours.

    python tools/fuzz.py TARGET [--runs 100000] [--corpus FOLDER]

Needs `pip install -e '.[fuzz]'` (atheris). Targets: `archive` (the bytes are a bundle, the second
time with an end record that fits), `manifest` (its bundle.json, all digests right), `array` (a
picture of its golden vectors), `graph` (its graph, which is looked through and not run), `picture`.
The corpus starts from small whole files and keeps what reached new code. Ends with the first
exception that is not ours.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(
    include=["indicdigits.runtime", "indicdigits.imaging", "PIL", "zipfile"]
):
    import zipfile

    import numpy as np
    from PIL import Image

    from indicdigits.errors import IndicDigitsError
    from indicdigits.imaging.decode import read_picture
    from indicdigits.runtime import bundle as bundles
    from indicdigits.runtime import container
    from indicdigits.runtime.archive import pack
    from indicdigits.runtime.golden import Golden
    from indicdigits.runtime.graph_file import check_self_contained
    from indicdigits.runtime.shipped import find

SHIPPED = find("devanagari-nano").read_bytes()
with zipfile.ZipFile(io.BytesIO(SHIPPED)) as file:
    MEMBERS = {name: file.read(name) for name in file.namelist()}
KINDS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")


def archive(data: bytes) -> None:
    """Opens a bundle of these bytes, once as they are and once with an end record that fits."""
    with contextlib.suppress(IndicDigitsError):
        bundles.from_bytes(data, where="x")
    body = data[:-22] if data[-22:-18] == b"PK\x05\x06" else data
    start, count = max(body.find(b"PK\x01\x02"), 0), body.count(b"PK\x01\x02")
    size = len(body) - start
    end = struct.pack("<4s4HIIH", b"PK\x05\x06", 0, 0, count, count, size, start, 0)
    bundles.from_bytes(body + end, where="x")


def manifest(data: bytes) -> None:
    """Opens a bundle whose bundle.json is these bytes, its digests made right."""
    try:
        about = json.loads(data)
    except (ValueError, RecursionError):
        about = None
    if isinstance(about, dict):
        members = json.loads(MEMBERS["bundle.json"])["members"]
        about |= {"format": bundles.FORMAT, "members": members}
        about.pop("digest", None)
        text = json.dumps(about, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        about["digest"] = container.sha256(text.encode())
        data = json.dumps(about).encode()
    bundles.from_bytes(pack(MEMBERS | {"bundle.json": data}), where="x")


def array(data: bytes) -> None:
    """Reads golden vectors whose first picture is these bytes."""
    inputs, answers = np.zeros((1, 8, 8), np.uint8), np.zeros((1, 2), np.float32)
    parts = {"raw_0": data, "inputs": npy(inputs), "probabilities": npy(answers)}
    whole = pack({f"{name}.npy": content for name, content in parts.items()})
    Golden.from_bytes(whole, size=8, classes=2, where="x")


def npy(values: np.ndarray) -> bytes:
    """An array as numpy saves it."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, values, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def pictures() -> list[bytes]:
    """A small picture in each format."""
    found = []
    for kind in KINDS:
        for mode in ("L", "RGB"):
            buffer = io.BytesIO()
            Image.fromarray(np.arange(108, dtype=np.uint8).reshape(6, 6, 3)).convert(mode).save(
                buffer, kind
            )
            found.append(buffer.getvalue())
    return found


# Target -> what is done with the bytes, and the files that the corpus starts from.
TARGETS: dict[str, tuple[Callable[[bytes], Any], Callable[[], list[bytes]]]] = {
    "archive": (archive, lambda: [pack({"bundle.json": b"{}", "card.md": b"#"}), SHIPPED]),
    "manifest": (manifest, lambda: [MEMBERS["bundle.json"]]),
    "array": (array, lambda: [npy(np.zeros((3, 4, 3), np.uint8))]),
    "graph": (
        lambda data: check_self_contained(data, where="x"),
        lambda: [MEMBERS["model.onnx"][:4000], MEMBERS["model.onnx"]],
    ),
    "picture": (lambda data: read_picture(data, max_pixels=1 << 20), pictures),
}


def main() -> None:
    """Runs one target for a bounded number of times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--corpus", type=Path, help="kept between runs; a new one by default")
    words = parser.parse_args()
    work, seeds = TARGETS[words.target]
    folder = words.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{words.target}-"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number:02}").write_bytes(seed)

    def once(data: bytes) -> None:
        with contextlib.suppress(IndicDigitsError):
            work(data)

    flags = [f"-runs={words.runs}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=120000"]
    print(f"corpus: {folder}", file=sys.stderr)
    atheris.Setup([sys.argv[0], *flags, str(folder)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
