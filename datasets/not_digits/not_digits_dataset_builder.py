"""The TFDS builder of pictures that are no digit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow_datasets as tfds

from indicdigits.data.request import Request
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.datasets import not_digits
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.datasets.fonts.request import Part
from indicdigits.datasets.not_digits import letters, scribbles
from indicdigits.datasets.not_digits.request import LETTERS, families
from indicdigits.registry import DATASETS

PARTS: tuple[Part, ...] = ("train", "test")


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What is drawn: letters, or else scribbles; and how many pictures by each writer."""

    letters: bool = False

    @property
    def per_writer(self) -> int:
        """16: with the writers of `corpus`, 3,200 pictures to train on and 800 to test on."""
        return letters.PER_WRITER if self.letters else sum(scribbles.PER_WRITER.values())


class Builder(DigitsBuilder):
    """Pictures of the one class "not a digit", 64x64 grey; configured with `config_for`."""

    VERSION = tfds.core.Version(not_digits.VERSION)

    @classmethod
    def config_for(cls, request: Request, name: str) -> Config:
        """The configuration for a recipe's entry.

        Args:
            request: The entry; nothing else of the recipe counts.
            name: Its name, which changes with strokes and fonts: it holds their fingerprint.
        """
        return Config(name=name, letters=request.config == LETTERS)

    def _info(self) -> tfds.core.DatasetInfo:
        columns = (
            ("writer", "family", "letter") if self.builder_config.letters else ("writer", "kind")
        )
        return self.digits_info(
            DATASETS.get("not_digits").texts,
            (corpus.SIZE, corpus.SIZE, 1),
            groups={name: tfds.features.Text() for name in columns},
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        if not self.builder_config.letters:
            return {part: self._generate_examples(part, _scribbles(part)) for part in PARTS}
        hands = letters.resolve(families())
        return {part: self._generate_examples(part, _letters(hands[part], part)) for part in PARTS}

    def _generate_examples(
        self, part: Part, drawn: Iterable[tuple[Sample, dict[str, str]]]
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        total = len(corpus.WRITERS[part]) * self.builder_config.per_writer
        with self.reporter.track(f"drawing {part} pictures of no digit", total) as task:
            for number, (sample, columns) in enumerate(drawn):
                groups = {"writer": sample.writer, **columns}
                yield (
                    number,
                    {"image": png_bytes(sample.picture), "label": sample.label, "groups": groups},
                )
                task.advance()


def _scribbles(part: Part) -> Iterator[tuple[Sample, dict[str, str]]]:
    for sample in scribbles.samples(part):
        yield sample, {"kind": sample.hand}


def _letters(hands: list[letters.Hand], part: Part) -> Iterator[tuple[Sample, dict[str, str]]]:
    for sample, letter in letters.samples(hands, part):
        yield sample, {"family": sample.hand, "letter": letter}
