"""The TFDS builder of the Gujarati digits."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from indicdigits.data.split import chosen_of_each
from indicdigits.datasets import gujarati
from indicdigits.datasets.repacked import Arrays, RepackedBuilder


class Builder(RepackedBuilder):
    """Gujarati digits, 28x28, binarised, dark on light."""

    VERSION = tfds.core.Version(gujarati.VERSION)
    SCRIPT, SIZE, RESOURCE = "gujarati", 28, gujarati.RESOURCE

    def is_test(self, arrays: Arrays) -> npt.NDArray[np.bool_]:
        """Half of each digit, by the pictures' digests; identical pictures stay together."""
        digests = [hashlib.sha256(image.tobytes()).hexdigest()[:32] for image in arrays["images"]]
        return chosen_of_each(arrays["labels"], np.array(digests, "S32"), 0.5, seed=0)
