"""From the ink of a glyph to centre lines that the drawer can write.

The ink is thinned to a skeleton (Zhang and Suen 1984, scikit-image's), the skeleton's pixels
become a graph, short spurs that thinning leaves at corners and serifs are cut off, and at every
crossing the two lines that go straight on are one stroke. What is left is simplified to the few
points that a recipe's strokes have.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from indicdigits.data.strokes.shapes import Stroke, Variant

Point = tuple[int, int]
Path = list[Point]

SPUR = 0.75  # of the pen's width there: a loose end that is shorter is no stroke
DETAIL = 0.012  # of the glyph's side, that a simplified line may be off
STRAIGHT = -0.35  # cosine between two branches up to which a stroke goes on through a crossing
CORNER = 0.35  # cosine of the turn above which a point is no corner: 70 degrees
REACH = 0.09  # of the side, over which directions are taken
BOX = (0.13, 0.87)  # of the unit square, that the longer side fills
NEIGHBOURS = ((-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


def strokes_of(ink: npt.NDArray[np.bool_]) -> Variant:
    """The strokes of a glyph.

    Args:
        ink: (H, W), true where there is ink.

    Returns:
        Strokes in the unit square, longest first; none where there is no ink.
    """
    padded = np.pad(ink, 2)
    side = max(ink.shape)
    width = 2 * ndimage.distance_transform_edt(padded)
    skeleton = {(int(y), int(x)) for y, x in np.argwhere(skeletonize(padded))}
    branches = _pruned(list(_branches(skeleton)), width)
    paths = sorted(_joined(branches, side), key=len, reverse=True)
    lines = [line for path in paths if (line := _simplified(path, side)) is not None]
    return in_square(lines)


def _around(point: Point, skeleton: set[Point]) -> list[Point]:
    """The neighbours of a pixel; a diagonal one only where no straight way leads there."""
    y, x = point
    near = [(y + dy, x + dx) for dy, dx in NEIGHBOURS[:4] if (y + dy, x + dx) in skeleton]
    near += [
        (y + dy, x + dx)
        for dy, dx in NEIGHBOURS[4:]
        if (y + dy, x + dx) in skeleton
        and (y + dy, x) not in skeleton
        and (y, x + dx) not in skeleton
    ]
    return near


def _branches(skeleton: set[Point]) -> Iterator[Path]:
    """Paths between ends and crossings, both included; rings begin and end at one pixel."""
    near = {point: _around(point, skeleton) for point in skeleton}
    nodes = {point for point, others in near.items() if len(others) != 2}
    walked: set[tuple[Point, Point]] = set()
    seen: set[Point] = set(nodes)
    for node in sorted(nodes):
        if not near[node]:
            yield [node]
        for first in near[node]:
            if (node, first) in walked:
                continue
            path = [node, first]
            while path[-1] not in nodes:
                seen.add(path[-1])
                before = path[-2]
                path.append(next(point for point in near[path[-1]] if point != before))
            walked |= {(path[0], path[1]), (path[-1], path[-2])}
            yield path
    for start in sorted(skeleton):
        if start in seen:
            continue
        ring = [start, near[start][0]]
        while ring[-1] != start:
            before = ring[-2]
            ring.append(next(point for point in near[ring[-1]] if point != before))
        seen.update(ring)
        yield ring


def _pruned(branches: list[Path], width: npt.NDArray[np.float64]) -> list[Path]:
    """Without loose ends that are shorter than the pen is wide, unless nothing else is there."""
    ends: dict[Point, int] = {}
    for path in branches:
        for end in (path[0], path[-1]):
            ends[end] = ends.get(end, 0) + 1

    def is_spur(path: Path) -> bool:
        loose = [ends[end] == 1 for end in (path[0], path[-1])]
        fixed = path[-1] if loose[0] else path[0]
        return any(loose) and not all(loose) and len(path) < SPUR * width[fixed]

    kept = [path for path in branches if not is_spur(path)]
    return kept or branches


def _joined(branches: list[Path], side: int) -> list[Path]:
    """Branches that go straight on through a crossing become one path."""
    paths = [list(path) for path in branches]
    reach = max(3, round(REACH * side))
    while True:
        ends: dict[Point, list[tuple[int, bool]]] = {}
        for index, path in enumerate(paths):
            if path[0] != path[-1]:
                ends.setdefault(path[0], []).append((index, False))
                ends.setdefault(path[-1], []).append((index, True))
        pairs = []
        for members in ends.values():
            for number, (one, one_last) in enumerate(members):
                for other, other_last in members[number + 1 :]:
                    if one == other:
                        continue
                    cosine = _leaving(paths[one], one_last, reach) @ _leaving(
                        paths[other], other_last, reach
                    )
                    if cosine < STRAIGHT or len(members) == 2:
                        pairs.append((cosine, one, one_last, other, other_last))
        if not pairs:
            return paths
        _, one, one_last, other, other_last = min(pairs)
        first = paths[one] if one_last else paths[one][::-1]
        second = paths[other][::-1] if other_last else paths[other]
        merged = first + second[1:]
        paths = [path for i, path in enumerate(paths) if i not in (one, other)] + [merged]


def _leaving(path: Path, last: bool, reach: int) -> npt.NDArray[np.float64]:
    """The direction, of length 1, in which a path leaves its first or last point."""
    points = np.array(path[::-1] if last else path, float)
    step = points[min(reach, len(points) - 1)] - points[0]
    return np.asarray(step / max(float(np.hypot(*step)), 1e-9))


def _simplified(path: Path, side: int) -> tuple[npt.NDArray[np.float64], list[bool], bool] | None:
    """Points (N, 2) as x, y in pixels, corners, whether it is closed; None for next to nothing."""
    closed = path[0] == path[-1] and len(path) > 3
    pixels = np.array(path, float)[:, ::-1]
    if len(path) < 2:  # a dot
        x, y = pixels[0]
        return np.array([[x - 1, y], [x + 1, y]]), [False, False], False
    # Thinning leaves stairs: a line is the running mean of its pixels.
    smooth = ndimage.uniform_filter1d(pixels, 7, axis=0, mode="wrap" if closed else "nearest")
    if not closed:
        smooth[0], smooth[-1] = pixels[0], pixels[-1]
    line = smooth[:-1] if closed else smooth
    kept = cv2.approxPolyDP(line.astype(np.float32)[:, None], DETAIL * side, closed)[:, 0]
    if closed and len(kept) < 4:
        kept = line[np.linspace(0, len(line), 6, endpoint=False).astype(int)].astype(np.float32)
    if len(kept) < 2:
        return None
    corners = [_is_corner(line, point, side, closed) for point in kept]
    return kept.astype(float), corners, closed


def _is_corner(
    line: npt.NDArray[np.float64], point: npt.NDArray[np.float32], side: int, closed: bool
) -> bool:
    at = int(np.hypot(*(line - point).T).argmin())
    reach = max(3, round(REACH * side))
    if closed:
        before, after = line[(at - reach) % len(line)], line[(at + reach) % len(line)]
    elif reach <= at < len(line) - reach:
        before, after = line[at - reach], line[at + reach]
    else:
        return False
    one, two = line[at] - before, after - line[at]
    return bool(one @ two < CORNER * np.hypot(*one) * np.hypot(*two))


def in_square(
    lines: list[tuple[npt.NDArray[np.float64], list[bool], bool]],
) -> Variant:
    """Lines as strokes in the unit square, the longer side of their box filling `BOX`.

    Args:
        lines: Of each its points (N, 2) as x, y in any unit, which of them are corners, and
            whether it is closed.
    """
    if not lines:
        return ()
    everything = np.concatenate([points for points, _, _ in lines])
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (BOX[1] - BOX[0]) / max(float((high - low).max()), 1e-9)
    strokes = []
    for points, corners, closed in lines:
        places = np.round((points - (low + high) / 2) * scale + 0.5, 4)
        kept = [0]
        for index in range(1, len(places)):
            if np.hypot(*(places[index] - places[kept[-1]])) > 0.004:
                kept.append(index)
        if len(kept) < 2:
            continue
        strokes.append(
            Stroke(
                points=tuple((float(x), float(y)) for x, y in places[kept]),
                corners=tuple(corners[index] for index in kept),
                closed=closed and len(kept) >= 3,
            )
        )
    return tuple(strokes)
