"""The TFDS builder of digits drawn after fonts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

import tensorflow_datasets as tfds

from indicdigits.data.request import Request
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.datasets import fonts
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.datasets.fonts.request import resolve, texts_of


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What is drawn: the classes, and of each part the shapes of its families."""

    texts: tuple[str, ...] = ()
    parts: dict[str, dict[str, Shapes]] = dataclasses.field(default_factory=dict)


class Builder(DigitsBuilder):
    """Digits drawn after the glyphs of installed fonts, 64x64 grey; see `config_for`."""

    VERSION = tfds.core.Version(fonts.VERSION)

    @classmethod
    def config_for(cls, request: Request, name: str) -> Config:
        """The configuration for a recipe's entry.

        Args:
            request: The entry, with the recipe's classes.
            name: Its name, which changes with the fonts: it holds their fingerprint.

        Raises:
            DataError: There is no font to draw after.
        """
        parts: dict[str, dict[str, Shapes]] = {**resolve(request)}
        return Config(name=name, texts=texts_of(request), parts=parts)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.digits_info(
            self.builder_config.texts,
            (corpus.SIZE, corpus.SIZE, 1),
            groups={"writer": tfds.features.Text(), "family": tfds.features.Text()},
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples("train"), "test": self._generate_examples("test")}

    def _generate_examples(
        self, part: Literal["train", "test"]
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        total = corpus.count(len(config.texts), part)
        with self.reporter.track(f"drawing {part} digits after fonts", total) as task:
            for number, sample in enumerate(corpus.samples(config.parts[part], part)):
                groups = {"writer": sample.writer, "family": sample.hand}
                yield (
                    number,
                    {"image": png_bytes(sample.picture), "label": sample.label, "groups": groups},
                )
                task.advance()
