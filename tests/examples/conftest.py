"""Where the examples lie, and what they must find in the golden vectors of shipped readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from indicdigits.imaging.normalise import normalise
from indicdigits.runtime.reader import GREY_TOLERANCE, Reader, load
from indicdigits.runtime.shipped import find

UNEVEN = "paper that is not even"
LEAST = 10  # golden pictures of twelve that take the path which the examples have


class Found(NamedTuple):
    """What an example made of one golden picture.

    Attributes:
        input: The network's input, grey levels row by row; None where it refused the paper.
        text: Its digit.
        reason: Why it is not accepted, or None.
    """

    input: Sequence[int] | None
    text: str
    reason: str | None


class Expected:
    """A shipped reader, and the comparison of an example with it."""

    def __init__(self, name: str) -> None:
        self.reader: Reader = load(name)
        self.path: Path = find(name)
        self.pictures = self.reader.bundle.golden.pictures

    def check(self, found: Sequence[Found]) -> list[np.ndarray]:
        """Compares inputs to a few grey levels, and digits and reasons exactly.

        Returns:
            The inputs that the example made, uint8 (S,S) each.
        """
        size, inputs = self.reader.bundle.input_size, []
        for picture, one in zip(self.pictures, found, strict=True):
            if one.input is None:
                assert picture.ndim == 3, "a grey golden picture was taken for an uneven one"
                assert one.reason == UNEVEN
                continue
            pixels = np.array(one.input, np.uint8).reshape(size, size)
            off = np.abs(pixels.astype(int) - normalise(picture, size)).max()
            assert off <= GREY_TOLERANCE
            reading = self.reader(picture)
            assert (one.text, one.reason) == (reading.text, reading.reason)
            inputs.append(pixels)
        assert len(inputs) >= LEAST
        return inputs


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the examples."""
    return Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def found() -> type[Found]:
    """How a test hands over what an example found."""
    return Found


@pytest.fixture(scope="session", params=["devanagari", "devanagari-nano"])
def expected(request: pytest.FixtureRequest) -> Expected:
    """A shipped reader, one of each kind of network."""
    return Expected(request.param)
