"""Reading pictures with a bundle: onnxruntime, numpy, OpenCV, Pillow, and nothing heavier."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from indicdigits.errors import UsageError, VerificationError
from indicdigits.imaging import normalise as normalisation
from indicdigits.imaging.decode import Source, read_picture
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import calibrated
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.doubt import Judge
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.reading import CROWDED, NO_INK, Alternative, Reading
from indicdigits.runtime.session import check_graph, open_session, run_graph
from indicdigits.runtime.shipped import find
from indicdigits.scripts import SCRIPTS, script_of

# How far grey levels of a golden picture may be off after `normalise`: versions of OpenCV round
# differently when they resample.
GREY_TOLERANCE = 8


class Reader:
    """Reads digits with one bundle; may be shared between threads.

    Args:
        bundle: What to read with.
        threads: CPU threads that one call may use.
        error_rate: Part of the accepted answers that may be wrong; one of those that the bundle
            has a threshold for, or None for its default.
        where: The bundle's file, named in errors; its name by default.

    Raises:
        UsageError: `threads` is less than one, or the bundle has no threshold for that rate.
        VerificationError: The bundle cannot be used by this version, or its graph is not what
            the bundle says.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 1,
        error_rate: float | None = None,
        where: object = None,
    ) -> None:
        if threads < 1:
            raise UsageError(f"{threads} threads cannot read", allowed="1 or more")
        self.bundle = bundle
        self.acceptance = bundle.acceptance
        if error_rate is not None:
            self.acceptance = bundle.acceptance.at(error_rate)
        self._judge = Judge(bundle.classes, self.acceptance)
        self._where = where or bundle.name
        _check_normalisation(bundle, self._where)
        # Of a reader of several scripts, each answer has the script of its digit.
        one = bundle.script in SCRIPTS
        self._scripts = [
            bundle.script if one else getattr(script_of(c.text), "name", bundle.script)
            for c in bundle.classes
        ]
        self._session = open_session(bundle.graph, threads=threads, where=self._where)
        check_graph(self._session, bundle, where=self._where)

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.bundle.name

    @property
    def script(self) -> str:
        """The script that is read."""
        return self.bundle.script

    @property
    def licence(self) -> str:
        """The licence of what it was trained on, set by set."""
        return self.bundle.licence

    def __repr__(self) -> str:
        return f"Reader({self.name!r}, script={self.script!r}, {len(self.bundle.classes)} classes)"

    def __call__(self, picture: Source) -> Reading:
        """Reads a picture of one digit.

        Args:
            picture: A path, the bytes of an image file, a PIL image, or a uint8 array (H,W),
                (H,W,3) RGB or (H,W,4) RGBA.

        Raises:
            PictureError: It is no usable picture.
        """
        decoded = read_picture(picture)
        pixels = normalisation.normalise(decoded, self.bundle.input_size)
        row = self.probabilities(pixels[np.newaxis])[0]
        return self._reading(pixels, row, crowded=normalisation.is_crowded(decoded))

    def many(self, pictures: Iterable[Source], *, batch_size: int = 64) -> Iterator[Reading]:
        """Reads many pictures, in order, holding one batch of them in memory at a time.

        Args:
            pictures: What `__call__` takes, any number of it.
            batch_size: How many go through the network at once, at least one.

        Raises:
            PictureError: While iterating, at the batch with a picture that is not usable.
            UsageError: `pictures` is a single picture, or `batch_size` is less than one.
        """
        if batch_size < 1:
            raise UsageError(f"a batch cannot hold {batch_size}", allowed="1 or more")
        if isinstance(pictures, (str, bytes, os.PathLike)) or not isinstance(pictures, Iterable):
            raise UsageError("many() takes several pictures", hint="reader(picture) reads one")
        return self._batches(iter(pictures), batch_size)

    def texts(
        self, pictures: Iterable[Source], *, native: bool = True, refused: str = ""
    ) -> list[str]:
        """What crops say: a text each, in order, for an OCR that has cut out the digits.

        Args:
            pictures: As `many` takes them.
            native: Whether to answer with the script's digits, or with 0 to 9.
            refused: Stands for what is not accepted.

        Raises:
            PictureError: One of them is not usable.
            UsageError: `pictures` is a single picture.
        """
        found = []
        for reading in self.many(pictures):
            text = reading.text if native or reading.value is None else str(reading.value)
            found.append(text if reading.accepted else refused)
        return found

    def _batches(self, pictures: Iterator[Source], batch_size: int) -> Iterator[Reading]:
        size = self.bundle.input_size
        decoded = map(read_picture, pictures)
        prepared = (
            (normalisation.normalise(d, size), normalisation.is_crowded(d)) for d in decoded
        )
        while batch := list(islice(prepared, batch_size)):
            rows = self.probabilities(np.stack([pixels for pixels, _ in batch]))
            for (pixels, crowded), row in zip(batch, rows, strict=True):
                yield self._reading(pixels, row, crowded=crowded)

    def prepare(self, picture: Source) -> npt.NDArray[np.uint8]:
        """A picture as the network's input: uint8 (S,S), light ink on black."""
        return normalisation.normalise(read_picture(picture), self.bundle.input_size)

    def probabilities(self, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """What the network answers to prepared pictures.

        Args:
            inputs: uint8 (N,S,S) from `prepare`.

        Returns:
            float32 (N,C), each row summing to one, calibrated where the bundle says how.
        """
        return calibrated(self.uncalibrated(inputs), self.acceptance.temperature)

    def uncalibrated(self, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The same as the graph gives it, before any temperature: for measuring calibration."""
        return run_graph(self._session, inputs)

    def check_golden(self) -> int:
        """Replays the bundle's golden vectors.

        Returns:
            By how many grey levels a prepared picture is off at most; 0 with the same OpenCV.

        Raises:
            VerificationError: Pictures become other inputs, or inputs other probabilities, than
                when the bundle was written.
        """
        golden = self.bundle.golden
        inputs = np.stack([self.prepare(picture) for picture in golden.pictures])
        off = check_prepared(inputs, golden, where=self._where)
        answers = run_graph(self._session, golden.inputs)
        difference = float(np.abs(answers - golden.probabilities).max())
        if not difference <= self.bundle.parity.tolerance:
            raise VerificationError(
                f"golden inputs are answered differently, by up to {difference:.2g}",
                where=self._where,
                allowed=f"up to {self.bundle.parity.tolerance:g}",
            )
        return off

    def _reading(
        self, pixels: npt.NDArray[np.uint8], row: npt.NDArray[np.float32], *, crowded: bool
    ) -> Reading:
        classes = self.bundle.classes
        best, reason = self._judge.answer(row)
        if not normalisation.ink_found(pixels):
            reason = NO_INK
        elif crowded:
            reason = CROWDED
        others = [index for index in np.argsort(-row, kind="stable")[:3].tolist() if index != best]
        return Reading(
            text=classes[best].text,
            value=classes[best].value,
            probability=float(row[best]),
            script=self._scripts[best],
            accepted=reason is None,
            reason=reason,
            alternatives=tuple(
                Alternative(
                    text=classes[index].text,
                    value=classes[index].value,
                    probability=float(row[index]),
                )
                for index in others[:2]
            ),
        )


def load(
    name_or_path: str | os.PathLike[str], *, threads: int = 1, error_rate: float | None = None
) -> Reader:
    """Loads a reader.

    Args:
        name_or_path: A script whose reader ships with the package, such as "devanagari" or
            "hindi", or the path of a bundle.
        threads: CPU threads that one call of the reader may use.
        error_rate: Part of the accepted answers that may be wrong: one of those that the bundle
            has a threshold for (`indicdigits inspect` says which), or None for its default.

    Raises:
        UsageError: No such reader or file, the nearest spelling is suggested; or it has no
            threshold for that error rate.
        VerificationError: The bundle is damaged, or made by a newer version.
        StorageError: The file cannot be read.
    """
    path = find(name_or_path)
    return Reader(bundles.read(path), threads=threads, error_rate=error_rate, where=path)


def check_prepared(inputs: npt.NDArray[np.uint8], golden: Golden, *, where: object) -> int:
    """By how many grey levels prepared golden pictures, uint8 (K,S,S), are off at most.

    Raises:
        VerificationError: By more than versions of OpenCV differ.
    """
    off = int(np.abs(inputs.astype(np.int16) - golden.inputs).max())
    if off > GREY_TOLERANCE:
        raise VerificationError(
            f"golden pictures are prepared differently, by up to {off} grey levels",
            where=where,
            allowed=f"up to {GREY_TOLERANCE}",
            hint="another version of indicdigits or OpenCV may be installed",
        )
    return off


def _check_normalisation(bundle: Bundle, where: object) -> None:
    ours = json.loads(json.dumps(normalisation.SPEC))
    theirs = dict(bundle.normalisation)
    if ours != theirs:
        keys = sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))
        raise VerificationError(
            f"was trained on pictures that were prepared differently ({', '.join(keys)})",
            where=where,
            hint=f"use the version that made it ({bundle.created_by}), or train and export again",
        )
