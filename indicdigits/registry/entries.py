"""What a registry is, and what it says about each kind of entry as plain data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from indicdigits.errors import RecipeError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Option:
    """One number that a recipe may set: its default and its closed range."""

    default: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A named thing: where it is built, and which options it takes."""

    factory: str
    options: Mapping[str, Option] = field(default_factory=dict)
    summary: str = ""

    def build(self) -> Any:
        """Imports and returns the factory."""
        module, _, attribute = self.factory.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where on the picture the units of a stage's answer lie; a test pins it to the module.

    Attributes:
        stage: The stage.
        pitch: Pixels from the centre of one unit's receptive field to that of the next.
        first: Where the centre of the first is; pixel i is centred on i.
    """

    stage: str
    pitch: int
    first: float


@dataclass(frozen=True, kw_only=True)
class BackboneEntry(Entry):
    """A backbone: its size, its stages from input to output, and the paths of its parameters.

    Attributes:
        stages: Names of the top-level stages in forward order; the last is the head.
        parameters: Every parameter path, "stage/…/name", pinned by a test to the module.
        optional: Option name -> the paths that are there as well where that option is not 0.
        count: Parameters with ten classes, 28 pixels and default options, pinned by a test.
        multiply_adds: Multiply-adds of one such picture, pinned by a test.
        input_sizes: Allowed heights (= widths) of the input in pixels, as a closed range.
        input_multiple: Of which the input size must be a multiple.
        maps: The last stage that answers maps of features, (N, H, W, C), if one does.
        tokens: The stage that answers tokens, row by row, (N, H·W, F), if one does; those after
            it, but the head, are blocks that begin with attention.
    """

    stages: tuple[str, ...]
    parameters: tuple[str, ...]
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    count: int
    multiply_adds: int
    input_sizes: tuple[int, int] = (28, 28)
    input_multiple: int = 1
    maps: Grid | None = None
    tokens: Grid | None = None

    @property
    def ends_dense(self) -> bool:
        """Whether the head ends in one dense layer, with a column for each class."""
        return {"head/dense/kernel", "head/dense/bias"} <= set(self.parameters)

    def paths(self, options: Mapping[str, float]) -> tuple[str, ...]:
        """The parameter paths of a network with these options."""
        chosen = {name: option.default for name, option in self.options.items()} | dict(options)
        extra = (paths for name, paths in self.optional.items() if chosen[name])
        return (*self.parameters, *(path for paths in extra for path in paths))


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(Entry):
    """A data set.

    Attributes:
        scripts: Its configurations, and the script of each (None: the recipe's own).
        texts: Its classes, where they are the same in every recipe and no script's digits.
        licence: Of its pictures.
        drawn: Whether the project draws the pictures: nobody has labelled them.
    """

    scripts: Mapping[str, str | None]
    texts: tuple[str, ...] = ()
    licence: str = ""
    drawn: bool = False


@dataclass(frozen=True, kw_only=True)
class TrackerEntry(Entry):
    """A place that a run's epochs can be sent to.

    Attributes:
        library: The module it needs.
        extra: The extra of this package that installs it.
    """

    library: str
    extra: str


EntryType = TypeVar("EntryType", bound=Entry)


class Registry(Generic[EntryType]):
    """Entries by name; a duplicate raises, an unknown name suggests the nearest."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, EntryType] = {}

    def register(self, name: str, entry: EntryType) -> EntryType:
        """Adds an entry.

        Raises:
            ValueError: The name is taken.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def get(self, name: str, *, where: object = None) -> EntryType:
        """The entry of that name.

        Raises:
            RecipeError: No such name; the nearest spelling is suggested.
        """
        if name not in self._entries:
            raise RecipeError(
                f"unknown {self.kind} {name!r}",
                where=where,
                allowed=", ".join(self._entries),
                hint=did_you_mean(name, self._entries),
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries
