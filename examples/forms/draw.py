"""Draws a filled-in cheque and a page of a register, with digits that the project writes itself.

    python examples/forms/draw.py FOLDER

Writes cheque.jpg, cheque-empty.png and register.jpg there, and truth.json: what stands on them.
No data set is needed; the same seed draws the same pictures.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from indicdigits import recipe as recipes
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import parse
from indicdigits.imaging.degrade import degrade
from indicdigits.scripts import get_script

SEED = 8
CHEQUE = (2000, 900)
MARKS = ((60, 60), (1940, 60), (1940, 840), (60, 840), (150, 60))
MARK_SIZE = 36
PRINT, RULE = (70, 70, 90), (120, 130, 150)
COMBS = {"date": (1420, 110, 60, 70, 8), "account": (420, 620, 60, 70, 11)}  # cell size and count
AMOUNT = (1420, 400, 480, 100)
REGISTER = (1700, 2200)


class Hand:
    """Somebody who writes the digits of a script.

    Args:
        script: Its name.
        seed: Who.
    """

    def __init__(self, script: str, seed: int) -> None:
        digits = get_script(script).digits
        strokes = recipes.load(recipes.find(f"scripts/{script}")).strokes
        self._drawer = Drawer(parse({d: strokes[d] for d in digits}, digits), 128)
        self._rng = np.random.default_rng(seed)
        self._writer = self._drawer.writer(self._rng)
        self._digits = digits

    def digit(self, value: int, height: int) -> np.ndarray:
        """A digit's cover, float32 (H,W) from 0 to 1, cut to its ink, about so high."""
        drawn = self._drawer.draw(self._digits[value], self._writer, self._rng).astype(np.float32)
        paper, ink = self._writer.paper, self._writer.ink
        cover = np.clip((paper - drawn) / (paper - ink), 0, 1)
        rows, columns = np.nonzero(cover > 0.2)
        cover = cover[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        factor = height / max(cover.shape[0], 0.75 * cover.shape[1])
        return cv2.resize(cover, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    def line(self, text: str, height: int) -> Iterator[tuple[int, np.ndarray]]:
        """The digits of a number, each with its distance from the left; a comma is a stroke."""
        left = 0
        for char in text:
            cover = _comma(height) if char == "," else self.digit(int(char), height)
            yield left, cover
            left += cover.shape[1] + int(height * self._rng.uniform(0.12, 0.3))


def _comma(height: int) -> np.ndarray:
    cover = np.zeros((height, height // 5), np.float32)
    cv2.line(cover, (height // 6, int(0.82 * height)), (1, height - 2), 1.0, max(2, height // 14))
    return cover


def cheque(date: str, amount: str, account: str, *, filled: bool = True) -> np.ndarray:
    """A cheque, uint8 (H,W,3) RGB; empty where not `filled`."""
    sheet = Image.new("RGB", CHEQUE, (247, 248, 240))
    draw = ImageDraw.Draw(sheet)
    for x, y in MARKS:
        half = MARK_SIZE // 2
        draw.rectangle((x - half, y - half, x + half - 1, y + half - 1), fill=(20, 20, 20))
    large, small = ImageFont.load_default(44), ImageFont.load_default(28)
    draw.text((120, 110), "EXAMPLE BANK", PRINT, large)
    draw.text((120, 170), "Not a cheque. Drawn to be read.", PRINT, small)
    draw.text((1320, 130), "Date", PRINT, small)
    for row, word in ((300, "Pay"), (420, "Rupees"), (510, "")):
        draw.text((120, row - 36), word, PRINT, small)
        draw.line((240, row, 1300 if row > 300 else 1880, row), RULE, 3)
    draw.text((1350, 432), "Rs.", PRINT, small)
    draw.text((120, 640), "Account number", PRINT, small)
    draw.text((1450, 740), "Signature", PRINT, small)
    for left, top, width, height, count in COMBS.values():
        for cell in range(count):
            box = (left + cell * width, top, left + (cell + 1) * width, top + height)
            draw.rectangle(box, outline=RULE, width=3)
    left, top, width, height = AMOUNT
    draw.rectangle((left, top, left + width, top + height), outline=RULE, width=3)
    page = np.asarray(sheet).copy()
    if filled:
        hand = Hand("devanagari", SEED)
        for text, comb in ((date, COMBS["date"]), (account, COMBS["account"])):
            _fill_comb(page, hand, text, comb)
        _write(page, hand, amount, left + 40, top + 22, 56)
    return page


def register(seed: int = SEED) -> tuple[np.ndarray, list[list[str]]]:
    """A page of a register, uint8 (H,W,3) RGB, and its numbers row by row."""
    rng = np.random.default_rng(seed)
    sheet = Image.new("RGB", REGISTER, (238, 232, 214))
    draw = ImageDraw.Draw(sheet)
    columns, rows, pitch = (120, 420, 820, 1240, 1580), 14, 130
    top = 200
    for row in range(rows + 1):
        draw.line((columns[0], top + row * pitch, columns[-1], top + row * pitch), RULE, 3)
    for column in columns:
        draw.line((column, top, column, top + rows * pitch), RULE, 3)
    page = np.asarray(sheet).copy()
    hand = Hand("devanagari", seed + 1)
    numbers = []
    for row in range(rows):
        lengths = (3, 4, 5, 4)
        numbers.append(["".join(map(str, rng.integers(0, 10, n))) for n in lengths])
        for column, text in zip(columns, numbers[-1], strict=False):
            _write(page, hand, text, column + 40, top + row * pitch + 38, 54)
    return page, numbers


def _fill_comb(
    page: np.ndarray, hand: Hand, text: str, comb: tuple[int, int, int, int, int]
) -> None:
    left, top, width, height, _ = comb
    for cell, char in enumerate(text):
        cover = hand.digit(int(char), round(0.58 * height))
        x = left + cell * width + (width - cover.shape[1]) // 2
        _ink(page, cover, x, top + (height - cover.shape[0]) // 2)


def _write(page: np.ndarray, hand: Hand, text: str, left: int, top: int, height: int) -> None:
    for right, cover in hand.line(text, height):
        _ink(page, cover, left + right, top + (height - cover.shape[0]) // 2)


def _ink(page: np.ndarray, cover: np.ndarray, left: int, top: int) -> None:
    """Lays blue ink on a page."""
    part = page[top : top + cover.shape[0], left : left + cover.shape[1]]
    ink = np.array([28, 34, 120], np.float32)
    part[:] = part + (ink - part) * cover[: part.shape[0], : part.shape[1], None]


def photographed(page: np.ndarray, seed: int = SEED) -> np.ndarray:
    """The page on a desk, seen a little from aside in the light of a lamp; RGB."""
    rng = np.random.default_rng(seed)
    height, width = page.shape[:2]
    margin = round(0.09 * max(height, width))
    size = (width + 2 * margin, height + 2 * margin)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners + margin + rng.uniform(-0.5, 0.5, (4, 2)).astype(np.float32) * margin
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    desk = np.full((size[1], size[0], 3), (96, 72, 58), np.uint8)
    seen_page = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size)[..., None]
    photo = desk * (1 - cover) + seen_page * cover
    light = degrade(np.full(size[::-1], 255, np.uint8), "shade", rng, 0.6).astype(np.float32) / 255
    photo = photo * light[..., None] * (1.0, 0.95, 0.86) + rng.normal(0, 3, photo.shape)
    return cv2.GaussianBlur(np.clip(photo, 0, 255).astype(np.uint8), (0, 0), 0.8)


def _save(page: np.ndarray, path: Path) -> None:
    Image.fromarray(page).save(path, quality=85)


def main(folder: Path) -> None:
    """Draws everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    filling = {"date": "09112026", "amount": "12,34,567", "account": "30487561920"}
    _save(photographed(cheque(**filling)), folder / "cheque.jpg")
    _save(cheque(**filling, filled=False), folder / "cheque-empty.png")
    page, numbers = register()
    _save(photographed(page), folder / "register.jpg")
    truth = {"cheque": filling, "register": numbers}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
