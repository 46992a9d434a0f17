"""Reads pictures of one digit with a bundle, by OpenCV and numpy alone.

    python read_digit.py devanagari.indicdigits [--graph GRAPH.onnx] PICTURE...

The imaging step is that of docs/bundle.md for grey pictures on even paper. What it leaves out is
coloured, unevenly lit or noisy paper (`indicdigits.imaging.paper`): of such a picture it says so
instead of answering. Digits of several scripts that look alike are not told apart either (step 6).
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

NOT_A_DIGIT = "not a digit"


class Answer(NamedTuple):
    """What was read: the best digit, its probability, and why it is refused, if it is."""

    text: str
    probability: float
    reason: str | None


class Reader:
    """A bundle's network and what must be known to use it.

    Args:
        path: The bundle.
        graph: Another graph file in place of the bundle's own, or None.
    """

    def __init__(self, path: Path, graph: Path | None = None) -> None:
        with zipfile.ZipFile(path) as bundle:
            self.about: dict[str, Any] = json.loads(bundle.read("bundle.json"))
            content = graph.read_bytes() if graph else bundle.read("model.onnx")
        if self.about["schema"] != 1:
            raise ValueError(f"{path}: schema {self.about['schema']}, this example knows 1")
        self.texts = [entry["text"] for entry in self.about["classes"]]
        self._network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))

    def prepare(self, picture: np.ndarray) -> np.ndarray | None:
        """A picture as the network's input uint8 (S,S), or None on paper that is not even."""
        about = self.about["input"]
        return prepare(picture, about["size"], about["normalisation"])

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """Network inputs uint8 (N,S,S) -> float32 (N,classes)."""
        scale = np.float32(self.about["input"]["scaling"]["divide_by"])
        self._network.setInput(np.divide(inputs, scale, dtype=np.float32)[..., None], "image")
        return np.asarray(self._network.forward("probabilities"), np.float32)

    def read(self, picture: np.ndarray) -> Answer:
        """Reads one picture, uint8 (H,W) or (H,W,3)."""
        pixels = self.prepare(picture)
        if pixels is None:
            return Answer("", 0.0, "paper that is not even")
        row = self.probabilities(pixels[None])[0].astype(np.float64)
        temperature = self.about["calibration"]["temperature"]
        if temperature is not None:
            row = np.maximum(row, np.finfo(np.float32).tiny) ** (1 / temperature)
            row /= row.sum()
        digits = [i for i, text in enumerate(self.texts) if text != NOT_A_DIGIT]
        best = max(digits, key=lambda index: row[index])
        reason = self._reason(row, best) if pixels.any() else "no ink found"
        return Answer(self.texts[best], float(row[best]), reason)

    def _reason(self, row: np.ndarray, best: int) -> str | None:
        outside, threshold = self.about["out_of_distribution"], self.about["reject"]["threshold"]
        is_digit = np.array([text != NOT_A_DIGIT for text in self.texts])
        none, digits = row[~is_digit].sum(), row[is_digit].sum()
        if none > row[best] or (outside and none >= outside["threshold"]):
            return NOT_A_DIGIT
        is_digit[best] = False  # what is left are the others
        others = row[is_digit].sum()
        if threshold is not None and 1 - others / digits < threshold:
            return "below threshold"
        return None


def prepare(picture: np.ndarray, size: int, rules: Mapping[str, Any]) -> np.ndarray | None:
    """Any grey picture of one digit on even paper -> light ink on black, of one size, centred.

    Args:
        picture: uint8 (H,W), or (H,W,3) in any order of channels.
        size: Side of the network's input, pixels.
        rules: `input.normalisation` of bundle.json.

    Returns:
        uint8 (size,size), all zero without ink; None where the paper is not even.
    """
    longer = max(picture.shape[:2])
    if longer > rules["work_side"]:
        picture = resized(picture, rules["work_side"] / longer)
    if picture.ndim == 3:
        channels = picture.astype(np.int16)
        if np.abs(np.diff(channels, axis=2)).max() > rules["paper"]["colour"]:
            return None
        picture = picture[..., 1].copy()
    if int(picture.max()) - int(picture.min()) < rules["least_contrast"]:
        return np.zeros((size, size), np.uint8)
    mask = cv2.threshold(picture, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    if not light_is_ink(mask):
        picture, mask = ~picture, 1 - mask
    area = cv2.countNonZero(mask)
    paper = picture.size - area
    ranks = (paper / 4, paper / 2, 3 * paper / 4, paper + rules["ink_quantile"] * area)
    levels = np.bincount(picture.ravel(), minlength=256).cumsum().searchsorted(ranks)
    quarter, median, three_quarters, full = levels.tolist()
    contrast = full - median
    if median - quarter > rules["uneven"] * contrast:
        return None
    if three_quarters - median > rules["shaded"] * contrast:
        return None
    picture, mask = without_specks(picture, mask, median, rules["speck"])
    black = min(median + 3 * (median - quarter), (median + full) // 2)
    ink, full = np.maximum(picture, black) - np.uint8(black), max(full - black, 1)
    left, top, right, bottom = ink_box(ink, mask, rules["fringe"] * full)
    return placed(ink[top:bottom, left:right], full, size, rules)


def light_is_ink(light: np.ndarray) -> bool:
    """Whether the light pixels are ink: paper holds most of area, border and corners."""
    height, width = light.shape
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]]
    share = light.sum() / light.size + border.sum() / (2 * (height + width)) + corners.sum() / 4
    return bool(share <= 1.5)


def without_specks(
    picture: np.ndarray, mask: np.ndarray, paper: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Puts paper in place of parts that are small beside the largest."""
    if len(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]) == 1:
        return picture, mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.append(0, areas >= least * areas.max()).astype(np.uint8)[labels]
    around = np.ones((3, 3), np.uint8)
    specks = cv2.dilate(mask ^ kept, around) > cv2.dilate(kept, around)
    return np.where(specks, np.uint8(paper), picture), kept


def ink_box(ink: np.ndarray, mask: np.ndarray, fringe: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the ink with the strokes' soft edges."""
    left, top, width, height = cv2.boundingRect(mask)
    grow = 1 + max(width, height) // 20
    right, bottom = left + width + grow, top + height + grow
    left, top = max(left - grow, 0), max(top - grow, 0)
    soft = cv2.threshold(ink[top:bottom, left:right], fringe, 1, cv2.THRESH_BINARY)[1]
    x, y, width, height = cv2.boundingRect(soft)
    if not width:
        return left, top, right, bottom
    return left + x, top + y, left + x + width, top + y + height


def placed(ink: np.ndarray, full: float, size: int, rules: Mapping[str, Any]) -> np.ndarray:
    """Scales the box and its ink, and puts its centre of mass into the middle."""
    wanted = round(rules["box"] * size)
    longer = max(ink.shape)
    if abs(longer - wanted) > rules["scale_tolerance"] * wanted:
        ink = resized(ink, wanted / longer)
        if wanted < longer:
            full = min(full, max(int(ink.max()), 1))
    ink = cv2.convertScaleAbs(ink, alpha=255 / full)
    output = np.zeros((size, size), np.uint8)
    moments = cv2.moments(ink)
    if not moments["m00"]:
        return output
    height, width = ink.shape
    x = round(size / 2 - moments["m10"] / moments["m00"])
    y = round(size / 2 - moments["m01"] / moments["m00"])
    x, y = min(max(x, 0), size - width), min(max(y, 0), size - height)
    output[y : y + height, x : x + width] = ink
    return output


def resized(picture: np.ndarray, factor: float) -> np.ndarray:
    """The picture by a factor, averaging where it becomes smaller."""
    height, width = picture.shape[:2]
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, shape, interpolation=how), np.uint8)


def main() -> None:
    """Reads the pictures that the command names."""
    parser = argparse.ArgumentParser(description="Reads pictures of one digit with a bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--graph", type=Path, help="in place of the bundle's own")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    words = parser.parse_args()
    reader = Reader(words.bundle, words.graph)
    for path in words.pictures:
        picture = cv2.imread(path, cv2.IMREAD_COLOR)
        if picture is None:
            sys.exit(f"{path}: no picture")
        text, probability, reason = reader.read(picture)
        print(path, f"not accepted: {reason} (best guess {text})" if reason else text, probability)


if __name__ == "__main__":
    main()
