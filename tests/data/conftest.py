"""Small stand-ins for the public archives, and pictures of which every class looks different."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indicdigits.datasets import cmaterdb, mnist
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry
from indicdigits.scripts import SCRIPTS

Array = npt.NDArray[np.uint8]
COUNTS = {"train": 40, "test": 20}
NOWHERE = "http://127.0.0.1:9/nothing"  # the discard port, where nobody listens


def digit_pictures(count: int, size: int, *, start: int = 0) -> tuple[Array, Array]:
    """Light on dark pictures (count,size,size), all different, and labels 0-9 in turn."""
    labels = np.arange(count, dtype=np.uint8) % 10
    images = np.zeros((count, size, size), np.uint8)
    for number, label in enumerate(labels):
        images[number, 4 : size - 6, 5 : 7 + int(label)] = 255
        images[number, size - 5, 3 + (start + number) % (size - 6)] = 200
        images[number, 2, 3 + (start + number) // (size - 6)] = 180
    return images, labels


def idx_bytes(array: Array) -> bytes:
    """The array as an IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def digits_of(script: str) -> tuple[ClassEntry, ...]:
    """The ten classes of a script."""
    return tuple(ClassEntry(text=t, value=v) for v, t in enumerate(SCRIPTS[script].digits))


@pytest.fixture
def quiet() -> Reporter:
    """A reporter that says nothing."""
    return Reporter(quiet=True)


@pytest.fixture
def fake_mirror(tmp_path: Path, data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror of small archives laid out like the real one; the builders know their digests."""
    folder = tmp_path / "mirror"
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(folder))
    for part, prefix in {"train": "train", "test": "t10k"}.items():
        images, labels = digit_pictures(COUNTS[part], 28, start=100 * (part == "test"))
        _put(folder, mnist.RESOURCES, f"{prefix}-images-idx3-ubyte", idx_bytes(images), monkeypatch)
        _put(folder, mnist.RESOURCES, f"{prefix}-labels-idx1-ubyte", idx_bytes(labels), monkeypatch)
        for config in ("bengali", "devanagari", "telugu"):
            images, labels = digit_pictures(COUNTS[part], 32, start=100 * (part == "test"))
            path = folder / cmaterdb.RESOURCES[config, part].mirror_path
            path.parent.mkdir(parents=True, exist_ok=True)
            rgb = np.repeat(255 - images[..., None], 3, axis=3)
            np.savez(path, images=rgb, labels=labels.astype(np.int64))
            _put(folder, cmaterdb.RESOURCES, (config, part), path.read_bytes(), monkeypatch)
    return folder


def _put(folder, resources, key, payload, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    resource = dataclasses.replace(
        resources[key], sha256=hashlib.sha256(payload).hexdigest(), url=NOWHERE
    )
    monkeypatch.setitem(resources, key, resource)
    path = folder / resource.mirror_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(payload) if resource.unpack else payload)
