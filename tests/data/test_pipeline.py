"""Augmentation and batches: reproducible, whatever draws them."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indicdigits.data import augment
from indicdigits.data.augment import Augmenter
from indicdigits.data.parts import Split
from indicdigits.data.pipeline import Awaited, Batches, Copies
from indicdigits.errors import StorageError
from indicdigits.registry import AUGMENTATIONS

TRANSFORMS = (
    {"name": "affine"},
    {"name": "elastic", "probability": 0.5},
    {"name": "thickness"},
    {"name": "noise", "std": 0.2},
)


@pytest.fixture(scope="module")
def split() -> Split:
    """600 random strokes, more than two blocks."""
    rng = np.random.default_rng(0)
    images = np.zeros((600, 28, 28), np.uint8)
    for image, column in zip(images, rng.integers(6, 20, 600), strict=True):
        image[5:23, column : column + 3] = 255
    keys = np.array([str(i).encode() for i in range(600)], "S32")
    return Split(images=images, labels=np.arange(600) % 10, keys=keys, groups={}, name="strokes")


def drawn(split: Split, folder: Path, *, workers: int = 0, first: int = 0) -> list[np.ndarray]:
    copies = Copies(
        split, TRANSFORMS, copies=3, seed=5, folder=folder, workers=workers, first=first
    )
    result = [np.array(copies.get(number)) for number in range(3)]
    copies.close(delete=False)
    return result


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_declared_options_are_the_factorys_own(name: str) -> None:
    """`recipe check` knows every number an augmentation takes; this pins it to the code."""
    entry = AUGMENTATIONS.get(name)
    assert set(inspect.signature(getattr(augment, name)).parameters) == set(entry.options)


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_every_augmentation_changes_pictures_and_keeps_their_form(name: str, split: Split) -> None:
    """uint8 in, uint8 of the same shape out, and something happened; a digit is still there."""
    options = {"name": name, "probability": 1.0}
    result = Augmenter([options])(split.images[:32], np.random.default_rng(0))
    assert result.shape == (32, 28, 28)
    assert result.dtype == np.uint8
    changed = (result != split.images[:32]).any(axis=(1, 2))
    assert changed.mean() > 0.9
    assert (result.max(axis=(1, 2)) > 100).all()


@pytest.mark.parametrize(("grain", "alike"), [(1.0, (-0.2, 0.2)), (5.0, (0.7, 1.0))])
def test_noise_of_a_coarse_grain_is_smooth(grain: float, alike: tuple[float, float]) -> None:
    """Neighbours have noise of their own at a grain of one pixel, and nearly the same at five."""
    grey = np.full((40, 28, 28), 128, np.uint8)
    draw = Augmenter([{"name": "noise", "std": 0.3, "grain": grain, "probability": 1.0}])
    noise = draw(grey, np.random.default_rng(0)).astype(float) - 128
    one, other = noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel()
    assert alike[0] < np.corrcoef(one, other)[0, 1] < alike[1]
    assert abs(noise.mean()) < 5


def test_workers_and_order_do_not_change_a_byte(split: Split, tmp_path: Path) -> None:
    """0 or 2 processes, begun at copy 0 or at copy 2: the same copies."""
    alone = drawn(split, tmp_path / "a")
    shared = drawn(split, tmp_path / "b", workers=2, first=2)
    for left, right in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(alone[0], alone[1])


def test_every_picture_is_seen_once_an_epoch(split: Split, tmp_path: Path) -> None:
    """No partial batch is dropped: the first 600 pictures of the stream are all 600."""
    copies = Copies(split, (), copies=1, seed=0, folder=tmp_path)
    batches = Batches(split, copies, batch_size=64, seed=1)
    assert batches.steps_per_epoch == 9
    stream = np.concatenate([batches.batch(step)[1] for step in range(19)])
    order = np.concatenate([batches._order(epoch) for epoch in range(2)])
    np.testing.assert_array_equal(stream[:1200], split.labels[order])
    assert sorted(order[:600]) == list(range(600))
    assert not np.array_equal(order[:600], order[600:])


def test_the_stream_can_be_entered_anywhere(split: Split, tmp_path: Path) -> None:
    """Resuming at step k sees what an uninterrupted run sees at step k."""
    copies = Copies(split, TRANSFORMS[:1], copies=2, seed=0, folder=tmp_path)
    batches = Batches(split, copies, batch_size=50, seed=1)
    whole = list(batches.iterate(0, 30))
    again = list(Batches(split, copies, batch_size=50, seed=1).iterate(17, 30))
    for (images, labels), (later_images, later_labels) in zip(whole[17:], again, strict=True):
        np.testing.assert_array_equal(images, later_images)
        np.testing.assert_array_equal(labels, later_labels)
    copies.close(delete=True)
    assert not tmp_path.exists()


def test_a_batch_larger_than_the_data_repeats_them(split: Split, tmp_path: Path) -> None:
    """Ten pictures and a batch of 25: the stream goes on into the next passes."""
    few = split.take(np.arange(10))
    batches = Batches(
        few, Copies(few, (), copies=1, seed=0, folder=tmp_path), batch_size=25, seed=0
    )
    assert batches.steps_per_epoch == 1
    assert len(batches.batch(0)[0]) == 25


def test_a_disk_that_refuses_is_said(split: Split, tmp_path: Path) -> None:
    """What stops the drawing thread reaches the trainer as a typed error."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    copies = Copies(split, TRANSFORMS, copies=2, seed=0, folder=blocked / "below")
    with pytest.raises(StorageError, match="cannot be written"):
        copies.get(0)


def test_a_disk_that_fills_up_is_said(split: Split, tmp_path: Path) -> None:
    """A real ENOSPC while copies are drawn reaches the training loop as what it is."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "copy_000.tmp").symlink_to("/dev/full")
    copies = Copies(split, TRANSFORMS, copies=2, seed=0, folder=tmp_path)
    batches = Batches(split, copies, batch_size=50, seed=1)
    with pytest.raises(StorageError, match="No space left") as caught:
        next(batches.iterate(0, 5))
    assert caught.value.where == str(tmp_path)
    assert caught.value.exit_code == 4
    copies.close(delete=False)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_half_drawn_copy_is_drawn_again(split: Split, tmp_path: Path) -> None:
    """What `kill -9` left of a copy is never read."""
    whole = drawn(split, tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "copy_001.tmp").write_bytes(b"half")
    for left, right in zip(whole, drawn(split, tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(list((tmp_path / "b").iterdir())) == 3


def test_closing_wakes_who_waits(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading ahead ends with the drawing: a stopped run would not exit otherwise."""
    monkeypatch.setattr(Copies, "_draw", lambda self, number: None)
    copies = Copies(split, TRANSFORMS, copies=2, seed=0, folder=tmp_path)

    def wait() -> None:
        with pytest.raises(RuntimeError, match="drawing stopped"):
            copies.get(1)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    copies.close(delete=False)
    waiting.join(timeout=10)
    assert not waiting.is_alive()


def test_nothing_left_to_do(split: Split, tmp_path: Path) -> None:
    """A run that was killed behind its last step has no batch left, and that is no error."""
    copies = Copies(split, (), copies=1, seed=0, folder=tmp_path)
    assert list(Batches(split, copies, batch_size=50, seed=1).iterate(7, 7)) == []


def test_the_time_spent_waiting_is_counted_from_asking_to_getting() -> None:
    """Only what the one who asks has to wait counts, and taking the sum begins a new one."""
    batch = (np.zeros(1), np.zeros(1))

    def slow() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(3):
            time.sleep(0.05)
            yield batch

    batches = Awaited(slow())
    next(batches)
    time.sleep(0.2)
    assert 0.05 <= batches.take() < 0.2
    assert batches.take() == 0
    assert len(list(batches)) == 2
    assert batches.take() >= 0.1


def test_augmenting_does_not_import_what_it_does_not_use() -> None:
    """Where torch or huggingface_hub are installed, they cost a training no seconds."""
    code = "import sys, indicdigits.data.augment; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "huggingface_hub"} & set(said.stdout.split())
