"""The TFDS builder of pictures that are no digit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow_datasets as tfds

from indicdigits.data.request import Request
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.corpus import Sample
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.datasets import not_digits
from indicdigits.datasets.base import DigitsBuilder, png_bytes
from indicdigits.datasets.fonts.request import Part
from indicdigits.datasets.not_digits import blank, foreign, letters, scribbles
from indicdigits.datasets.not_digits.request import (
    BLANK,
    FOREIGN,
    LETTERS,
    OWN_LETTERS,
    SCRIBBLES,
    families,
    own_digits,
    scripts_of,
)
from indicdigits.registry import DATASETS

PARTS: tuple[Part, ...] = ("train", "test")
# What stands beside `writer`, and how many pictures each writer draws.
COLUMNS = {
    SCRIBBLES: ("kind",),
    BLANK: ("kind",),
    FOREIGN: ("script", "digit"),
    LETTERS: ("family", "letter"),
    OWN_LETTERS: ("family", "letter"),
}
PER_WRITER = {
    SCRIBBLES: sum(scribbles.PER_WRITER.values()),
    BLANK: blank.PER_WRITER,
    FOREIGN: foreign.PER_WRITER,
    LETTERS: letters.PER_WRITER,
    OWN_LETTERS: letters.PER_WRITER,
}

Drawn = Iterator[tuple[Sample, tuple[str, ...]]]  # a picture, and its columns beside `writer`


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What is drawn, as `COLUMNS` names it.

    Attributes:
        kind: A key of `COLUMNS`.
        own: The digits of the recipe, where the pictures depend on them.
        scripts: Those whose letters are drawn, where letters are.
    """

    kind: str = SCRIBBLES
    own: Shapes = dataclasses.field(default_factory=dict)
    scripts: tuple[str, ...] = ()


class Builder(DigitsBuilder):
    """Pictures of the one class "not a digit", 64x64 grey; configured with `config_for`."""

    VERSION = tfds.core.Version(not_digits.VERSION)

    @classmethod
    def config_for(cls, request: Request, name: str) -> Config:
        """The configuration for a recipe's entry.

        Args:
            request: The entry, with the recipe's classes and strokes.
            name: Its name, which changes with strokes and fonts: it holds their fingerprint.

        Raises:
            DataError: No one knows how the recipe's classes are written.
        """
        of_classes = request.config not in (SCRIBBLES, LETTERS)
        return Config(
            name=name,
            kind=request.config,
            own=own_digits(request) if of_classes else {},
            scripts=tuple(scripts_of(request)),
        )

    def _info(self) -> tfds.core.DatasetInfo:
        columns = ("writer", *COLUMNS[self.builder_config.kind])
        return self.digits_info(
            DATASETS.get("not_digits").texts,
            (corpus.SIZE, corpus.SIZE, 1),
            groups={name: tfds.features.Text() for name in columns},
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        draw = _drawing(self.builder_config)
        return {part: self._generate_examples(part, draw(part)) for part in PARTS}

    def _generate_examples(self, part: Part, drawn: Drawn) -> Iterable[tuple[int, dict[str, Any]]]:
        kind = self.builder_config.kind
        total = len(corpus.WRITERS[part]) * PER_WRITER[kind]
        with self.reporter.track(f"drawing {part} pictures of no digit", total) as task:
            for number, (sample, values) in enumerate(drawn):
                columns = dict(zip(COLUMNS[kind], values, strict=True))
                groups = {"writer": sample.writer, **columns}
                yield (
                    number,
                    {"image": png_bytes(sample.picture), "label": sample.label, "groups": groups},
                )
                task.advance()


def _drawing(config: Config) -> Callable[[Part], Drawn]:
    """What draws a part of a configuration; what both parts share is found out once."""
    if config.kind in (LETTERS, OWN_LETTERS):
        own = config.own if config.kind == OWN_LETTERS else None
        hands = letters.resolve(families(config.scripts), own)
        return lambda part: _named(letters.samples(hands[part], part))
    if config.kind == FOREIGN:
        digits = foreign.unlike(config.own)
        return lambda part: _named(foreign.samples(digits, part))
    if config.kind == BLANK:
        return lambda part: _kinds(blank.samples(config.own, part))
    return lambda part: _kinds(scribbles.samples(part))


def _named(drawn: Iterable[tuple[Sample, str]]) -> Drawn:
    for sample, text in drawn:
        yield sample, (sample.hand, text)


def _kinds(drawn: Iterable[Sample]) -> Drawn:
    for sample in drawn:
        yield sample, (sample.hand,)
