"""Digits of the installed fonts, thinned to centre lines and written by invented hands."""

from __future__ import annotations

from typing import Any

from indicdigits.datasets.fonts.request import fingerprint

__all__ = ["VERSION", "fingerprint"]

VERSION = "1.0.0"  # raise it when the drawer or the skeletons change


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.fonts.fonts_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
