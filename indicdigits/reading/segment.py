"""The ink of a line -> pieces: connected components, cut wherever two digits may touch.

A line is cut into too many pieces on purpose (over-segmentation); which of them belong together
is for the lattice to say. How cuts are found is in `seams`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.imaging.strip import components_of, digit_height, mask_of
from indicdigits.reading.answer import Ink
from indicdigits.reading.seams import Seams

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

WORK_HEIGHT = 40  # pixels of a digit; lines of larger digits are shrunk to it
_SPECK = 0.6  # components narrower and lower than this many strokes are dirt
_SMALL = 0.45  # of the line's height: lower components are marks, or parts of a digit
_WIDE = 1.5  # of the line's height: wider components are surely several digits
_CUTTABLE = 0.35  # of the line's height: narrower components are not cut
_EDGE = 3  # pixels of soft edge around the ink that are a piece's own


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pieces:
    """A line in pieces, from left to right.

    Attributes:
        ink: uint8 (H,W), the line at the scale it was cut at.
        owner: int32 (H,W), the number of the piece that each pixel of ink, or of the paper around
            it, belongs to; -1 elsewhere.
        boxes: int32 (N,4), left, top, right and bottom (the latter exclusive) of each piece.
        component: int32 (N,), the connected component that each piece is of.
        area: int32 (N,), pixels of ink of each.
        cut: float32 (N + 1,), how many strokes of ink the cut before each piece crosses; 0 where
            pieces were apart.
        height: Of a digit in this line, pixels.
        stroke: How wide the pen writes, pixels.
        scale: Pixels of the line as it came for one of these.
    """

    ink: Ink
    owner: Int
    boxes: Int
    component: Int
    area: Int
    cut: Float
    height: float
    stroke: float
    scale: float

    def __len__(self) -> int:
        return len(self.boxes)

    def box(self, first: int, last: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the pieces `first` to before `last` together."""
        if last - first == 1:
            left, top, right, bottom = self.boxes[first].tolist()
            return left, top, right, bottom
        left, top = self.boxes[first:last, :2].min(axis=0).tolist()
        right, bottom = self.boxes[first:last, 2:].max(axis=0).tolist()
        return left, top, right, bottom

    def picture(self, first: int, last: int) -> Ink:
        """The ink of the pieces `first` to before `last` alone, with a margin of paper."""
        left, top, right, bottom = self.box(first, last)
        left, top = max(left - _EDGE, 0), max(top - _EDGE, 0)
        part = np.s_[top : bottom + _EDGE, left : right + _EDGE]
        owner = self.owner[part]
        rows, columns = owner.shape
        alone = np.zeros((rows + 4, columns + 4), np.uint8)
        ours = (owner >= first) & (owner < last)
        np.multiply(self.ink[part], ours, out=alone[2:-2, 2:-2])
        return alone


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A component, or what a cut left of one; its place decides the order."""

    component: int
    mask: Bool
    left: int
    top: int
    place: float
    cut: float


def cut(line: Ink) -> Pieces | None:
    """Cuts the ink of a line into pieces.

    Args:
        line: uint8 (H,W), 0 paper, 255 full ink.

    Returns:
        The pieces; None where there is no ink.
    """
    mask = mask_of(line)
    if not mask.any():
        return None
    scale = max(1.0, digit_height(components_of(mask)[1][1:]) / WORK_HEIGHT)
    if scale > 1:
        shape = (max(1, round(line.shape[1] / scale)), max(1, round(line.shape[0] / scale)))
        line = np.asarray(cv2.resize(line, shape, interpolation=cv2.INTER_AREA), np.uint8)
        mask = mask_of(line)
        if not mask.any():
            return None
    labels, stats = components_of(mask)
    stroke = _stroke(mask)
    kept = _without_specks(stats, stroke)
    height = digit_height(stats[kept])
    seams = Seams(mask, stroke, height)
    groups = [_parts(stats[n], labels, n, seams) for n in kept.tolist()]
    parts = _in_order(groups, stats, height)
    return _pieces(line, parts, height, stroke, scale)


def _stroke(mask: Ink) -> float:
    """How wide the pen writes: the ink's area for half of its outline."""
    outlines = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    length = sum(len(outline) for outline in outlines)
    return max(1.0, 2 * float(np.count_nonzero(mask)) / max(length, 1))


def _without_specks(stats: Int, stroke: float) -> Int:
    """Labels of the components that are no dirt."""
    sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    kept = (sides >= _SPECK * stroke) & (stats[:, cv2.CC_STAT_AREA] > (_SPECK * stroke) ** 2)
    kept[0] = False
    found = np.flatnonzero(kept) if kept.any() else 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])
    return np.atleast_1d(np.asarray(found, np.int32))


def _parts(stats: Int, labels: Int, component: int, seams: Seams) -> list[_Part]:
    """A component, cut at its seams, from left to right."""
    left, top, width, height = stats[:4].tolist()
    mask = labels[top : top + height, left : left + width] == component
    if width < _CUTTABLE * seams.height or height < _SMALL * seams.height:
        return [_Part(component, mask, left, top, left + width / 2, 0.0)]
    found, side = seams.through(left, top, mask), np.zeros(mask.shape, np.int32)
    for seam in found:
        side += np.arange(left, left + width) >= seam.path[top : top + height, None]
    parts: list[_Part] = []
    for number in range(len(found) + 1):
        part = mask & (side == number)
        if not part.any():
            continue
        columns = np.flatnonzero(part.any(axis=0))
        place = left + (columns[0] + columns[-1] + 1) / 2
        price = found[number - 1].ink if parts else 0.0
        parts.append(_Part(component, part, left, top, place, price))
    return parts


def _in_order(groups: list[list[_Part]], stats: Int, height: float) -> list[_Part]:
    """All parts from left to right.

    The parts of a component stay together, so that digits that overlap without touching can be
    put together again; only what is small may stand between the parts of a wide component.
    """
    tall = stats[:, cv2.CC_STAT_HEIGHT] >= _SMALL * height
    wide = stats[:, cv2.CC_STAT_WIDTH] > _WIDE * height

    def middle(group: list[_Part]) -> float:
        left, width = stats[group[0].component, [cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH]]
        return float(left + width / 2)

    ordered: list[list[_Part]] = []
    for group in sorted(groups, key=middle):
        if wide[group[0].component] and tall[group[0].component]:
            ordered.extend([part] for part in group)
        else:
            ordered.append(group)
    ordered.sort(key=lambda group: sum(part.place for part in group) / len(group))
    return [part for group in ordered for part in group]


def _pieces(line: Ink, parts: list[_Part], height: float, stroke: float, scale: float) -> Pieces:
    owner = np.full(line.shape, -1, np.int32)
    boxes = np.zeros((len(parts), 4), np.int32)
    cuts = np.zeros(len(parts) + 1, np.float32)
    for index, part in enumerate(parts):
        rows, columns = part.mask.shape
        owner[part.top : part.top + rows, part.left : part.left + columns][part.mask] = index
        x, y, width, high = cv2.boundingRect(part.mask.view(np.uint8))
        left, top = part.left + x, part.top + y
        boxes[index] = (left, top, left + width, top + high)
        cuts[index] = part.cut
    return Pieces(
        ink=line,
        owner=_with_edges(owner),
        boxes=boxes,
        component=np.array([part.component for part in parts], np.int32),
        area=np.bincount(owner[owner >= 0], minlength=len(parts)).astype(np.int32),
        cut=cuts,
        height=height,
        stroke=stroke,
        scale=scale,
    )


def _with_edges(owner: Int) -> Int:
    """Gives the soft edges of strokes, which the threshold cut off, to the nearest piece."""
    paper = np.asarray(owner < 0, np.uint8)
    distance, nearest = cv2.distanceTransformWithLabels(
        paper, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(nearest.max()) + 1, np.int32)
    inside = paper == 0
    table[nearest[inside]] = owner[inside]
    return np.where(distance <= _EDGE, table[nearest], owner)
