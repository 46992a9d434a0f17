"""Takes ruled lines, boxes and combs out of a page, and leaves the strokes that cross them.

A rule is long, straight and thin, and far longer than the writing is high; the side of a box may
be shorter, if another rule meets it at both ends. Where the ink across a rule is thicker than the
rule, a stroke passes through: it stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Box, Ink
from indicdigits.reading.page.ink import EDGE, PALE, shrunk
from indicdigits.reading.page.morphology import Mask, closed, dilated, flipped, opened

_MOST_PIXELS = 3_000_000  # of the copy on which rules are looked for
_PIECE = 1 / 48  # least straight piece of a rule, as a part of the page's longer side
_LEAST_PIECE = 20  # pixels
_THIN = 12  # a rule is at least so many times as long as thick
_THICK_SIDE = 5  # and the side of a box so many times
_GRAIN = 3  # pixels; what is no larger is no writing
_LONG = 3.5  # and so many times as long as the writing is high
_SIDE = 1.15  # the same for the side of a box, which others meet at both ends


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a page.

    Attributes:
        levels: (H,W), 1 where the horizontal ones are.
        uprights: (H,W), 1 where the vertical ones are.
    """

    levels: Mask
    uprights: Mask

    def within(self, rows: slice, columns: slice) -> Rules:
        """Those of a part of the page."""
        return Rules(levels=self.levels[rows, columns], uprights=self.uprights[rows, columns])


@dataclass(frozen=True, kw_only=True)
class _Rule:
    box: Box
    thickness: int
    label: int

    @property
    def is_thin(self) -> bool:
        """Whether it is a line rather than a bar."""
        return max(self.box.width, self.box.height) >= _THIN * self.thickness


def without_rules(ink: Ink) -> tuple[Ink, Rules]:
    """The ink without its rules, and the rules.

    Args:
        ink: Of an upright page; not changed.
    """
    # Rules are long: they are found as well on a smaller copy, and sooner.
    factor = max(1.0, (ink.size / _MOST_PIXELS) ** 0.5)
    small = ink if factor == 1 else shrunk(ink, round(max(ink.shape) / factor))
    binary = (small >= PALE).astype(np.uint8)
    piece = max(_LEAST_PIECE, round(_PIECE * max(binary.shape)))
    lying, level_labels = _straight(binary, piece)
    standing, upright_labels = _straight(flipped(binary), piece)
    standing = [_flip(rule) for rule in standing]
    thin = [rule for rule in lying if rule.is_thin], [rule for rule in standing if rule.is_thin]
    levels = [rule for rule in lying if _is_rule(rule, thin[1], 0, level=True)]
    uprights = [rule for rule in standing if _is_rule(rule, thin[0], 0, level=False)]
    chosen = _chosen(level_labels, levels), flipped(_chosen(upright_labels, uprights))
    # How high the writing is, shows when all that may be a rule is away.
    height = typical_height(
        binary & (1 - dilated(chosen[0], 5, 1)) & (1 - dilated(chosen[1], 1, 5))
    )
    levels = [rule for rule in levels if _is_rule(rule, thin[1], height, level=True)]
    uprights = [rule for rule in uprights if _is_rule(rule, thin[0], height, level=False)]
    if not levels and not uprights:
        return ink, Rules(levels=np.zeros_like(ink), uprights=np.zeros_like(ink))
    masks = _chosen(level_labels, levels), flipped(_chosen(upright_labels, uprights))
    if factor > 1:
        masks = _enlarged(masks[0], ink.shape), _enlarged(masks[1], ink.shape)
        levels = [_grown(rule, factor) for rule in levels]
        uprights = [_grown(rule, factor) for rule in uprights]
    return _taken_out(ink, levels, uprights, masks, margin=int(np.ceil(factor - 1)))


def _taken_out(
    ink: Ink,
    levels: list[_Rule],
    uprights: list[_Rule],
    masks: tuple[Mask, Mask],
    *,
    margin: int,
) -> tuple[Ink, Rules]:
    """Takes rules out of the ink.

    Args:
        ink: Of the page.
        levels: The horizontal rules.
        uprights: The vertical ones.
        masks: 1 on the pixels of either.
        margin: By how much they may lie beside them.
    """
    binary = (ink >= EDGE).astype(np.uint8)
    left = _without(binary, levels, masks[0], masks[1], margin)
    turned = [_flip(rule) for rule in uprights]
    across = _without(flipped(left), turned, flipped(masks[1]), flipped(masks[0]), margin)
    left = flipped(across)
    cleaned = ink * dilated(left, 3, 3)
    cleaned[binary > left] = 0
    return cleaned, Rules(levels=masks[0], uprights=masks[1])


def _enlarged(mask: Mask, shape: tuple[int, ...]) -> Mask:
    full = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, np.uint8)


def _grown(rule: _Rule, factor: float) -> _Rule:
    left, top, width, height = (round(value * factor) for value in rule.box)
    thickness = max(1, round(rule.thickness * factor))
    return _Rule(box=Box(left, top, width, height), thickness=thickness, label=rule.label)


def _straight(binary: Mask, piece: int) -> tuple[list[_Rule], npt.NDArray[np.int32]]:
    """Level lines that are thin for their length, and the labels (H,W) of their pixels."""
    pieces = opened(closed(binary, 1, 5), 1, piece)
    # Pieces of one line stand a pixel higher or lower than the next, with gaps between them.
    bridged = closed(pieces, 3, piece)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bridged, connectivity=8)
    rules = []
    for label in range(1, count):
        left, top, width, height, area = stats[label].tolist()
        thickness = max(1, round(area / width))
        if width >= _THICK_SIDE * thickness:
            box = Box(left, top, width, height)
            rules.append(_Rule(box=box, thickness=thickness, label=label))
    return rules, np.asarray(labels, np.int32)


def typical_height(binary: Mask) -> float:
    """The height of the parts that half of the ink belongs to parts smaller than; 0 without."""
    stats = cv2.connectedComponentsWithStats(binary, connectivity=8)[2][1:]
    stats = stats[stats[:, 2:4].max(axis=1) > _GRAIN]
    if not len(stats):
        return 0.0
    heights, areas = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    order = np.argsort(heights)
    share = areas[order].cumsum() / areas.sum()
    return float(heights[order][int(np.searchsorted(share, 0.5))])


def _is_rule(rule: _Rule, others: list[_Rule], height: float, *, level: bool) -> bool:
    """Whether a straight line is a rule: long and thin, or the side of a box."""
    length = rule.box.width if level else rule.box.height
    if length >= _LONG * height and rule.is_thin:
        return True
    return length >= _SIDE * height and _is_side(rule.box, others, level=level)


def _is_side(box: Box, others: list[_Rule], *, level: bool) -> bool:
    """Whether thin lines of the other direction meet it at both ends."""
    ends = (box.left, box.left + box.width) if level else (box.top, box.top + box.height)
    middle = box.top + box.height // 2 if level else box.left + box.width // 2
    return all(
        any(_meets(other.box, end, middle, other.thickness, level) for other in others)
        for end in ends
    )


def _meets(other: Box, end: int, middle: int, thickness: int, level: bool) -> bool:
    """Whether a rule across passes through, or ends at, the end of a candidate."""
    reach = 4 + 2 * thickness
    if level:
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


def _without(binary: Mask, rules: list[_Rule], mask: Mask, across: Mask, margin: int) -> Mask:
    """Takes level rules out, but for what is thicker there than the rule is.

    Args:
        binary: 1 where ink is.
        rules: The rules.
        mask: 1 on their pixels.
        across: 1 on the pixels of rules of the other direction, which are not strokes.
        margin: By how much rules may lie beside the masks.
    """
    left = binary.copy()
    beside = 2 * margin + 3
    strokes = binary & (1 - dilated(across, beside, beside)) if across.any() else binary
    for rule in rules:
        reach = max(2, round(0.75 * rule.thickness)) + margin
        thick = round(1.6 * rule.thickness) + 3
        rows = slice(max(rule.box.top - thick, 0), rule.box.top + rule.box.height + thick)
        columns = slice(rule.box.left, rule.box.left + rule.box.width)
        band = dilated(np.ascontiguousarray(mask[rows, columns]), 2 * reach + 1, 1)
        kept = opened(np.ascontiguousarray(strokes[rows, columns]), thick, 1)
        left[rows, columns] &= 1 - (band & (1 - kept))
    return left
