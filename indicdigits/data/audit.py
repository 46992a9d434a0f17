"""What is wrong with a data set before anything is trained on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indicdigits.data.source import Split


def leaked(train: Split, test: Split) -> npt.NDArray[np.bool_]:
    """Finds the test pictures that stand in `train` too, byte for byte in their pixels.

    Returns:
        bool (N_test,), true where a test picture is in `train`.
    """
    return np.isin(test.keys, train.keys)
