"""The user's own labelled pictures: a folder a class, a CSV, an npz or IDX files."""

from __future__ import annotations

from typing import Any

from indicdigits.datasets.labelled_images.listing import fingerprint

__all__ = ["VERSION", "fingerprint"]

VERSION = "1.0.0"


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.labelled_images.labelled_images_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
