"""Digits drawn by the project, from the strokes in a recipe."""

from __future__ import annotations

from typing import Any

from indicdigits.datasets.strokes.request import fingerprint

__all__ = ["VERSION", "fingerprint"]

VERSION = "1.0.0"  # raise it when the drawer draws differently


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.strokes.strokes_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
