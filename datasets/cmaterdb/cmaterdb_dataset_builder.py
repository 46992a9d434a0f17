"""The TFDS builder of the CMATERdb numerals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from indicdigits.data.download import fetch
from indicdigits.datasets import cmaterdb
from indicdigits.datasets.base import DigitsBuilder, as_examples
from indicdigits.datasets.npz import read_npz
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS

CONFIGS = {
    "bengali": "CMATERdb 3.1.1, Bengali numerals, 5,000 and 1,000",
    "devanagari": "CMATERdb 3.2.1, Devanagari numerals, 2,500 and 500",
    "telugu": "CMATERdb 3.4.1, Telugu numerals, 2,500 and 500",
}


class Builder(DigitsBuilder):
    """CMATERdb in the publisher's split and order, 32x32 RGB, dark on light.

    The splits leak: some test pictures stand in train, byte for byte (Bengali 7, Devanagari 14,
    Telugu 3). They are kept; `indicdigits.data.audit.leaked` finds them.
    """

    VERSION = tfds.core.Version(cmaterdb.VERSION)
    BUILDER_CONFIGS = [  # noqa: RUF012 - TFDS declares it as an instance's
        tfds.core.BuilderConfig(name=name, description=text) for name, text in CONFIGS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(
            SCRIPTS[self.builder_config.name].digits,
            (32, 32, 3),
            homepage="https://github.com/prabhuomkar/CMATERdb",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # downloads are ours: a mirror, digests of the payload
        config = self.builder_config.name
        return {
            part: self._generate_examples(
                part, fetch(cmaterdb.RESOURCES[config, part], self.reporter)
            )
            for part in ("train", "test")
        }

    def _generate_examples(self, part: str, path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
        arrays = read_npz(path)
        images, labels = arrays["images"], arrays["labels"]
        if images.shape[1:] != (32, 32, 3) or images.dtype != "uint8":
            raise DataError(
                f"images are {images.dtype} {images.shape}", where=path, allowed="uint8 (N,32,32,3)"
            )
        return as_examples(images, labels, self, part)
