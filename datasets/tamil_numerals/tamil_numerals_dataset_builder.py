"""The TFDS builder of the Tamil numerals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.data.download import fetch
from indicdigits.data.split import chosen_of_each
from indicdigits.datasets import tamil_numerals, zipped
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS

TEST_FRACTION = 0.2
NUMBERS = (*SCRIPTS["tamil"].digits, "௰")  # the folders 0 to 10


class Builder(DigitsBuilder):
    """Tamil numerals of any size; a folder of the archive for each of 0 to 10.

    Configurations: "numbers" holds ten (௰) as well, "digits" the digits alone. The set names no
    test part: a fifth of each class is one, by the pictures' digests.
    """

    VERSION = tfds.core.Version(tamil_numerals.VERSION)
    BUILDER_CONFIGS = [  # noqa: RUF012 - TFDS declares it as an instance's
        tfds.core.BuilderConfig(name="numbers", description="0 to 9 and ten"),
        tfds.core.BuilderConfig(name="digits", description="0 to 9"),
    ]

    @property
    def _texts(self) -> tuple[str, ...]:
        return NUMBERS[:10] if self.builder_config.name == "digits" else NUMBERS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(self._texts, (None, None, 1), homepage=tamil_numerals.PAGE)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # downloads are ours: a mirror, a folder to put it by hand
        path = fetch(tamil_numerals.RESOURCE, self.reporter)
        names, labels = listed(path, len(self._texts))
        images = list(zipped.pictures(path, names))
        keys = np.array([hashlib.sha256(i.tobytes()).hexdigest()[:32] for i in images], "S32")
        chosen = chosen_of_each(labels, keys, TEST_FRACTION, seed=0)
        return {
            part: self._generate_examples(images, labels, np.flatnonzero(rows))
            for part, rows in (("train", ~chosen), ("test", chosen))
        }

    def _generate_examples(
        self,
        images: list[npt.NDArray[np.uint8]],
        labels: npt.NDArray[np.int64],
        rows: npt.NDArray[np.intp],
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        for number, row in enumerate(rows.tolist()):
            yield number, {"image": png_bytes(images[row]), "label": int(labels[row])}


def listed(path: Path, classes: int) -> tuple[list[PurePosixPath], npt.NDArray[np.int64]]:
    """The pictures of folders 0 to `classes` - 1 and their labels.

    Raises:
        DataError: A class has none.
    """
    everything = zipped.members(path)
    names: list[PurePosixPath] = []
    labels: list[int] = []
    for label in range(classes):
        found = [name for name in everything if name.parent.name == str(label)]
        if not found:
            raise DataError(
                f"no picture of {NUMBERS[label]}",
                where=path,
                allowed=f"folders 0 to {classes - 1} with pictures in them",
                hint=f"fetch it again from {tamil_numerals.PAGE}",
            )
        names += found
        labels += [label] * len(found)
    return names, np.array(labels, np.int64)
