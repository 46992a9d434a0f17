"""Handwritten Gujarati digits."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

RESOURCE = Resource(
    mirror_path="extra/gujarati_kishan.npz",
    sha256="c13e987e49e10d236a06018864202550e4a56e6288a9079869037ef66b9423b0",
)


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.gujarati.gujarati_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
