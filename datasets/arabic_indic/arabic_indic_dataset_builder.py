"""The TFDS builder of the Arabic-Indic digits of CMATERdb."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.datasets import arabic_indic
from indicdigits.datasets.repacked import Arrays, RepackedBuilder


class Builder(RepackedBuilder):
    """Arabic-Indic digits, 28x28 grey, light on dark, stretched to the square."""

    VERSION = tfds.core.Version(arabic_indic.VERSION)
    SCRIPT, SIZE, RESOURCE = "arabic-indic", 28, arabic_indic.RESOURCE

    def is_test(self, arrays: Arrays) -> npt.NDArray[np.bool_]:
        """The split of the file."""
        return arrays["is_test"].astype(bool)
