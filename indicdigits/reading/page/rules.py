"""Takes ruled lines, boxes and combs out of a page, and leaves the strokes that cross them.

A rule is long, straight and thin, and far longer than the writing is high; the side of a box may
be shorter, if another rule meets it at both ends. Where the ink across a rule is thicker than the
rule, a stroke passes through: it stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Box, Ink
from indicdigits.reading.page.ink import EDGE

Mask = npt.NDArray[np.uint8]  # (H,W) of 0 and 1

_PIECE = 1 / 48  # least straight piece of a rule, as a part of the page's longer side
_LEAST_PIECE = 20  # pixels
_THIN = 12  # a rule is at least so many times as long as thick
_LONG = 3.5  # and so many times as long as the writing is high
_SIDE = 1.15  # the same for the side of a box, which others meet at both ends


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a page.

    Attributes:
        level: Boxes of the horizontal ones.
        upright: Boxes of the vertical ones.
        uprights: (H,W), 1 where the vertical ones are.
    """

    level: list[Box] = field(default_factory=list)
    upright: list[Box] = field(default_factory=list)
    uprights: Mask


@dataclass(frozen=True, kw_only=True)
class _Rule:
    box: Box
    thickness: int
    label: int


def without_rules(ink: Ink) -> tuple[Ink, Rules]:
    """The ink without its rules, and the rules.

    Args:
        ink: Of an upright page; not changed.
    """
    binary = (ink >= EDGE).astype(np.uint8)
    piece = max(_LEAST_PIECE, round(_PIECE * max(ink.shape)))
    level, level_labels = _straight(binary, piece)
    upright, upright_labels = _straight(np.ascontiguousarray(binary.T), piece)
    if not level and not upright:
        return ink, Rules(uprights=np.zeros_like(binary))
    height = _writing_height(binary, level, level_labels, upright, upright_labels)
    flipped = [_flip(rule) for rule in upright]
    level, flipped = (
        [rule for rule in level if _is_rule(rule.box, flipped, height, along=True)],
        [rule for rule in flipped if _is_rule(rule.box, level, height, along=False)],
    )
    level_mask = _chosen(level_labels, level)
    upright_mask = _chosen(upright_labels, flipped)
    upright_here = np.ascontiguousarray(upright_mask.T)
    left = _without(binary, level, level_mask, upright_here)
    left_across = _without(
        np.ascontiguousarray(left.T),
        [_flip(rule) for rule in flipped],
        upright_mask,
        np.ascontiguousarray(level_mask.T),
    )
    near = cv2.dilate(np.ascontiguousarray(left_across.T), np.ones((3, 3), np.uint8))
    removed = binary - left_across.T
    cleaned = cv2.multiply(ink, near)
    cleaned[removed > 0] = 0
    return np.asarray(cleaned, np.uint8), Rules(
        level=[rule.box for rule in level],
        upright=[rule.box for rule in flipped],
        uprights=upright_here,
    )


def _straight(binary: Mask, piece: int) -> tuple[list[_Rule], npt.NDArray[np.int32]]:
    """Level lines that are thin for their length, and the labels (H,W) of their pixels."""
    joined = cv2.morphologyEx(binary, cv2.MORPH_CLOSE, np.ones((1, 5), np.uint8))
    pieces = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, piece), np.uint8))
    # Pieces of one line stand a pixel higher or lower than the next, with gaps between them.
    bridged = cv2.morphologyEx(pieces, cv2.MORPH_CLOSE, np.ones((3, piece), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.asarray(bridged, np.uint8), connectivity=8
    )
    rules = []
    for label in range(1, count):
        left, top, width, height, area = stats[label].tolist()
        thickness = max(1, round(area / width))
        if width >= _THIN * thickness:
            rules.append(
                _Rule(box=Box(left, top, width, height), thickness=thickness, label=label)
            )
    return rules, np.asarray(labels, np.int32)


def _writing_height(
    binary: Mask,
    level: list[_Rule],
    level_labels: npt.NDArray[np.int32],
    upright: list[_Rule],
    upright_labels: npt.NDArray[np.int32],
) -> float:
    """How high the parts are that are left without anything that may be a rule."""
    rest = binary & ~cv2.dilate(_chosen(level_labels, level), np.ones((5, 1), np.uint8))
    across = cv2.dilate(_chosen(upright_labels, upright), np.ones((5, 1), np.uint8))
    return typical_height(rest & ~np.ascontiguousarray(across.T))


def typical_height(binary: Mask) -> float:
    """The height of the parts that half of the ink belongs to parts smaller than; 0 without."""
    stats = cv2.connectedComponentsWithStats(binary, connectivity=8)[2][1:]
    if not len(stats):
        return 0.0
    heights, areas = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    order = np.argsort(heights)
    share = areas[order].cumsum() / areas.sum()
    return float(heights[order][int(np.searchsorted(share, 0.5))])


def _is_rule(box: Box, others: list[_Rule], height: float, *, along: bool) -> bool:
    """Whether a candidate is long enough, alone or as the side of a box."""
    length = box.width if along else box.height
    if length >= _LONG * height:
        return True
    if length < _SIDE * height:
        return False
    ends = (box.left, box.left + box.width) if along else (box.top, box.top + box.height)
    middle = box.top + box.height // 2 if along else box.left + box.width // 2
    return all(
        any(_meets(other.box, end, middle, other.thickness, along) for other in others)
        for end in ends
    )


def _meets(other: Box, end: int, middle: int, thickness: int, along: bool) -> bool:
    """Whether a rule across passes through, or ends at, the end of a candidate."""
    reach = 4 + 2 * thickness
    if along:
        near = other.left - reach <= end <= other.left + other.width + reach
        return near and other.top - reach <= middle <= other.top + other.height + reach
    near = other.top - reach <= end <= other.top + other.height + reach
    return near and other.left - reach <= middle <= other.left + other.width + reach


def _flip(rule: _Rule) -> _Rule:
    left, top, width, height = rule.box
    return _Rule(box=Box(top, left, height, width), thickness=rule.thickness, label=rule.label)


def _chosen(labels: npt.NDArray[np.int32], rules: list[_Rule]) -> Mask:
    wanted = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    wanted[[rule.label for rule in rules]] = 1
    return wanted[labels]


def _without(binary: Mask, rules: list[_Rule], mask: Mask, across: Mask) -> Mask:
    """Takes level rules out, but for what is thicker there than the rule is.

    Args:
        binary: 1 where ink is.
        rules: The rules.
        mask: 1 on their pixels.
        across: 1 on the pixels of rules of the other direction, which are not strokes.
    """
    left = binary.copy()
    strokes = binary & ~cv2.dilate(across, np.ones((3, 3), np.uint8))
    for rule in rules:
        margin = max(2, round(0.75 * rule.thickness))
        thick = round(1.6 * rule.thickness) + 3
        top, bottom = rule.box.top - thick, rule.box.top + rule.box.height + thick
        rows = slice(max(top, 0), bottom)
        columns = slice(rule.box.left, rule.box.left + rule.box.width)
        band = cv2.dilate(mask[rows, columns], np.ones((2 * margin + 1, 1), np.uint8))
        kept = cv2.morphologyEx(
            strokes[rows, columns], cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8)
        )
        left[rows, columns] &= ~(band & ~np.asarray(kept, np.uint8)) & 1
    return left
