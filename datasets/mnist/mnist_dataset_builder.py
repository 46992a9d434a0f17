"""The TFDS builder of MNIST."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow_datasets as tfds

from indicdigits.data.download import fetch
from indicdigits.datasets import mnist
from indicdigits.datasets.base import DigitsBuilder, as_examples
from indicdigits.datasets.idx import read_idx
from indicdigits.scripts import SCRIPTS

PREFIXES = {"train": "train", "test": "t10k"}


class Builder(DigitsBuilder):
    """MNIST in the publisher's order: train (60,000) and test (10,000), 28x28 grey."""

    VERSION = tfds.core.Version(mnist.VERSION)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(
            SCRIPTS["latin"].digits, (28, 28, 1), homepage="http://yann.lecun.com/exdb/mnist/"
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # downloads are ours: a mirror, digests of the unpacked payload
        files = {name: fetch(resource, self.reporter) for name, resource in mnist.RESOURCES.items()}
        return {
            part: self._generate_examples(
                part,
                read_idx(files[f"{prefix}-images-idx3-ubyte"], 3),
                read_idx(files[f"{prefix}-labels-idx1-ubyte"], 1),
            )
            for part, prefix in PREFIXES.items()
        }

    def _generate_examples(
        self, part: str, images: Any, labels: Any
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        return as_examples(images, labels, self, part)
