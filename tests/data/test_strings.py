"""Lines composed of digits: seeded, in one hand, spaced as asked, with the truth beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from indicdigits.data.marks import MARKS, draw
from indicdigits.data.strings import Pool, Spacing, Style, compose


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Two writers' rings with a stroke, one thin and one thick, dark on light."""
    pictures, values, writers = [], [], []
    for writer, thickness in (("thin", 2), ("thick", 5)):
        for value in range(10):
            picture = np.full((32, 32), 255, np.uint8)
            cv2.ellipse(picture, (16, 16), (6 + value // 3, 11), 0, 0, 360, 0, thickness)
            pictures.append(picture)
            values.append(value)
            writers.append(writer)
    return Pool.of(pictures, values, np.array(writers))


def parts(ink: np.ndarray) -> int:
    return cv2.connectedComponents(np.asarray(ink >= 96, np.uint8), connectivity=8)[0] - 1


@pytest.mark.parametrize(("spacing", "count"), [("apart", 6), ("overlapping", 6), ("touching", 1)])
def test_spacing_is_as_asked(pool: Pool, spacing: Spacing, count: int) -> None:
    """Digits apart or overlapping are parts of their own; touching ones hang together."""
    rng = np.random.default_rng(0)
    style = Style(spacing=spacing, wobble=0.02)
    found = [parts(compose("102938", pool, rng, style).ink) for _ in range(10)]
    assert found == [count] * 10


def test_the_truth_stands_beside(pool: Pool) -> None:
    """Boxes run from left to right and hold the ink; each pixel says whose it is."""
    line = compose("-12,34,567.80/-", pool, np.random.default_rng(1), Style(spacing="apart"))
    assert line.text == "-12,34,567.80/-"
    assert len(line.boxes) == len(line.text)
    lefts = [box.left for box in line.boxes]
    assert lefts == sorted(lefts)
    assert set(np.unique(line.owner)) == {-1, *range(len(line.text))}
    assert ((line.owner >= 0) == (line.ink >= 96)).all()
    assert [int(pool.values[n]) for n in line.digits] == [int(c) for c in line.text if c.isdigit()]


def test_one_writer_and_one_seed(pool: Pool) -> None:
    """A line is of one writer where writers are known, and the same seed is the same line."""
    one, two = (compose("314159", pool, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.ink, two.ink)
    assert pool.writers is not None
    assert len({str(pool.writers[n]) for n in one.digits}) == 1


def test_a_pseudo_writer_keeps_to_a_stroke_width(pool: Pool) -> None:
    """Without writers, a line keeps to digits that look alike."""
    unknown = Pool(inks=pool.inks * 30, values=np.tile(pool.values, 30), writers=None,
                   looks=np.tile(pool.looks, (30, 1)))  # fmt: skip
    rng = np.random.default_rng(2)
    for _ in range(5):
        line = compose("5555", unknown, rng)
        widths = pool.looks[np.array(line.digits) % len(pool), 0]
        assert np.ptp(widths) < np.ptp(pool.looks[pool.values == 5, 0])


@pytest.mark.parametrize("mark", list(MARKS))
def test_marks_are_drawn_with_the_pen_of_the_line(mark: str) -> None:
    """A mark is of ink, and thicker where the pen is."""
    thin, thick = (draw(mark, 40, s, np.random.default_rng(3)) for s in (2.0, 6.0))
    assert thin.max() > 200
    assert np.count_nonzero(thick >= 96) > 1.5 * np.count_nonzero(thin >= 96)
