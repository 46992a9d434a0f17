"""Draws docs/pictures/effects.png: every effect at three strengths, on two digits.

    python tools/effects.py

The digits are pictures of MNIST's training part, drawn as dark ink on light paper.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.source import load_split
from indicdigits.imaging.degrade import EFFECTS, degrade
from indicdigits.progress import Reporter

TARGET = Path(__file__).parent.parent / "docs" / "pictures" / "effects.png"
DIGITS = (4, 7)  # places in the training part: two shapes that are easily told apart
STRENGTHS = (0.25, 0.5, 1.0)
COLUMNS, ENLARGED, LABEL, GAP = 3, 2, 118, 4


def row(name: str, pictures: np.ndarray) -> np.ndarray:
    """One effect: its name, then the digits at each strength, uint8 (H,W)."""
    cells = []
    for strength in STRENGTHS:
        for place, picture in enumerate(pictures):
            worse = degrade(255 - picture, name, np.random.default_rng(place + 3), strength)
            large = cv2.resize(worse, None, fx=ENLARGED, fy=ENLARGED, interpolation=0)
            cells.append(np.pad(large, GAP // 2, constant_values=255))
    label = np.full((cells[0].shape[0], LABEL), 255, np.uint8)
    place, font = (2, label.shape[0] // 2 + 5), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(label, name.replace("_", " "), place, font, 0.42, 40, 1, cv2.LINE_AA)
    gap = np.full((label.shape[0], 3 * GAP), 255, np.uint8)
    return np.hstack([label, *cells, gap])


def main() -> None:
    """Draws the sheet, MNIST-C first."""
    file = recipes.find("mnist-cnn")
    recipe = recipes.load(file)
    train = load_split(
        recipe.data.sources[0],
        "train",
        size=28,
        classes=recipe.labels,
        root=file.parent,
        reporter=Reporter(quiet=True),
    )
    rows = [row(name, train.images[list(DIGITS)]) for name in EFFECTS]
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % COLUMNS)
    height = len(rows) // COLUMNS
    parts = [np.vstack(rows[start : start + height]) for start in range(0, len(rows), height)]
    cv2.imwrite(str(TARGET), np.hstack(parts), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
