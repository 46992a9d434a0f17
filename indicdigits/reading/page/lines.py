"""Which parts of the ink stand side by side as one line, and in which order lines are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Box, Ink
from indicdigits.reading.page.ink import EDGE
from indicdigits.reading.page.morphology import Mask, dilated
from indicdigits.reading.page.rules import Rules, typical_height

Boxes = npt.NDArray[np.int64]  # (N,4) left, top, right, bottom

_BODY = 0.3  # of the typical height, from which a part is no mark but (part of) a digit
_LEAST_HEIGHT = 7  # pixels; lower digits cannot be read
_CRUMB = 3  # pixels from a rule, within which a small part is left over from it
_SPECK = 0.08  # of the typical height, below which a part is dirt
_LEAST_SPECK = 3  # pixels
_FURTHEST = 4.0  # typical heights, beyond which a part is no writing where it touches the border
_OVERLAP = 0.45  # of the lower of two neighbours' heights, that they share
_TORN = 0.4  # typical heights between the pieces of a digit at most
_WHOLE = 1.5  # typical heights of all its pieces together at most
_GAP = 2.5  # heights of the higher one between neighbours at most
_MARK_ASIDE = 1.0  # typical heights that a mark stands left or right of its line at most
_MARK_ABOVE = 0.35  # the same for above and below
_DARK = 0.6  # of its line's darkness, that a mark must have
_SEVERAL = 1 / 3  # of the cells with more than one digit: from here on cells are numbers
_MARGIN = 2  # pixels of paper around a line


class Line(NamedTuple):
    """One line.

    Attributes:
        ink: Its ink alone.
        box: Where it stands in the page.
        cells: Of a comb, a digit a cell: from where to where each cell's ink goes, columns of
            `ink`; () where the line is not ruled so.
    """

    ink: Ink
    box: Box
    cells: tuple[tuple[int, int], ...] = ()


class _Group(NamedTuple):
    """Labels of the parts that stand in a line, and whether they stand in the cells of a comb."""

    parts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]  # columns of the rules between cells


def find_lines(ink: Ink, rules: Rules) -> list[Line]:
    """The lines of an upright page in reading order: from above, in a row from the left.

    Args:
        ink: Without rules.
        rules: What has been taken out: a rule between numbers parts them.
    """
    binary = (ink >= EDGE).astype(np.uint8)
    _, found, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    labels = np.asarray(found, np.int32)
    boxes = stats[:, :4].astype(np.int64)
    boxes[:, 2:] += boxes[:, :2]
    typical = typical_height(binary)
    kept = _writing(boxes, typical, ink.shape)
    heights = boxes[:, 3] - boxes[:, 1]
    is_body = heights >= max(_BODY * typical, _LEAST_HEIGHT)
    bodies = kept[is_body[kept]]
    rows = _neighbours(boxes, bodies, rules, typical)
    groups = [part for row in rows for part in _cells(boxes, row, rules)]
    marks = [mark for mark in kept[~is_body[kept]].tolist() if not _is_crumb(boxes[mark], rules)]
    groups = _with_marks(boxes, groups, marks, typical, _peaks(ink, labels, boxes))
    return [_cut(ink, labels, boxes, group) for group in _in_order(boxes, groups)]


def _writing(boxes: Boxes, typical: float, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Labels of the parts that may be writing: no dirt, and no shadow or desk at the border."""
    size = boxes[:, 2:] - boxes[:, :2]
    speck = size.max(axis=1) < max(_LEAST_SPECK, _SPECK * typical)
    border = (boxes[:, :2] <= 1).any(axis=1) | (boxes[:, 2:] >= (shape[1] - 1, shape[0] - 1)).any(1)
    huge = border & (size.max(axis=1) > _FURTHEST * typical)
    edge = border & (size.min(axis=1) <= max(_LEAST_SPECK, 0.15 * typical)) & (len(boxes) > 2)
    kept = ~(speck | huge | edge)
    kept[0] = False  # the paper
    return np.flatnonzero(kept)


def _peaks(ink: Ink, labels: npt.NDArray[np.int32], boxes: Boxes) -> npt.NDArray[np.uint8]:
    """The darkest ink of each part."""
    peaks = np.zeros(len(boxes), np.uint8)
    rows, columns = np.nonzero(labels)
    np.maximum.at(peaks, labels[rows, columns], ink[rows, columns])
    return peaks


def _is_crumb(box: npt.NDArray[np.int64], rules: Rules) -> bool:
    """Whether a small part is what is left of a rule."""
    left, top, right, bottom = box.tolist()
    rows = slice(max(top - _CRUMB, 0), bottom + _CRUMB)
    columns = slice(max(left - _CRUMB, 0), right + _CRUMB)
    part = rules.within(rows, columns)
    return bool(part.levels.any() or part.uprights.any())


def _neighbours(
    boxes: Boxes, bodies: npt.NDArray[np.int64], rules: Rules, typical: float
) -> list[npt.NDArray[np.int64]]:
    """Groups of parts that each have their nearest neighbour to the right in common height."""
    group = {int(body): int(body) for body in bodies}

    def root(label: int) -> int:
        while group[label] != label:
            label = group[label]
        return label

    order = bodies[np.argsort(boxes[bodies, 0], kind="stable")]
    left, top, right, bottom = (boxes[order, side] for side in range(4))
    heights = bottom - top
    for index, label in enumerate(order.tolist()):
        later = slice(index + 1, None)
        shared = np.minimum(bottom[later], bottom[index]) - np.maximum(top[later], top[index])
        level = shared >= _OVERLAP * np.minimum(heights[later], heights[index])
        found = np.flatnonzero(level)
        if not len(found):
            continue
        # the nearest one, and whatever begins before that one or this one ends
        nearest = index + 1 + int(found[0])
        reach = max(int(right[nearest]), int(right[index]))
        for place in (index + 1 + found).tolist():
            if left[place] > reach:
                break
            gap = left[place] - right[index]
            near = gap <= _GAP * max(heights[place], heights[index])
            if near or _one_cell_on(boxes[label], boxes[order[place]], rules):
                group[root(label)] = root(int(order[place]))
    for upper, lower in _torn(boxes, order, typical):
        group[root(upper)] = root(lower)
    roots = np.array([root(int(body)) for body in bodies])
    return [bodies[roots == one] for one in dict.fromkeys(roots.tolist())]


def _torn(boxes: Boxes, order: npt.NDArray[np.int64], typical: float) -> Iterator[tuple[int, int]]:
    """Pairs of parts that stand close above each other and are no higher together than a digit."""
    left, top, right, bottom = (boxes[order, side] for side in range(4))
    for index, label in enumerate(order.tolist()):
        later = slice(index + 1, index + 1 + int(np.sum(left[index + 1 :] < right[index])))
        shared = np.minimum(right[later], right[index]) - left[later]
        narrower = np.minimum(right[later] - left[later], right[index] - left[index])
        apart = np.maximum(top[later], top[index]) - np.minimum(bottom[later], bottom[index])
        together = np.maximum(bottom[later], bottom[index]) - np.minimum(top[later], top[index])
        torn = (shared > 0.5 * narrower) & (apart < _TORN * typical) & (together < _WHOLE * typical)
        for place in np.flatnonzero(torn).tolist():
            yield label, int(order[index + 1 + place])


def _one_cell_on(here: npt.NDArray[np.int64], there: npt.NDArray[np.int64], rules: Rules) -> bool:
    """Whether one upright rule, and no more, stands between two parts."""
    top, bottom = max(here[1], there[1]), min(here[3], there[3])
    return len(_crossings(rules.uprights, top, bottom, here[2], there[0])) == 1


def _crossings(
    uprights: Mask, top: int, bottom: int, left: int, right: int
) -> npt.NDArray[np.int64]:
    """Where upright rules pass a strip of the page: the columns of their left edges."""
    left = max(left, 0)
    strip = uprights[max(top, 0) : bottom, left:right]
    if not strip.size or not strip.any():
        return np.zeros(0, np.int64)
    # a rule that is not quite upright lies in several columns: runs of them, small gaps closed
    columns = np.convolve(strip.any(axis=0), np.ones(5), mode="same") > 0
    steps = np.diff(np.concatenate([[0], columns.astype(np.int8), [0]]))
    runs = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    found = [start for start, end in runs if strip[:, start:end].any(axis=1).mean() > 0.5]
    return left + np.array(found, np.int64)


def _cells(boxes: Boxes, row: npt.NDArray[np.int64], rules: Rules) -> list[_Group]:
    """Parts a row at upright rules, unless they are a comb: a digit a cell."""
    top, bottom = int(np.median(boxes[row, 1])), int(np.median(boxes[row, 3]))
    left, right = int(boxes[row, 0].min()), int(boxes[row, 2].max())
    edges = _crossings(rules.uprights, top, bottom, left, right)
    cell = np.searchsorted(edges, _middles(boxes[row]))
    cells = [row[cell == number] for number in np.unique(cell)]
    single = [_side_by_side(boxes[members]) == 1 for members in cells]
    if not len(edges) or single.count(False) > _SEVERAL * len(cells):
        return [_Group(members, edges[:0]) for members in cells]
    # A word before or after a comb is no part of it.
    first, last = single.index(True), len(single) - single[::-1].index(True)
    aside = [_Group(members, edges[:0]) for members in (*cells[:first], *cells[last:])]
    return [*aside, _Group(np.concatenate(cells[first:last]), edges)]


def _middles(boxes: Boxes) -> npt.NDArray[np.float64]:
    return np.asarray((boxes[:, 0] + boxes[:, 2]) / 2)


def _side_by_side(boxes: Boxes) -> int:
    """How many stand beside each other, those above each other counted as one."""
    count, reached = 0, -1
    for left, _, right, _ in boxes[np.argsort(boxes[:, 0])].tolist():
        count += left > reached
        reached = max(reached, right)
    return count


def _with_marks(
    boxes: Boxes,
    groups: Sequence[_Group],
    marks: Sequence[int],
    typical: float,
    peaks: npt.NDArray[np.uint8],
) -> list[_Group]:
    """Gives each small part to the line that it stands in or beside; the others are dirt.

    Args:
        boxes: Of all parts.
        groups: The lines.
        marks: Labels of the small parts.
        typical: Height of the writing.
        peaks: The darkest ink of each part: a mark is as dark as its line, dirt is often paler.
    """
    if not groups:
        return []
    frames = np.stack([_frame(boxes[group.parts]) for group in groups])
    grown = frames + np.array([-_MARK_ASIDE, -_MARK_ABOVE, _MARK_ASIDE, _MARK_ABOVE]) * typical
    levels = np.array([float(np.median(peaks[group.parts])) for group in groups])
    members: list[list[int]] = [group.parts.tolist() for group in groups]
    for mark in marks:
        x, y = (boxes[mark, :2] + boxes[mark, 2:]) / 2
        inside = (grown[:, 0] <= x) & (x <= grown[:, 2]) & (grown[:, 1] <= y) & (y <= grown[:, 3])
        inside &= peaks[mark] >= _DARK * levels
        if inside.any():
            away = np.abs((frames[:, 1] + frames[:, 3]) / 2 - y)
            members[int(np.argmin(np.where(inside, away, np.inf)))].append(mark)
    return [
        group._replace(parts=np.array(parts, np.int64))
        for group, parts in zip(groups, members, strict=True)
    ]


def _in_order(boxes: Boxes, groups: list[_Group]) -> list[_Group]:
    """Rows from above; what stands in one row from the left."""
    frames = [_frame(boxes[group.parts]) for group in groups]
    rows: list[list[int]] = []
    for index in np.argsort([frame[1] + frame[3] for frame in frames]).tolist():
        _, top, _, bottom = frames[index]
        first = frames[rows[-1][0]] if rows else (0, 0, 0, 0)
        shared = min(bottom, first[3]) - max(top, first[1])
        if rows and shared >= 0.5 * min(bottom - top, first[3] - first[1]):
            rows[-1].append(index)
        else:
            rows.append([index])
    return [groups[index] for row in rows for index in sorted(row, key=lambda one: frames[one][0])]


def _frame(boxes: Boxes) -> Boxes:
    """The box around boxes: left, top, right, bottom."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _cut(ink: Ink, labels: npt.NDArray[np.int32], boxes: Boxes, group: _Group) -> Line:
    """The line's own ink, full ink at 255, with a little paper around it."""
    left, top, right, bottom = _frame(boxes[group.parts]).tolist()
    left, top = max(left - _MARGIN, 0), max(top - _MARGIN, 0)
    right, bottom = min(right + _MARGIN, ink.shape[1]), min(bottom + _MARGIN, ink.shape[0])
    here = labels[top:bottom, left:right]
    mine = np.isin(here, group.parts).astype(np.uint8)
    near = dilated(mine, 3, 3) & ((here == 0).astype(np.uint8) | mine)
    cut = ink[top:bottom, left:right] * near
    full = max(float(np.quantile(cut[mine > 0], 0.9)), float(EDGE))
    levels = np.asarray(cv2.convertScaleAbs(cut, alpha=255 / full), np.uint8)
    return Line(
        ink=levels,
        box=Box(left, top, right - left, bottom - top),
        cells=_extents(boxes[group.parts], group.edges, left, right - left),
    )


def _extents(
    boxes: Boxes, edges: npt.NDArray[np.int64], left: int, width: int
) -> tuple[tuple[int, int], ...]:
    """From where to where the ink of each cell goes, in columns from `left` on."""
    if not len(edges):
        return ()
    cell = np.searchsorted(edges, _middles(boxes))
    extents = []
    for number in np.unique(cell):
        of_cell = boxes[cell == number]
        start, end = int(of_cell[:, 0].min()) - left, int(of_cell[:, 2].max()) - left
        extents.append((max(start - _MARGIN, 0), min(end + _MARGIN, width)))
    return tuple(extents)
