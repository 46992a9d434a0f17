"""From the points of a stroke to points along its curve, as one matrix product.

A centripetal Catmull-Rom curve with fixed knots is linear in its points. The matrices are made
once for a variant; drawing it with jittered points is then a single product.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from indicdigits.data.strokes.shapes import Stroke, Variant

FloatArray = npt.NDArray[np.float64]
FULL_FREEDOM = 0.16  # distance between points from which on they move as they like
SPACING = 0.035  # between samples of a curve, in units of the square; two pixels of sixty-four


@dataclass(frozen=True)
class Curve:
    """A variant, ready to be drawn with its N points moved about; S samples, K strokes.

    Attributes:
        points: (N, 2) the points of all strokes, in the unit square.
        sharp: (S, N) samples of the curves with their corners kept.
        rounded: (S, N) what is added to `sharp` to go smoothly through the corners.
        relaxed: (S, N) what is added to cut every bend short: each inner point moves to the
            middle between its neighbours.
        freedom: (N, N) independent noise of unit size -> displacements of the points that are
            alike for neighbours, and smaller where points stand close: a hand wavers, but does
            not tie a small loop into a knot.
        room: Free width for the pen: the area of the shape's box over the length of its line.
        stroke: (S,) the index of each sample's stroke.
        progress: (S,) how far along its stroke a sample lies, 0 to 1.
        starts: (K + 1,) where each stroke's samples start; the last entry is S.
        closed: (K,) whether a stroke returns to its first point.
    """

    points: FloatArray
    sharp: FloatArray
    rounded: FloatArray
    relaxed: FloatArray
    freedom: FloatArray
    room: float
    stroke: npt.NDArray[np.intp]
    progress: FloatArray
    starts: npt.NDArray[np.intp]
    closed: npt.NDArray[np.bool_]


def compile_variant(variant: Variant) -> Curve:
    """Makes the matrices of a variant."""
    blocks = [_stroke_blocks(stroke) for stroke in variant]
    counts = [len(progress) for _, _, _, progress in blocks]
    sharp, rounded, relaxed = (_diagonal([block[kind] for block in blocks]) for kind in range(3))
    points = np.concatenate([np.array(stroke.points) for stroke in variant])
    return Curve(
        points=points,
        sharp=sharp,
        rounded=rounded,
        relaxed=relaxed,
        freedom=_diagonal([_freedom(stroke) for stroke in variant]),
        room=_room(sharp @ points, np.cumsum(counts)),
        stroke=np.repeat(np.arange(len(variant)), counts),
        progress=np.concatenate([block[3] for block in blocks]),
        starts=np.concatenate([[0], np.cumsum(counts)]),
        closed=np.array([stroke.closed for stroke in variant]),
    )


def lines_of(variant: Variant) -> list[FloatArray]:
    """The line of each stroke as it stands, (S, 2) as x, y, with its corners kept."""
    lines = []
    for stroke in variant:
        points = np.array(stroke.points)
        lines.append(_curve(points, _runs(stroke.corners, stroke.closed)) @ points)
    return lines


def _stroke_blocks(stroke: Stroke) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    points = np.array(stroke.points)
    sharp = _curve(points, _runs(stroke.corners, stroke.closed))
    smooth = _curve(points, _runs((False,) * len(points), stroke.closed))
    # both follow the same segments with the same number of samples, but a closed stroke with
    # corners starts at one of them
    if stroke.closed and any(stroke.corners):
        first = stroke.corners.index(True)
        turned = np.roll(np.arange(len(points)), -first)
        smooth = _curve(points, [_Run(indices=(*turned, turned[0]), closed=True)])
    relaxed = sharp @ _towards_middle(len(points), stroke.closed)
    places = sharp @ points
    steps = np.hypot(*np.diff(places, axis=0).T)
    progress = np.concatenate([[0.0], np.cumsum(steps)]) / max(steps.sum(), 1e-9)
    return sharp, smooth - sharp, relaxed, progress


@dataclass(frozen=True)
class _Run:
    """Points between two corners; `closed` when the run is smooth at its joint as well."""

    indices: tuple[int, ...]
    closed: bool


def _runs(corners: tuple[bool, ...], closed: bool) -> list[_Run]:
    count = len(corners)
    if closed and not any(corners):
        return [_Run(indices=(*range(count), 0), closed=True)]
    path = list(range(count))
    if closed:
        first = corners.index(True)
        path = path[first:] + path[: first + 1]
    breaks = [
        place for place, index in enumerate(path) if corners[index] and 0 < place < len(path) - 1
    ]
    edges = [0, *breaks, len(path) - 1]
    return [
        _Run(indices=tuple(path[start : end + 1]), closed=False) for start, end in pairwise(edges)
    ]


def _curve(points: FloatArray, runs: list[_Run]) -> FloatArray:
    """(S, N) weights of the points in each sample of the curve through all runs."""
    unit = np.eye(len(points))
    rows = []
    for run in runs:
        weights = unit[list(run.indices)]
        if run.closed:
            before, after = weights[-2], weights[1]
        else:  # a phantom point beyond either end, mirrored
            before, after = 2 * weights[0] - weights[1], 2 * weights[-1] - weights[-2]
        controls = np.concatenate([before[None], weights, after[None]])
        for index in range(len(weights) - 1):
            rows.append(_segment(controls[index : index + 4], points))
    rows.append(unit[[runs[-1].indices[-1]]])
    return np.concatenate(rows)


def _segment(controls: FloatArray, points: FloatArray) -> FloatArray:
    """Samples from the second to before the third of four controls (Barry and Goldman)."""
    places = controls @ points
    gaps = np.hypot(*np.diff(places, axis=0).T)
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(gaps, 1e-6)))])
    samples = max(int(np.ceil(gaps[1] / SPACING)), 1)
    at = np.linspace(knots[1], knots[2], samples, endpoint=False)[:, None]

    def blend(low: int, high: int, left: FloatArray, right: FloatArray) -> FloatArray:
        share = (at - knots[low]) / (knots[high] - knots[low])
        return (1.0 - share) * left + share * right

    first = [blend(i, i + 1, controls[i][None], controls[i + 1][None]) for i in range(3)]
    second = [blend(i, i + 2, first[i], first[i + 1]) for i in range(2)]
    return blend(1, 2, second[0], second[1])


def _towards_middle(count: int, closed: bool) -> FloatArray:
    """(N, N): from each point to the middle between its neighbours; the ends stay."""
    move = -np.eye(count)
    for index in range(count):
        move[index, index - 1] += 0.5
        move[index, (index + 1) % count] += 0.5
    if not closed:
        move[[0, -1]] = 0.0
    return move


def _freedom(stroke: Stroke) -> FloatArray:
    points = np.array(stroke.points)
    path = np.concatenate([points, points[:1]]) if stroke.closed else points
    gaps = np.hypot(*np.diff(path, axis=0).T)
    # the gaps before and after each point; an end has but one
    before = np.roll(gaps, 1) if stroke.closed else np.concatenate([gaps[:1], gaps])
    after = gaps if stroke.closed else np.concatenate([gaps, gaps[-1:]])
    near = (before + after) / 2.0
    blur = np.eye(len(points)) + _towards_middle(len(points), stroke.closed) * 0.6
    blur /= np.sqrt((blur**2).sum(axis=1, keepdims=True))
    return np.clip(near / FULL_FREEDOM, 0.2, 1.2)[:, None] * blur


def _room(line: FloatArray, ends: npt.NDArray[np.intp]) -> float:
    steps = np.hypot(*np.diff(line, axis=0).T)
    steps[ends[:-1] - 1] = 0.0  # from one stroke to the next
    width, height = line.max(axis=0) - line.min(axis=0)
    # a straight line has no box to speak of
    return float(max(width * height, 0.3 * max(width, height) ** 2) / steps.sum())


def _diagonal(blocks: list[FloatArray]) -> FloatArray:
    rows, columns = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    whole = np.zeros((rows, columns))
    row = column = 0
    for block in blocks:
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole
