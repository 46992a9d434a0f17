"""Handwritten Tamil numerals, 0 to 9 and ten, from an archive that a person fetches."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

PAGE = "https://github.com/ghoraav/Tamil-Handwritten-Numeral-Recognition"
RESOURCE = Resource(
    url="https://raw.githubusercontent.com/ghoraav/Tamil-Handwritten-Numeral-Recognition/"
    "master/N_resized.zip",
    mirror_path="tamil_numerals/N_resized.zip",
    page=PAGE,
)


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.tamil_numerals.tamil_numerals_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
