"""The TFDS builder of drawn digits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

import tensorflow_datasets as tfds

from indicdigits.data.request import Request
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.datasets import strokes
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.datasets.strokes.request import resolve


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What is drawn: the parsed strokes of each class."""

    shapes: Shapes = dataclasses.field(default_factory=dict)


class Builder(DigitsBuilder):
    """Digits drawn from centre lines, 64x64 grey; configured with `config_for`."""

    VERSION = tfds.core.Version(strokes.VERSION)

    @classmethod
    def config_for(cls, request: Request, name: str) -> Config:
        """The configuration for a recipe's entry.

        Args:
            request: The entry, with the recipe's classes and strokes.
            name: Its name, which changes with the strokes: it holds their fingerprint.

        Raises:
            RecipeError: The strokes are missing or not as they must be.
        """
        return Config(name=name, shapes=resolve(request))

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(
            self.builder_config.shapes,
            (corpus.SIZE, corpus.SIZE, 1),
            groups={"writer": tfds.features.Text()},
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples("train"), "test": self._generate_examples("test")}

    def _generate_examples(
        self, part: Literal["train", "test"]
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        shapes = self.builder_config.shapes
        with self.reporter.track(f"drawing {part} digits", corpus.count(len(shapes), part)) as task:
            for number, sample in enumerate(corpus.samples({"": shapes}, part)):
                yield (
                    number,
                    {
                        "image": png_bytes(sample.picture),
                        "label": sample.label,
                        "groups": {"writer": sample.writer},
                    },
                )
                task.advance()
