"""The TFDS builder of the Kannada digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.datasets import kannada
from indicdigits.datasets.repacked import Arrays, RepackedBuilder


class Builder(RepackedBuilder):
    """Kannada digits, 28x28 grey, light on dark; column `writer`."""

    VERSION = tfds.core.Version(kannada.VERSION)
    SCRIPT, SIZE, RESOURCE = "kannada", 28, kannada.RESOURCE
    COLUMNS = ("writer",)
    FIRST_TEST_WRITER = 8

    def is_test(self, arrays: Arrays) -> npt.NDArray[np.bool_]:
        """Writers 08 to 15: nobody stands in both parts."""
        return arrays["writer"] >= self.FIRST_TEST_WRITER
