"""Feeding the step: augmented copies drawn ahead, batches ready in time; the only grain importer.

Augmenting costs more than a training step has to spare. So K augmented copies of the training part
are drawn into memory-mapped files while training already runs on the first; epoch e reads copy
e mod K, and a cheap jitter inside the step keeps repeats from being identical. What a copy holds
depends only on its number, the seed and the recipe, never on workers or on when it was drawn, and
which pictures a step sees depends only on the step: that is what makes resuming exact.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import grain.python as grain
import numpy as np

from indicdigits.data.source import Split
from indicdigits.data.storage import flush, write_npy
from indicdigits.errors import StorageError

BLOCK = 256  # pictures that share one seed
Batch = tuple[np.ndarray, np.ndarray]


class _DrawBlock(grain.RandomMapTransform):
    """Block number -> that block of pictures, augmented."""

    def __init__(self, images: np.ndarray, transforms: Sequence[Mapping[str, Any]]) -> None:
        self._images, self._transforms = images, transforms
        self._local = threading.local()

    def random_map(self, element: int, rng: np.random.Generator) -> np.ndarray:
        if not hasattr(self._local, "augmenter"):  # one a thread: it is stateful
            from indicdigits.data.augment import Augmenter

            self._local.augmenter = Augmenter(self._transforms)
        block = self._images[element * BLOCK : (element + 1) * BLOCK]
        return self._local.augmenter(np.asarray(block), rng)

    def __getstate__(self) -> dict[str, Any]:
        return {"_images": self._images, "_transforms": self._transforms}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _local=threading.local())


class CopySource(Protocol):
    """Whatever has copies of a split's pictures, by number."""

    def get(self, number: int) -> np.ndarray:
        """Copy `number` modulo K, (N, …)."""
        ...


class Copies:
    """K augmented copies of a split's pictures, drawn in order by a thread in the background.

    Args:
        split: The pictures.
        transforms: The recipe's augmentations; without any there is one copy, the split itself.
        copies: How many different copies there are.
        seed: Decides what they look like.
        folder: Where they are kept; copies found there from an earlier run are used.
        workers: Extra processes that draw; 0 draws in the background thread.
        first: The copy that is needed first.

    Raises:
        StorageError: From `get`, when the disk is full.
    """

    def __init__(
        self,
        split: Split,
        transforms: Sequence[Mapping[str, Any]],
        *,
        copies: int,
        seed: int,
        folder: Path,
        workers: int = 0,
        first: int = 0,
    ) -> None:
        self._split, self._transforms = split, transforms
        self.count = copies if transforms else 1
        self._seed, self._folder, self._workers = seed, folder, workers
        self._drawn: dict[int, np.ndarray] = {}
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._stop = False
        order = [(first + k) % self.count for k in range(self.count)]
        self._thread = threading.Thread(target=self._draw_all, args=(order,), daemon=True)
        self._thread.start()

    def get(self, number: int) -> np.ndarray:
        """Copy `number` modulo K, (N, S, S) uint8; waits until it is drawn."""
        number %= self.count
        with self._changed:
            self._changed.wait_for(lambda: number in self._drawn or self._error is not None)
            if number not in self._drawn:
                assert self._error is not None
                raise self._error
            return self._drawn[number]

    def close(self, *, delete: bool) -> None:
        """Stops drawing; `delete` removes the files, which a finished run no longer needs."""
        self._stop = True
        self._thread.join()
        with self._changed:  # a batch that is being read ahead must not wait for ever
            self._error = self._error or RuntimeError("drawing stopped")
            self._drawn.clear()
            self._changed.notify_all()
        if delete:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _draw_all(self, order: list[int]) -> None:
        try:
            for number in order:
                if self._stop:
                    return
                drawn = self._draw(number) if self._transforms else self._split.images
                with self._changed:
                    if drawn is not None:
                        self._drawn[number] = drawn
                    self._changed.notify_all()
        except OSError as error:
            self._fail(
                StorageError(
                    f"augmented pictures cannot be written: {error.strerror}",
                    where=self._folder,
                    hint="free some space, then resume the run",
                )
            )
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _draw(self, number: int) -> np.ndarray | None:
        target = self._folder / f"copy_{number:03d}.npy"
        if not target.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = target.with_suffix(".tmp")
            blocks = itertools.takewhile(lambda _: not self._stop, self._blocks(number))
            try:
                write_npy(temporary, np.dtype(np.uint8), self._split.images.shape, blocks)
                if self._stop:
                    return None
                flush(temporary)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        return np.load(target, mmap_mode="r")

    def _blocks(self, number: int) -> Iterator[np.ndarray]:
        images = self._split.images
        draw = _DrawBlock(images, self._transforms)
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0] >> 1)
        blocks = grain.MapDataset.range(-(-len(images) // BLOCK)).seed(seed).random_map(draw)
        if not self._workers:
            return iter(blocks.to_iter_dataset(grain.ReadOptions(num_threads=0)))
        from absl import flags

        if not flags.FLAGS.is_parsed():  # grain's workers read them; nobody else parsed any
            flags.FLAGS.mark_as_parsed()
        options = grain.MultiprocessingOptions(num_workers=self._workers)
        return iter(blocks.to_iter_dataset().mp_prefetch(options))


class Awaited(Iterator[Batch]):
    """An iterator over batches that counts the seconds until the next one is there."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches, self._seconds = batches, 0.0

    def __next__(self) -> Batch:
        asked = time.monotonic()
        try:
            return next(self._batches)
        finally:
            self._seconds += time.monotonic() - asked

    def take(self) -> float:
        """Seconds waited since it was last asked."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


class Batches:
    """The endless stream of training batches, addressed by step.

    The stream is one shuffled pass after the other, cut into batches without regard to where a
    pass ends: no picture is dropped, and every batch has the same size.

    Args:
        split: Labels and the number of pictures.
        copies: The pictures.
        batch_size: Pictures a batch.
        seed: Decides the order.
        rows: Which rows of every batch to give, where processes share it.
    """

    def __init__(
        self,
        split: Split,
        copies: CopySource,
        *,
        batch_size: int,
        seed: int,
        rows: slice = slice(None),
    ) -> None:
        self._split, self._rows = split, range(batch_size)[rows]
        self._labels = np.asarray(split.labels, np.int32)
        self._copies, self._seed = copies, seed
        self.batch_size = batch_size
        self.steps_per_epoch = max(1, round(len(self._labels) / batch_size))
        self._orders: dict[int, np.ndarray] = {}

    def batch(self, step: int) -> Batch:
        """Pictures (B, S, S) uint8, or features (B, …), and labels (B,) int32 of a step."""
        total = len(self._labels)
        images, labels = [], []
        position = step * self.batch_size + self._rows.start
        end = step * self.batch_size + self._rows.stop
        while position < end:
            epoch, offset = divmod(position, total)
            take = min(end - position, total - offset)
            chosen = self._order(epoch)[offset : offset + take]
            images.append(self._copies.get(epoch)[chosen])
            labels.append(self._labels[chosen])
            position += take
        return np.concatenate(images), np.concatenate(labels)

    def blank(self) -> Batch:
        """Black pictures (B, S, S) uint8 and labels (B,) int32, to compile with."""
        count = len(self._rows)
        return np.zeros((count, *self._split.images.shape[1:]), np.uint8), np.zeros(count, np.int32)

    def of(self, copies: CopySource) -> Batches:
        """The same stream with other copies of the same pictures."""
        rows = slice(self._rows.start, self._rows.stop)
        return Batches(self._split, copies, batch_size=self.batch_size, seed=self._seed, rows=rows)

    def iterate(self, start: int, stop: int) -> Iterator[Batch]:
        """Batches of steps start to stop-1, read ahead by a thread."""
        steps = grain.MapDataset.range(start, stop).map(lambda step: self.batch(int(step)))
        return iter(steps.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            rng = np.random.default_rng([self._seed, epoch])
            self._orders = {k: v for k, v in self._orders.items() if k >= epoch - 1}
            self._orders[epoch] = rng.permutation(len(self._labels))
        return self._orders[epoch]
