"""DHCD: handwritten Devanagari digits of Nepali school children."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

PAGE = "https://archive.ics.uci.edu/dataset/389/devanagari+handwritten+character+dataset"
# The ten digits alone, as a mirror may hold them.
RESOURCE = Resource(
    mirror_path="extra/devanagari_dhcd.npz",
    sha256="f9f34bb7ed37d8e8f905acc9a2b733285d49c89e1975c496388624eaa581eabc",
    page=PAGE,
)
# The publisher's archive, all 46 classes; no digest is published, so its contents are counted.
ARCHIVE = Resource(
    url="https://archive.ics.uci.edu/static/public/389/"
    "devanagari+handwritten+character+dataset.zip",
    mirror_path="dhcd/devanagari+handwritten+character+dataset.zip",
    page=PAGE,
)
COUNTS = {"Train": 1700, "Test": 300}  # of each digit


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.dhcd.dhcd_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
