"""Handwritten Kannada digits, cut from the sheets of sixteen writers."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

RESOURCE = Resource(
    mirror_path="extra/kannada_writers_00_15.npz",
    sha256="988d450de9bb79388b186433436b361533658ba7b31c1fba0d65f62992e381a3",
)


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.kannada.kannada_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
