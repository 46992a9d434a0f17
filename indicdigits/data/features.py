"""What frozen stages make of the augmented copies, computed once and kept for a phase."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from indicdigits.data.pipeline import Copies
from indicdigits.data.storage import flush, storage_errors, write_npy

BLOCK = 512  # pictures computed at once
HINT = "free some space, then resume the run; or --set phases.NAME.cache_frozen=false"


class Features:
    """Augmented copies seen through the frozen stages; stands in for `Copies`.

    Args:
        copies: The augmented pictures.
        compute: (pictures (B, S, S) uint8, copy, block) -> features (B, …) float32.
        folder: Where they are kept; those found there from an earlier run are used.

    Raises:
        StorageError: From `get`, when the disk is full.
    """

    def __init__(
        self, copies: Copies, compute: Callable[[np.ndarray, int, int], np.ndarray], folder: Path
    ) -> None:
        self._copies, self._compute, self._folder = copies, compute, folder
        self._kept: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()  # batches are read ahead by a thread
        self._closed = False
        self.count = copies.count

    def get(self, number: int) -> np.ndarray:
        """Features (N, …) float32 of copy `number` modulo K, computed when first asked for."""
        number %= self.count
        with self._lock:
            if self._closed:  # a batch that was being read ahead when the phase ended
                raise RuntimeError("the phase has ended")
            if number not in self._kept:
                self._kept[number] = self._keep(number)
            return self._kept[number]

    def close(self) -> None:
        """Removes the files."""
        with self._lock:
            self._closed = True
            self._kept.clear()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, number: int) -> np.ndarray:
        target = self._folder / f"copy_{number:03d}.npy"
        if not target.exists():
            images = self._copies.get(number)
            temporary = target.with_suffix(".tmp")
            with storage_errors(self._folder, HINT):
                self._folder.mkdir(parents=True, exist_ok=True)
                blocks = self._blocks(images, number)
                first = next(blocks)
                shape = (len(images), *first.shape[1:])
                write_npy(temporary, first.dtype, shape, itertools.chain([first], blocks))
                flush(temporary)
                temporary.replace(target)
        return np.load(target, mmap_mode="r")

    def _blocks(self, images: np.ndarray, number: int) -> Iterator[np.ndarray]:
        """Blocks of one size, the last padded, so that nothing is compiled twice."""
        size = min(BLOCK, len(images))
        for index, start in enumerate(range(0, len(images), size)):
            block = np.asarray(images[start : start + size])
            padded = np.pad(block, ((0, size - len(block)), (0, 0), (0, 0)))
            yield np.asarray(self._compute(padded, number, index))[: len(block)]
