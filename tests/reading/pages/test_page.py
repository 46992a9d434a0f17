"""From a picture to the ink of its lines: sheets, rules, combs, what stands in a line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from indicdigits.reading.answer import Box
from indicdigits.reading.page.corners import find_sheet
from indicdigits.reading.page.ink import EDGE, ink_of
from indicdigits.reading.page.layout import in_picture, quarter_turns, straighten
from indicdigits.reading.page.lines import find_lines
from indicdigits.reading.page.rules import without_rules
from indicdigits.reading.page.upright import skew


def lines_of(picture: np.ndarray):
    ink, rules = without_rules(ink_of(picture))
    return find_lines(ink, rules)


def test_rules_go_and_writing_stays(write):
    """Ruled lines and boxes are taken out, strokes that cross them keep their ink."""
    page = write("40275")
    ink = ink_of(page)
    ruled = page.copy()
    cv2.rectangle(ruled, (60, 120), (840, 330), (90, 100, 130), 3)
    cv2.line(ruled, (20, 262), (880, 262), (90, 100, 130), 2)  # through the feet of the digits
    cleaned, rules = without_rules(ink_of(ruled))
    assert rules.levels.any()
    assert rules.uprights.any()
    written, left = ink >= EDGE, cleaned >= EDGE
    assert (left & written).sum() > 0.97 * written.sum()
    assert (left & ~cv2.dilate(written.astype(np.uint8), np.ones((7, 7))).astype(bool)).sum() < 30


def test_digits_alone_are_no_rules(write):
    """Straight strokes of large digits are not taken for rules."""
    for seed in range(4):
        page = write("1457", height=260, size=(480, 1500), seed=seed)
        ink = ink_of(page)
        cleaned, _ = without_rules(ink)
        assert (cleaned >= EDGE).sum() > 0.98 * (ink >= EDGE).sum()


def test_comb_is_one_number(draw):
    """Cells with a digit each are one line, and its cells are known."""
    lines = lines_of(draw.cheque("09112026", "1", "30487561920"))
    assert sorted(len(line.cells) for line in lines if line.cells) == [8, 11]


def test_columns_are_numbers_of_their_own(draw):
    """Rules between numbers of several digits part them."""
    page, numbers = draw.register()
    lines = lines_of(page)
    assert len(lines) == sum(len(row) for row in numbers)
    assert all(not line.cells for line in lines)


def test_marks_belong_to_their_line(write):
    """A comma is part of its line; a speck far from any line is dirt."""
    page = write("12,345")
    page[20:26, 30:36] = 0
    (line,) = lines_of(page)
    parts = cv2.connectedComponents((line.ink >= EDGE).astype(np.uint8))[0] - 1
    assert parts >= 6
    assert line.box.top > 100


def test_noise_is_no_writing():
    """Salt and pepper is no line."""
    rng = np.random.default_rng(1)
    page = np.full((300, 400), 240, np.uint8)
    page[rng.random(page.shape) < 0.01] = 10
    assert lines_of(page) == []


@pytest.mark.parametrize("angle", [-9.0, -2.5, 0.0, 3.0, 12.0])
def test_skew(draw, angle):
    """The turn of a ruled page is found to a fifth of a degree."""
    page, _ = draw.register()
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 0.8)
    turned = cv2.warpAffine(page, turn, (width, height), borderValue=(238, 232, 214))
    assert abs(skew(ink_of(turned)) - angle) < 0.2


def test_sheet_on_a_desk(draw, write):
    """The corners of a sheet on a darker desk are found, and none where paper fills the picture."""
    page = write("40275")
    photo = draw.photographed(page, 4)
    corners = find_sheet(photo)
    margin = round(0.09 * 900)
    rng = np.random.default_rng(4)
    drawn = np.array([[0, 0], [900, 0], [900, 480], [0, 480]]) + margin
    drawn = drawn + rng.uniform(-0.5, 0.5, (4, 2)) * margin
    assert np.abs(corners - drawn).max() < 0.02 * 900
    assert find_sheet(page) is None


def test_way_back(write):
    """A box of the turned page is, in the picture, around the same pixels."""
    page = write("40275")
    upright = straighten(page)
    whole = Box(0, 0, upright.ink.shape[1], upright.ink.shape[0])
    assert in_picture(whole, upright.to_picture) == Box(0, 0, 900, 480)
    for turns in range(4):
        turned = quarter_turns(upright, turns)
        rows, columns = np.nonzero(turned.ink >= EDGE)
        box = Box(
            int(columns.min()),
            int(rows.min()),
            int(np.ptp(columns)) + 1,
            int(np.ptp(rows)) + 1,
        )
        rows, columns = np.nonzero(upright.ink >= EDGE)
        assert in_picture(box, turned.to_picture) == Box(
            int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
        )
