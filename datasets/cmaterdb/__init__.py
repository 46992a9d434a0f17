"""CMATERdb: handwritten Bengali, Devanagari and Telugu numerals."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

_ADDRESS = "https://raw.githubusercontent.com/prabhuomkar/CMATERdb/master/datasets/"
_FOLDERS = {
    "bengali": "bangla-numerals",
    "devanagari": "devanagari-numerals",
    "telugu": "telugu-numerals",
}
_FILES = {"train": "training-images.npz", "test": "testing-images.npz"}
_DIGESTS = {
    ("bengali", "train"): "502957392649eecad013ac425b54fecc6d06dbc06bc647a46b0cfc6b96e2c130",
    ("bengali", "test"): "d1c9780ba5decc135175a021bd29961cd7316db009f428d8c04b84ba36a6d67a",
    ("devanagari", "train"): "e690d54f7c82e12e3c5ba99221672dc3fc7b6ad493e495077f7e26332558ae86",
    ("devanagari", "test"): "1636fa10484100486b96a3e938cee4c6adeddcfb1e91c9dbb5166fb9a260216d",
    ("telugu", "train"): "32f9b5b135c8084f0cf646bc6a70358767653b1f8c6d19bd64ad5d5cbf1d9467",
    ("telugu", "test"): "182806a45091da53b4ad98d4425130c0ebbf9bc1bf50fb58b3e5ea65ee33c7c6",
}

RESOURCES: dict[tuple[str, str], Resource] = {
    (config, part): Resource(
        url=f"{_ADDRESS}{_FOLDERS[config]}/{_FILES[part]}",
        mirror_path=f"cmaterdb/{_FOLDERS[config]}/{_FILES[part]}",
        sha256=digest,
    )
    for (config, part), digest in _DIGESTS.items()
}


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.cmaterdb.cmaterdb_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
