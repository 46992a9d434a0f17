"""What the builders of sets that come as one `npz` share: two parts of one pair of arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.data.download import Resource, fetch
from indicdigits.datasets.base import DigitsBuilder, as_examples
from indicdigits.datasets.npz import read_npz
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS

Arrays = Mapping[str, npt.NDArray[Any]]


class RepackedBuilder(DigitsBuilder):
    """Digits of one script from one `npz` file.

    Attributes:
        SCRIPT: Whose digits they are.
        SIZE: Height and width of the pictures.
        RESOURCE: The file.
        COLUMNS: Arrays of the file that are kept beside the pictures, such as `writer`.
        HOMEPAGE: Where the set is described.
    """

    SCRIPT: ClassVar[str]
    SIZE: ClassVar[int]
    RESOURCE: ClassVar[Resource]
    COLUMNS: ClassVar[tuple[str, ...]] = ()
    HOMEPAGE: ClassVar[str | None] = None

    @abstractmethod
    def is_test(self, arrays: Arrays) -> npt.NDArray[np.bool_]:
        """Bool (N,): the pictures of the test part."""

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(
            SCRIPTS[self.SCRIPT].digits,
            (self.SIZE, self.SIZE, 1),
            groups={column: tfds.features.Text() for column in self.COLUMNS},
            homepage=self.HOMEPAGE,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # downloads are ours: a mirror, digests of the payload
        arrays = self.arrays()
        chosen = self.is_test(arrays)
        return {
            "train": self._generate_examples(arrays, np.flatnonzero(~chosen), "train"),
            "test": self._generate_examples(arrays, np.flatnonzero(chosen), "test"),
        }

    def arrays(self) -> Arrays:
        """The file's arrays: `images` uint8 (N,S,S), `labels` 0 to 9, and further columns."""
        path: Path = fetch(self.RESOURCE, self.reporter)
        arrays = read_npz(path)
        shape, kind = arrays["images"].shape[1:], arrays["images"].dtype
        if shape != (self.SIZE, self.SIZE) or kind != "uint8":
            raise DataError(
                f"images are {kind} {shape}",
                where=path,
                allowed=f"uint8 ({self.SIZE}, {self.SIZE})",
            )
        return arrays

    def _generate_examples(
        self, arrays: Arrays, rows: npt.NDArray[np.intp], part: str
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        examples = as_examples(arrays["images"][rows], arrays["labels"][rows], self, part)
        for (number, example), row in zip(examples, rows, strict=True):
            groups = {column: str(arrays[column][row]) for column in self.COLUMNS}
            yield number, example | ({"groups": groups} if groups else {})
