"""The data sets, each with its configurations and licence."""

from __future__ import annotations

from indicdigits.registry.entries import DatasetEntry, Registry

DATASETS: Registry[DatasetEntry] = Registry("data set")

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
