"""Pictures that are no digit: scribbles and spoilt digits, and letters after fonts."""

from __future__ import annotations

from typing import Any

from indicdigits.datasets.not_digits.request import fingerprint

__all__ = ["VERSION", "fingerprint"]

VERSION = "1.0.0"  # raise it when the drawer, the scribbles or the rule for letters change


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.not_digits.not_digits_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
