"""CMATERdb 3.3.1: handwritten Arabic-Indic digits."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

RESOURCE = Resource(
    mirror_path="extra/arabic_indic_cmaterdb.npz",
    sha256="36b32509dd28aa9dcd7d2ff1169aa43fb1bc2dcaba42375944cc5c6b823836d9",
)


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.arabic_indic.arabic_indic_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
