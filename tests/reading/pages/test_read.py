"""`indicdigits.read`: what a person photographs, and what is said of what is no number."""

from __future__ import annotations

import json
import time

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import indicdigits
from indicdigits.errors import PictureError
from indicdigits.reading.read import FOREIGN

PENS = {"blue": (28, 34, 120), "red": (190, 30, 40), "green": (20, 120, 60), "black": (25, 25, 25)}


def texts(page) -> list[str]:
    return [line.ascii for line in page.lines]


@pytest.mark.parametrize("pen", PENS)
def test_a_few_big_digits_in_lamp_light(page_reader, write, draw, pen):
    """A few big digits on a sheet, photographed on a desk in lamp light, are read."""
    photo = draw.photographed(write("40275", ink=PENS[pen]), seed=len(pen))
    page = page_reader(photo)
    assert texts(page) == ["40275"]
    assert page.lines[0].text == "४०२७५"
    assert not page.notices


def test_shadow_across_the_sheet(page_reader, write):
    """The shadow of a hand changes nothing."""
    page = write("38124").astype(np.float32)
    slope = np.arange(page.shape[1])[None, :] - 1.2 * np.arange(page.shape[0])[:, None]
    light = 1 - 0.6 / (1 + np.exp(-slope / 12))
    assert texts(page_reader((page * light[..., None]).astype(np.uint8))) == ["38124"]


def test_chalk_on_a_board(page_reader, write):
    """Light on dark is read as well."""
    board = write("5071", ink=(230, 230, 225), paper=(30, 52, 44))
    assert texts(page_reader(board)) == ["5071"]


@pytest.mark.parametrize("angle", [-11, -4, 6, 13])
def test_turned(page_reader, write, angle):
    """A turned page is read, and boxes are those of the picture as it came."""
    sheet = write("61948")
    height, width = sheet.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    turned = cv2.warpAffine(sheet, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    page = page_reader(turned)
    assert texts(page) == ["61948"]
    rows, columns = np.nonzero(turned.astype(int).sum(axis=2) < 500)
    left, top, across, down = page.lines[0].box
    assert left <= columns.min() + 3
    assert left + across >= columns.max() - 3
    assert top <= rows.min() + 3
    assert top + down >= rows.max() - 3


def test_register(page_reader, draw):
    """The cells of a ruled page are read row by row, each a number of its own."""
    sheet, numbers = draw.register()
    page = page_reader(draw.photographed(sheet))
    assert texts(page) == [text for row in numbers for text in row]


def test_larger_than_is_worked_on(page_reader, write):
    """Boxes of a picture of more than 16 million pixels are in its own pixels."""
    large = np.full((3600, 5000, 3), 246, np.uint8)
    large[1000:1960, 2000:3800] = cv2.resize(write("7306"), (1800, 960))
    page = page_reader(large)
    assert texts(page) == ["7306"]
    left, top, width, height = page.lines[0].box
    assert 2000 < left < 2300
    assert 1250 < top < 1420
    assert 600 < width < 1500
    assert 200 < height < 330


def test_same_as_the_command(write, command, tmp_path):
    """`indicdigits.read` returns what `indicdigits read --json` prints."""
    Image.fromarray(write("8520")).save(tmp_path / "number.png")
    result = command("read", "number.png", "--script", "devanagari", "--json")
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    read = indicdigits.read(tmp_path / "number.png", script="devanagari")
    assert printed["lines"] == json.loads(json.dumps(read["lines"]))
    line = printed["lines"][0]
    assert line["ascii"] == "8520"
    assert line["text"] == "८५२०"
    assert line["accepted"] is True
    assert 0.5 < line["probability"] <= 1
    assert len(line["box"]) == 4
    assert [digit["text"] for digit in line["digits"]] == list("८५२०")


def test_files_of_several_pages(write, tmp_path):
    """Of several pages one is read, which one is said, and the others can be asked for."""
    sheets = [Image.fromarray(write(text)) for text in ("61", "407")]
    for name in ("two.tif", "two.pdf"):
        sheets[0].save(tmp_path / name, save_all=True, append_images=sheets[1:])
        first = indicdigits.read(tmp_path / name)
        second = indicdigits.read(str(tmp_path / name), page=2)
        assert [line["ascii"] for line in (*first["lines"], *second["lines"])] == ["61", "407"]
        assert first["notices"] == ("this is page 1 of 2: read(…, page=2) reads another",)
        assert (second["page"], second["pages"]) == (2, 2)
        with pytest.raises(PictureError, match="no page 3"):
            indicdigits.read(tmp_path / name, page=3)
    with pytest.raises(PictureError, match="it has one page"):
        indicdigits.read(write("61"), page=2)


def test_blank(page_reader):
    """A blank page, even a shaded and noisy or a black one, has no lines, and that is said."""
    rng = np.random.default_rng(0)
    shade = np.linspace(240, 120, 600)[None, :, None] + rng.normal(0, 4, (500, 600, 3))
    black = np.zeros((300, 400, 3), np.uint8)
    for blank in (np.full((300, 400), 255, np.uint8), shade.astype(np.uint8), black):
        page = page_reader(blank)
        assert page.lines == ()
        assert "blank" in page.notices[0]


def test_upside_down(page_reader, write):
    """A page that stands on its head is turned, and that is said."""
    page = page_reader(np.rot90(write("43825736", size=(480, 1300)), 2).copy())
    assert texts(page) == ["43825736"]
    assert "upside down" in page.notices[0]


def test_register_upside_down(page_reader, draw):
    """A page whose digits look like others on their head is turned as well."""
    sheet, numbers = draw.register(21)
    half = np.vsplit(sheet, [len(sheet) // 2])[0]
    page = page_reader(np.rot90(half, 2).copy())
    assert "upside down" in page.notices[0]
    pairs = list(zip(texts(page), (text for row in numbers for text in row), strict=False))
    assert len(pairs) >= 20
    assert sum(one == other for one, other in pairs) >= len(pairs) - 2


def letters(rows: int, size: int = 48) -> np.ndarray:
    """A page of words, each row the same."""
    step = round(1.8 * size)
    sheet = Image.new("RGB", (24 * size, 80 + rows * step), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size)
    for row in range(rows):
        pen.text((40, 40 + row * step), "Whereas recognition of the inherent", "black", font)
    return np.asarray(sheet)


def test_letters(page_reader):
    """Of a page of letters it is said that these are no digits."""
    page = page_reader(letters(4))
    assert any("hardly anything" in notice for notice in page.notices)
    assert not any(line.accepted for line in page.lines)


def test_many_letters(page_reader):
    """A page of small print costs little, and is not taken for one that stands on its side.

    The lines are 35 letters long: nobody may try all that a line of letters could say.
    """
    sheet = letters(24, size=22)
    started = time.process_time()
    page = page_reader(sheet)
    assert time.process_time() - started < 20
    assert page.notices == (FOREIGN,)
    assert len(page.lines) >= 24


def test_a_number_among_letters(page_reader, write):
    """Where little of a page is numbers, these are read all the same."""
    sheet = np.concatenate([np.pad(letters(8, 22), ((0, 0), (0, 372), (0, 0)), "edge"),
                            write("4027", size=(300, 900), height=48)])  # fmt: skip
    page = page_reader(sheet)
    assert [line.ascii for line in page.lines if line.accepted] == ["4027"]
    assert not page.notices


def test_nothing_fits_the_pattern(write, read, tmp_path):
    """A page of numbers none of which the pattern allows is not called a page of letters."""
    Image.fromarray(write("8520")).save(tmp_path / "number.png")
    for pattern in (r"\d{12}", "[1-7]{3}"):
        code, out, err = read(tmp_path / "number.png", "--pattern", pattern)
        assert code == 0, err
        assert f"nothing on this page fits the pattern '{pattern}'" in out
        assert "letters" not in out
        assert "blank" not in out
        assert "0.0%" not in out  # a guess that nobody would make


def test_one_pixel(page_reader):
    """A picture of one pixel is refused in plain words."""
    with pytest.raises(PictureError, match="1x1 pixels cannot show a digit"):
        page_reader(np.zeros((1, 1), np.uint8))
