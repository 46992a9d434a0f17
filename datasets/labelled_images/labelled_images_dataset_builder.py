"""The TFDS builder of the user's own pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.data.request import Request
from indicdigits.datasets import labelled_images
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.datasets.labelled_images.listing import list_parts
from indicdigits.datasets.labelled_images.table import Table


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What a recipe names: the request, and the parts that it was resolved to."""

    request: Request | None = None
    parts: dict[str, tuple[Table, npt.NDArray[np.intp]]] = dataclasses.field(default_factory=dict)


class Builder(DigitsBuilder):
    """The user's own pictures in grey or RGB, of any size; configured with `config_for`."""

    VERSION = tfds.core.Version(labelled_images.VERSION)

    @classmethod
    def config_for(cls, request: Request, name: str) -> Config:
        """The configuration for a recipe's entry.

        Args:
            request: The entry, with the recipe's classes and folder.
            name: Its name, which changes with the pictures: it holds their fingerprint.

        Raises:
            DataError: Something about the user's files is not as it must be.
        """
        return Config(name=name, request=request, parts=list_parts(request))

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        table, _ = config.parts["train"]
        return self.digits_info(
            [entry.text for entry in config.request.classes],
            (None, None, 3),
            groups={name: _feature(column) for name, column in table.columns.items()},
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        parts = self.builder_config.parts
        return {name: self._generate_examples(name, *part) for name, part in parts.items()}

    def _generate_examples(
        self, part: str, table: Table, numbers: npt.NDArray[np.intp]
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        with self.reporter.track(f"reading {part} pictures", len(numbers)) as task:
            for key, number in enumerate(numbers.tolist()):
                example: dict[str, Any] = {
                    "image": png_bytes(_rgb(table.read(number))),
                    "label": int(table.labels[number]),
                }
                if table.columns:
                    example["groups"] = {
                        name: column[number].item() for name, column in table.columns.items()
                    }
                yield key, example
                task.advance()


def _rgb(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey as RGB: a TFDS feature has one number of channels."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _feature(column: npt.NDArray[Any]) -> Any:
    if column.dtype.kind == "U":
        return tfds.features.Text()
    return tfds.features.Scalar(dtype=np.float64 if column.dtype.kind == "f" else np.int64)
