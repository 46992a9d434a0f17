"""Golden vectors: a dozen pictures, followed from raw pixels to probabilities.

They let whoever holds a bundle, with this package or another program, see that pictures are
brought to the network's input as they were in training and that the graph answers as it did.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import VerificationError
from indicdigits.runtime.archive import Archive, pack

Pixels = npt.NDArray[np.uint8]
MAX_PICTURES = 32
# What numpy raises on the header of an array that is not right; it reads it as Python does.
_BROKEN = (
    ValueError,
    TypeError,
    SyntaxError,
    RecursionError,
    OverflowError,
    tokenize.TokenError,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """Pictures with the network inputs and the probabilities that belong to them.

    Attributes:
        pictures: K raw pictures, uint8, (H,W) or (H,W,3), of various sizes.
        inputs: uint8 (K,S,S), the pictures after `normalise`.
        probabilities: float32 (K,C), the network's answers.
    """

    pictures: tuple[Pixels, ...]
    inputs: Pixels
    probabilities: npt.NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """As an npz: `raw_0` to `raw_<K-1>`, `inputs`, `probabilities`."""
        arrays: dict[str, npt.NDArray[Any]] = {
            f"raw_{index}": picture for index, picture in enumerate(self.pictures)
        }
        arrays |= {"inputs": self.inputs, "probabilities": self.probabilities}
        return pack_arrays(arrays)

    @staticmethod
    def from_bytes(data: bytes, *, size: int, classes: int, where: object) -> Golden:
        """Reads the npz of `to_bytes`; nothing in it is ever unpickled.

        Args:
            data: The npz.
            size: Side S of the network's input, pixels.
            classes: How many classes C the network tells apart.
            where: The file's name, for errors.

        Raises:
            VerificationError: It does not hold what it should.
        """
        where = f"{where}, golden.npz"
        archive = Archive(data, where=where)
        count = len(archive.names) - 2
        names = [f"raw_{index}" for index in range(count)]
        if archive.names != {f"{name}.npy" for name in (*names, "inputs", "probabilities")}:
            raise VerificationError(f"holds {', '.join(sorted(archive.names))}", where=where)
        if not 1 <= count <= MAX_PICTURES:
            raise VerificationError(f"holds {count} pictures", where=where, allowed="1 to 32")

        def array(name: str, dtype: type[np.generic]) -> npt.NDArray[Any]:
            # Stored, not compressed: no member is larger than the file that holds it.
            return _array(archive.read(f"{name}.npy", len(data)), name, dtype, where)

        golden = Golden(
            pictures=tuple(array(name, np.uint8) for name in names),
            inputs=array("inputs", np.uint8),
            probabilities=array("probabilities", np.float32),
        )
        shapes = (golden.inputs.shape, golden.probabilities.shape)
        if shapes != ((count, size, size), (count, classes)):
            raise VerificationError(f"inputs, probabilities are of shape {shapes}", where=where)
        return golden


def pack_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as an npz; equal arrays give equal bytes."""
    return pack({f"{name}.npy": _npy(array) for name, array in arrays.items()})


def arrays_of(data: bytes, *, where: object) -> dict[str, npt.NDArray[Any]]:
    """Every array of an npz by name: those called `line…` are uint8, all others float32.

    Raises:
        VerificationError: It is damaged, or an array is of another type.
    """
    where = f"{where}, golden.npz"
    archive = Archive(data, where=where)
    names = [name.removesuffix(".npy") for name in sorted(archive.names)]
    kinds: dict[str, type[np.generic]] = {
        name: np.uint8 if name.startswith("line") else np.float32 for name in names
    }
    return {
        name: _array(archive.read(f"{name}.npy", len(data)), name, kind, where)
        for name, kind in kinds.items()
    }


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    # One version whatever the array, so that equal arrays give equal bytes.
    np.lib.format.write_array(
        buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False
    )
    return buffer.getvalue()


def _array(data: bytes, name: str, dtype: type[np.generic], where: object) -> npt.NDArray[Any]:
    stream = io.BytesIO(data)
    try:
        np.lib.format.read_magic(stream)
        shape, fortran, found = np.lib.format.read_array_header_1_0(stream)
        body = memoryview(data)[stream.tell() :]
        # Shape and length must agree before anything is made of that shape.
        if fortran or found != np.dtype(dtype).newbyteorder("<"):
            raise ValueError(f"is {found}, not {np.dtype(dtype)} in C order")
        return np.frombuffer(body, dtype=found).reshape(shape)
    except _BROKEN as error:
        raise VerificationError(f"{name} is damaged: {error}", where=where) from error
