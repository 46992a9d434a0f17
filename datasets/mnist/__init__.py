"""MNIST: 70,000 handwritten Western digits."""

from __future__ import annotations

from typing import Any

from indicdigits.data.download import Resource

VERSION = "1.0.0"

_ADDRESS = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

# The digests are those of the unpacked files: every mirror has its own gzip wrapper.
RESOURCES: dict[str, Resource] = {
    name: Resource(
        url=f"{_ADDRESS}{name}.gz", mirror_path=f"mnist/{name}.gz", sha256=digest, unpack="gzip"
    )
    for name, digest in _DIGESTS.items()
}


def __getattr__(name: str) -> Any:
    if name == "Builder":
        from indicdigits.datasets.mnist.mnist_dataset_builder import Builder

        return Builder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
