"""What a data set package is asked for, and what such a package has to offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from indicdigits.recipe import ClassEntry, Source
from indicdigits.registry import BROUGHT


@dataclass(frozen=True, kw_only=True)
class Request:
    """One source of a recipe, with what of the recipe its data may depend on.

    Attributes:
        source: The recipe's entry.
        classes: The recipe's classes in the order of the network's outputs.
        root: The folder that relative paths start from.
        strokes: The recipe's `strokes`: class text -> variants, each a list of strokes.
    """

    source: Source
    classes: tuple[ClassEntry, ...]
    root: Path
    strokes: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The data set, "cmaterdb" in "cmaterdb/telugu"."""
        return self.source.dataset.partition("/")[0]

    @property
    def written(self) -> tuple[str, ...]:
        """Texts of the classes that strokes or fonts draw: all but those that a data set brings."""
        return tuple(entry.text for entry in self.classes if entry.text not in BROUGHT)

    @property
    def config(self) -> str:
        """Its configuration, "telugu" in "cmaterdb/telugu", or ""."""
        return self.source.dataset.partition("/")[2]


class DatasetPackage(Protocol):
    """What `indicdigits.datasets.<name>` offers; importing it must not import TFDS.

    A package whose data depend on the recipe has two functions more. `fingerprint(request) ->
    str` gives letters and digits that change whenever the data would, and is cheap; what stands
    before a hyphen in it, if there is one, names the source as such: prepared copies with another
    ending are out of date and are removed. The class method `Builder.config_for(request, name) ->
    tfds.core.BuilderConfig` makes the configuration of that name.
    """

    VERSION: str
    """Version of the prepared data, such as "1.0.0"; raised when they change."""

    Builder: Any
    """The TFDS builder class, imported only when it is asked for."""
