"""Files come to be whole, or not at all, and a disk that refuses is said."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest

from indicdigits.data import storage
from indicdigits.errors import StorageError


@pytest.mark.parametrize(
    "array",
    [
        np.arange(60, dtype=np.uint8).reshape(5, 3, 4),
        np.arange(5),
        np.array([b"a" * 32, b"b"], "S32"),
        np.array(["\u0967", "writer"]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_npy_files_are_as_numpy_writes_them(array: np.ndarray, tmp_path: Path) -> None:
    """Whatever the blocks, the bytes are those of `numpy.save`."""
    expected = io.BytesIO()
    np.save(expected, array)
    storage.write_npy(tmp_path / "a.npy", array.dtype, array.shape, [array[:1], array[1:]])
    assert (tmp_path / "a.npy").read_bytes() == expected.getvalue()


def test_npy_on_a_full_disk() -> None:
    """The error has its number (numpy's own would have none)."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(StorageError, match="disk is full"), storage.storage_errors(full):
        storage.write_npy(full, np.dtype(np.uint8), (10**6,), [np.zeros(10**6, np.uint8)])


def test_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up leaves the older content, and nothing half-written beside it."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "run.json"
    storage.write_whole(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(storage, "flush", full)
        with pytest.raises(StorageError, match="disk is full") as caught:
            storage.write_whole(path, "new")
    assert caught.value.where == str(path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("run.json", "old")]
    storage.write_whole(path, b"new")
    assert path.read_text() == "new"
