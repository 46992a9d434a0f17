"""Draws digits from their centre lines, each by a writer with habits of their own.

What a writer always does (slant, proportions, pen, favourite variants, where they misplace a
point) is drawn once a writer; what differs from digit to digit is drawn again each time, smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.data.strokes.shapes import Shapes
from indicdigits.data.strokes.splines import SPACING, Curve, FloatArray, compile_variant

UNIT = 4  # sub-pixels a pixel: drawn that much larger, then averaged
SHIFT = 3  # binary digits of the fraction in coordinates given to OpenCV
WAVES = 3  # sine waves that add up to a tremor or a warp
LEVELS = np.linspace(0.0, 1.0, 256)
MARGIN = 2.0  # pixels of paper on every side, one of them for how OpenCV rounds its lines
KEEP_VARIANT = 0.85  # how often a writer writes their favourite variant


@dataclass(frozen=True, kw_only=True)
class Writer:
    """The habits of one hand. Lengths are in units of the digit's square unless said otherwise.

    Attributes:
        slant: Shear to the right, as the tangent of the angle.
        rotation: Turn of the base line, in radians.
        aspect: Width over height, relative to the shapes.
        size: Longer side of the digit's box, as a fraction of the picture.
        pen: Width of the pen's trace.
        pressure: Relative variation of that width along a stroke.
        nib: Relative difference of widths along and across the nib, as of a broad pen.
        nib_angle: Direction in which the nib writes thickest, in radians.
        tremor: Amplitude of the wavering of lines.
        looseness: Standard deviation of a point's place from digit to digit.
        warp: Amplitude of the smooth distortion of the whole shape.
        rounding: How far corners are rounded: 0 sharp, 1 as if no corner was marked.
        haste: How far bends are cut short: 0 not at all, 1 to the chord.
        gap: How far from its beginning a closed stroke ends, standard deviation.
        reach: How much of a stroke's ends the pen leaves out, standard deviation.
        lift: How far strokes are misplaced against each other, standard deviation.
        ink: Grey level of the ink, 0 to 255.
        paper: Grey level of the paper, 0 to 255.
        favourites: For each class, the place of the favourite variant in its list, 0 to 1.
        form: (all points of all variants, 2) where this writer always misplaces them.
    """

    slant: float
    rotation: float
    aspect: float
    size: float
    pen: float
    pressure: float
    nib: float
    nib_angle: float
    tremor: float
    looseness: float
    warp: float
    rounding: float
    haste: float
    gap: float
    reach: float
    lift: float
    ink: float
    paper: float
    favourites: FloatArray
    form: FloatArray


class Drawer:
    """Draws the digits of one set of shapes, some 3,000 a second on one core.

    The same shapes, size and generators give the same bytes.

    Attributes:
        classes: Texts of the classes it draws, in order.
        size: Side of the pictures in pixels.
    """

    def __init__(self, shapes: Shapes, size: int = 64) -> None:
        self.classes = tuple(shapes)
        self.size = size
        self._curves: dict[str, tuple[tuple[Curve, slice], ...]] = {}
        self._order = {text: index for index, text in enumerate(self.classes)}
        self._points = 0  # of all variants: each writer misplaces every one in their own way
        for text, variants in shapes.items():
            curves = [compile_variant(variant) for variant in variants]
            self._curves[text] = tuple((curve, self._slice(len(curve.points))) for curve in curves)

    def _slice(self, count: int) -> slice:
        """Sets places for so many points aside in `Writer.form`."""
        self._points += count
        return slice(self._points - count, self._points)

    def writer(self, rng: np.random.Generator) -> Writer:
        """Invents a writer."""

        def spread(middle: float, factor: float) -> float:
            """Around `middle`, as often `factor` times too much as too little."""
            return float(middle * factor ** rng.standard_normal())

        return Writer(
            slant=float(rng.normal(0.0, 0.16)),
            rotation=float(rng.normal(0.0, 0.06)),
            aspect=spread(1.0, 1.25),
            size=float(rng.uniform(0.55, 0.85)),
            pen=float(np.clip(spread(0.085, 1.4), 0.035, 0.17)),
            pressure=float(rng.uniform(0.0, 0.2)),
            nib=float(rng.uniform(0.0, 0.25)),
            nib_angle=float(rng.uniform(0.0, np.pi)),
            tremor=float(rng.uniform(0.0, 0.008)),
            looseness=float(rng.uniform(0.006, 0.02)),
            warp=float(rng.uniform(0.01, 0.045)),
            rounding=float(rng.uniform(0.0, 1.0)),
            haste=float(rng.uniform(0.0, 0.35)),
            gap=float(rng.uniform(0.0, 0.06)),
            reach=float(rng.uniform(0.0, 0.03)),
            lift=float(rng.uniform(0.0, 0.022)),
            ink=float(rng.uniform(0.0, 90.0)),
            paper=float(rng.uniform(215.0, 255.0)),
            favourites=rng.random(len(self.classes)),
            form=rng.normal(0.0, 0.02, (self._points, 2)),
        )

    def draw(self, text: str, writer: Writer, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Draws one digit.

        Args:
            text: The class to draw, one of `classes`.
            writer: The hand that writes it.
            rng: Source of what differs from digit to digit.

        Returns:
            (size, size) uint8, dark ink on light paper, all ink inside.
        """
        curve, mine = self._variant(text, writer, rng)
        noise = writer.form[mine] + writer.looseness * rng.standard_normal(curve.points.shape)
        points = curve.points + curve.freedom @ noise
        points += _waves(points, writer.warp, rng, cycles=0.9)
        line = curve.sharp @ points
        line += min(max(writer.rounding + rng.normal(0.0, 0.15), 0.0), 1.0) * (
            curve.rounded @ points
        )
        line += max(writer.haste + rng.normal(0.0, 0.08), 0.0) * (curve.relaxed @ points)
        line += _lifts(curve, writer, rng)
        line += _waves(line, writer.tremor, rng, cycles=4.0)
        # who has a broad pen writes dense digits larger
        width = min(writer.pen, 0.8 * curve.room) * _swelling(line, curve, writer, rng)
        line, scale = self._place(line, width.max(), writer, rng)
        return self._render(line, width * scale, curve, writer, rng)

    def _variant(self, text: str, writer: Writer, rng: np.random.Generator) -> tuple[Curve, slice]:
        variants = self._curves[text]
        place = writer.favourites[self._order[text]]
        if rng.random() > KEEP_VARIANT:
            place = rng.random()
        return variants[int(place * len(variants))]

    def _place(
        self, line: FloatArray, pen: float, writer: Writer, rng: np.random.Generator
    ) -> tuple[FloatArray, float]:
        """Slants, turns, stretches and moves the line into the picture; pixels, and their scale."""
        slant = writer.slant + rng.normal(0.0, 0.05)
        turn = writer.rotation + rng.normal(0.0, 0.04)
        stretch = np.sqrt(writer.aspect * np.exp(rng.normal(0.0, 0.07)))
        cosine, sine = np.cos(turn), np.sin(turn)
        # columns: what a step to the right and a step down become
        matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.array(
            [[stretch, -slant / stretch], [0.0, 1.0 / stretch]]
        )
        line = line @ matrix.T
        low, high = line.min(axis=0), line.max(axis=0)
        box = (high - low).max() + pen
        room = self.size - 2.0 * MARGIN
        side = min(self.size * writer.size * np.exp(rng.normal(0.0, 0.06)), room)
        scale = side / box
        extent = (high - low + pen) * scale
        free = (room - extent) / 2.0
        middle = self.size / 2.0 + free * np.clip(rng.normal(0.0, 0.35, 2), -1.0, 1.0)
        return (line - (low + high) / 2.0) * scale + middle, float(scale)

    def _render(
        self,
        line: FloatArray,
        width: FloatArray,
        curve: Curve,
        writer: Writer,
        rng: np.random.Generator,
    ) -> npt.NDArray[np.uint8]:
        large = np.zeros((self.size * UNIT, self.size * UNIT), np.uint8)
        places = np.rint((line * UNIT - 0.5) * 2**SHIFT).astype(np.int32)
        widths = np.maximum(2 * np.rint(width * UNIT / 2), 1).astype(np.intp)
        for start, end in pairwise(curve.starts.tolist()):
            first = start + _shortened(rng, writer, end - start)
            last = end - _shortened(rng, writer, end - start)
            # runs of one width: OpenCV draws a line of many points with one pen
            cuts = np.flatnonzero(np.diff(widths[first:last])) + first + 1
            edges = [first, *cuts.tolist(), last]
            for low, high in pairwise(edges):
                run = places[max(low - 1, first) : high]
                cv2.polylines(large, [run], False, 255, int(widths[low]), cv2.LINE_8, SHIFT)
        ink = cv2.resize(large, (self.size, self.size), interpolation=cv2.INTER_AREA)
        tone = (writer.paper + (writer.ink - writer.paper) * LEVELS).astype(np.uint8)
        return np.asarray(cv2.LUT(ink, tone), dtype=np.uint8)


def _shortened(rng: np.random.Generator, writer: Writer, samples: int) -> int:
    """How many samples the pen comes down too late, or leaves too early."""
    missing = int(abs(rng.normal(0.0, writer.reach)) / SPACING)
    return min(missing, samples // 6)


def _lifts(curve: Curve, writer: Writer, rng: np.random.Generator) -> FloatArray:
    """Where the pen comes down beside its place, and drifts away from where it began."""
    count = len(curve.closed)
    offset = writer.lift * rng.standard_normal((count, 2))
    drift = writer.gap * curve.closed[:, None] * rng.standard_normal((count, 2))
    ramp = curve.progress[:, None] - 0.5
    return np.asarray(offset[curve.stroke] + ramp * drift[curve.stroke])


def _waves(
    places: FloatArray, amplitude: float, rng: np.random.Generator, *, cycles: float
) -> FloatArray:
    """A smooth random displacement of the plane: (N, 2) for (N, 2) places.

    Args:
        places: Points in units of the square.
        amplitude: Standard deviation of the displacement, about.
        rng: Source of the waves.
        cycles: Standard deviation of the waves' number of cycles across the square.
    """
    number = rng.normal(0.0, cycles, (2, 2 * WAVES))
    phase = rng.random(2 * WAVES)
    waves = np.sin(2.0 * np.pi * (places @ number + phase))
    return amplitude * np.sqrt(2.0 / WAVES) * waves.reshape(-1, WAVES, 2).sum(axis=1)


def _swelling(
    line: FloatArray, curve: Curve, writer: Writer, rng: np.random.Generator
) -> FloatArray:
    """(S,) width of the trace over the pen's: pressure varies, and a nib writes by direction."""
    cycles, phase = rng.uniform(0.3, 1.2, 2), rng.random(2)
    at = curve.progress[:, None] * cycles + phase
    pressure = np.sin(2.0 * np.pi * at).sum(axis=1) * 0.5
    step = np.empty_like(line)
    step[1:] = line[1:] - line[:-1]
    step[0] = step[1]
    direction = np.arctan2(step[:, 1], step[:, 0])
    nib = np.cos(2.0 * (direction - writer.nib_angle))
    swell = np.exp(rng.normal(0.0, 0.06)) * (1.0 + writer.pressure * pressure + writer.nib * nib)
    return np.asarray(np.maximum(swell, 0.4))
