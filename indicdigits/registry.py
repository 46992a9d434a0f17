"""Name -> factory, with everything a recipe may say about each entry as plain data.

This file imports nothing heavy: a recipe is checked against it in milliseconds. A factory is
named as "module:attribute" and imported only when it is used.
"""

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
class BackboneEntry(Entry):
    """A backbone: its stages from input to output, and the paths of its parameters.

    Attributes:
        stages: Names of the top-level stages in forward order; the last is the head.
        parameters: Every parameter path, "stage/…/name", pinned by a test to the module.
        input_sizes: Allowed heights (= widths) of the input in pixels, as a closed range.
    """

    stages: tuple[str, ...]
    parameters: tuple[str, ...]
    input_sizes: tuple[int, int] = (28, 28)


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(Entry):
    """A data set: its configurations, and the script of each (None: the user's own)."""

    scripts: Mapping[str, str | None]
    licence: str = ""


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


BACKBONES: Registry[BackboneEntry] = Registry("backbone")
AUGMENTATIONS: Registry[Entry] = Registry("augmentation")
DATASETS: Registry[DatasetEntry] = Registry("data set")


def _parameters(**stages: str) -> tuple[str, ...]:
    """Spells out "stem=conv norm" as the paths of a convolution's and a norm's parameters."""
    leaves = {"conv": ("kernel",), "norm": ("scale", "bias"), "dense": ("kernel", "bias")}
    return tuple(
        f"{stage}/{layer}/{leaf}"
        for stage, layers in stages.items()
        for layer in layers.split()
        for leaf in leaves[layer.rstrip("0123456789")]
    )


BACKBONES.register(
    "cnn",
    BackboneEntry(
        factory="indicdigits.models.cnn:CNN",
        summary="five stages of 3x3 convolutions with batch normalisation; the default",
        options={"dropout": Option(default=0.3, low=0.0, high=0.9)},
        stages=("stem", "stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stem="conv norm",
            stage1="conv norm",
            stage2="conv1 norm1 conv2 norm2",
            stage3="conv1 norm1 conv2 norm2",
            head="dense",
        ),
        input_sizes=(20, 64),
    ),
)

_AUGMENT = "indicdigits.data.augment:"
_PROBABILITY = Option(default=1.0, low=0.0, high=1.0)

AUGMENTATIONS.register(
    "affine",
    Entry(
        factory=_AUGMENT + "affine",
        summary="shift, zoom, rotation and shear in one warp",
        options={
            "shift": Option(default=0.08, low=0.0, high=0.5),  # fraction of the side
            "zoom": Option(default=0.1, low=0.0, high=0.5),  # 0.1: 0.9 to 1.1
            "rotate": Option(default=10.0, low=0.0, high=45.0),  # degrees, both ways
            "shear": Option(default=8.0, low=0.0, high=45.0),  # degrees, both ways
            "probability": _PROBABILITY,
        },
    ),
)
AUGMENTATIONS.register(
    "elastic",
    Entry(
        factory=_AUGMENT + "elastic",
        summary="a smooth random displacement field",
        options={
            "alpha": Option(default=30.0, low=0.0, high=200.0),  # displacement, before blur
            "sigma": Option(default=5.0, low=1.0, high=20.0),  # blur of the field, pixels
            "probability": _PROBABILITY,
        },
    ),
)
AUGMENTATIONS.register(
    "thickness",
    Entry(
        factory=_AUGMENT + "thickness",
        summary="thicker or thinner strokes by grey dilation or erosion",
        options={
            "width": Option(default=2.0, low=2.0, high=5.0),  # side of the kernel, pixels
            "probability": Option(default=0.3, low=0.0, high=1.0),
        },
    ),
)
AUGMENTATIONS.register(
    "noise",
    Entry(
        factory=_AUGMENT + "noise",
        summary="additive Gaussian noise",
        options={
            "std": Option(default=0.1, low=0.0, high=0.5),  # upper end, as a fraction of white
            "probability": Option(default=0.3, low=0.0, high=1.0),
        },
    ),
)

DATASETS.register(
    "mnist",
    DatasetEntry(
        factory="indicdigits.datasets.mnist:Builder",
        summary="70,000 handwritten Western digits",
        scripts={"": "latin"},
        licence="commonly listed as CC BY-SA 3.0",
    ),
)
DATASETS.register(
    "cmaterdb",
    DatasetEntry(
        factory="indicdigits.datasets.cmaterdb:Builder",
        summary="handwritten Bengali, Devanagari and Telugu numerals",
        scripts={"bengali": "bengali", "devanagari": "devanagari", "telugu": "telugu"},
        licence='Apache-2.0 (file beside the data); its README says "free for non-commercial uses"',
    ),
)
DATASETS.register(
    "labelled_images",
    DatasetEntry(
        factory="indicdigits.datasets.labelled_images:Builder",
        summary="your own pictures: a folder a class, a CSV, an npz or IDX files",
        scripts={"": None},
        licence="the owner's",
    ),
)
DATASETS.register(
    "strokes",
    DatasetEntry(
        factory="indicdigits.datasets.strokes:Builder",
        summary="digits drawn by the project from strokes in a recipe",
        # "" is for a recipe with strokes of its own, of whatever script
        scripts={
            "": None,
            "bengali": "bengali",
            "devanagari": "devanagari",
            "tamil": "tamil",
            "telugu": "telugu",
        },
        licence="Apache-2.0 (drawn by this project)",
    ),
)
