"""Name -> factory, with everything a recipe may say about each entry as plain data.

Nothing here imports anything heavy: a recipe is checked against it in milliseconds. A factory is
named as "module:attribute" and imported only when it is used.
"""

from indicdigits.registry.augmentations import AUGMENTATIONS
from indicdigits.registry.backbones import BACKBONES
from indicdigits.registry.datasets import DATASETS
from indicdigits.registry.entries import (
    BackboneEntry,
    DatasetEntry,
    Entry,
    Grid,
    Option,
    Registry,
    TrackerEntry,
)
from indicdigits.registry.trackers import TRACKERS

__all__ = [
    "AUGMENTATIONS",
    "BACKBONES",
    "DATASETS",
    "TRACKERS",
    "BackboneEntry",
    "DatasetEntry",
    "Entry",
    "Grid",
    "Option",
    "Registry",
    "TrackerEntry",
]
