"""Seams: the cheapest ways from above a line to below it."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from indicdigits.reading.seams import Seams

PAPER, ASLANT, ALONG = 0.02, 0.05, 0.05  # what `seams` says a step costs; one of ink costs 1


def cheapest(mask: np.ndarray) -> float:
    """The price of the cheapest way, by Dijkstra: down, aslant, or along a row, never up."""
    cost = np.where(mask > 0, 1.0, PAPER)
    height, width = mask.shape
    best = np.full(mask.shape, np.inf)
    waiting = [(float(cost[0, column]), 0, column) for column in range(width)]
    while waiting:
        price, row, column = heapq.heappop(waiting)
        if price >= best[row, column]:
            continue
        best[row, column] = price
        steps = [(1, 0, 0.0), (1, -1, ASLANT), (1, 1, ASLANT)]
        steps += [(0, -1, ALONG), (0, 1, ALONG)] if row else []
        for down, right, more in steps:
            y, x = row + down, column + right
            if y < height and 0 <= x < width:
                heapq.heappush(waiting, (price + more + float(cost[y, x]), y, x))
    return float(best[-1].min())


@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_way_is_among_them(seed: int) -> None:
    """Through two blots that touch, the best seam costs what the cheapest of all ways does."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((24, 40), np.uint8)
    mask[3:21, :18] = mask[3:21, 21:] = 1
    mask[10:13, 18:21] = 1  # where they touch
    mask[rng.integers(3, 21, 30), rng.integers(0, 40, 30)] = 0
    mask[rng.integers(5, 19), 18:21] = 1
    found = Seams(mask, 2.0, 18.0).through(0, 0, mask.astype(bool))
    assert 2 * min(seam.ink for seam in found) == pytest.approx(cheapest(mask), rel=1e-5)
    best = min(found, key=lambda seam: seam.ink)
    assert 15 <= best.path[11] <= 24


def test_seams_lie_in_order_and_apart() -> None:
    """Seams run from left to right, each through every row of the line, and part the ink."""
    mask = np.zeros((20, 60), np.uint8)
    for left in (2, 16, 30, 44):
        mask[2:18, left : left + 12] = 1
    mask[9:11, 2:56] = 1
    found = Seams(mask, 2.0, 16.0).through(0, 0, mask.astype(bool))
    means = [float(seam.path.mean()) for seam in found]
    assert means == sorted(means)
    assert all(seam.path.shape == (20,) for seam in found)
    for gap in (15, 29, 43):
        assert any(abs(mean - gap) <= 1.5 for mean in means)
