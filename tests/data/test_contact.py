from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.data import contact, fonts
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from indicdigits.scripts import SCRIPTS
from tests.data.conftest import digits_of


@pytest.mark.parametrize("view", ["both", "raw", "network"])
def test_sheet_of_a_source(fake_mirror: Path, quiet: Reporter, view: contact.View) -> None:
    """A sheet has a row a class and so many pictures in each block, at a size known beforehand."""
    sheet = contact.contact_sheet(
        Source(dataset="cmaterdb/devanagari"),
        "train",
        classes=digits_of("devanagari"),
        root=Path(),
        reporter=quiet,
        samples=4,
        view=view,
    )
    assert sheet.size == contact.sheet_size(10, 4, 1, view)
    assert sheet.mode == "RGB"


def row(text: str, value: int | None, pictures: list[np.ndarray]) -> contact.Row:
    return contact.Row(
        entry=ClassEntry(text=text, value=value), count=7, raw=pictures, network=pictures
    )


def draw(rows: list[contact.Row]) -> np.ndarray:
    return np.asarray(contact.draw(rows, title="t", lines=[], samples=3, view="raw"))


def test_pictures_stand_in_their_rows() -> None:
    """Each class's pictures, of any shape, stand in its own row; missing ones leave paper."""
    red = np.zeros((10, 40, 3), np.uint8)
    red[...] = (255, 0, 0)
    sheet = draw([row("०", 0, []), row("१", 1, [red, red]), row("not a digit", None, [])])
    rows, columns = np.nonzero((sheet == (255, 0, 0)).all(axis=2))
    top = contact.MARGIN + contact.TITLE_HEIGHT + contact.HEADING_HEIGHT
    assert top + contact.CELL + contact.GAP <= rows.min()
    assert rows.max() < top + 2 * (contact.CELL + contact.GAP)
    assert len(rows) == pytest.approx(2 * contact.CELL * contact.CELL / 4, rel=0.1)
    assert columns.max() < contact.MARGIN + contact.LABEL_WIDTH + 2 * (contact.CELL + contact.GAP)


def test_labels_differ_by_class() -> None:
    """A sheet shows each class's own text."""
    sheets = [draw([row(text, None, [])]) for text in ("०", "१", "a long text", "another text")]
    assert len({sheet.tobytes() for sheet in sheets}) == 4


def test_stacked_sheets() -> None:
    """Sheets of several sources stand below each other."""
    whole = contact.stacked([Image.new("RGB", (30, 10)), Image.new("RGB", (20, 15))])
    assert whole.size == (30, 25)


@pytest.mark.parametrize("script", ["bengali", "devanagari", "tamil", "telugu"])
def test_shipped_scripts_have_fonts(script: str) -> None:
    """The digits of every script that ships are drawn with a font that has them."""
    text = "".join(SCRIPTS[script].digits)
    assert fonts.font_path_for(text) is not None
    assert fonts.shown(text) == text


def test_packaged_fonts_are_found_without_asking_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Digits that the kit's own fonts have ask nobody for others."""
    packaged = set(fonts._packaged())
    text = next(
        (digit for script in SCRIPTS.values() for digit in script.digits[5:6]
         if not digit.isascii() and fonts.font_path_for(digit) in packaged), None
    )  # fmt: skip
    if text is None:
        pytest.skip("no font package is installed")
    fonts._path_for.cache_clear()
    fonts._on_system.cache_clear()
    monkeypatch.setattr(fonts.subprocess, "run", lambda *_, **__: pytest.fail("asked the system"))
    assert fonts.font_path_for(text) in packaged


def test_a_script_asks_the_system_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ten digits of a script start one process at most, and are all found again."""
    asked = []

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(words[1])
        return subprocess.CompletedProcess(words, 0, "/fonts/Five.ttf:\n/fonts/Whole.ttf:\n", "")

    digits = SCRIPTS["ol-chiki"].digits
    known = {"Five.ttf": {ord(digits[5])}, "Whole.ttf": set(map(ord, digits))}
    monkeypatch.setattr(fonts, "_packaged", lambda: ())
    monkeypatch.setattr(fonts, "coverage", lambda path: known[path.name])
    monkeypatch.setattr(fonts.shutil, "which", lambda name: name)
    monkeypatch.setattr(fonts.subprocess, "run", run)
    for cached in (fonts._path_for, fonts._on_system):
        cached.cache_clear()
    found = [fonts.font_path_for(digit) for digit in digits]
    assert {path.name for path in found if path} == {"Five.ttf", "Whole.ttf"}
    assert None not in found
    assert len(asked) == 1
    for cached in (fonts._path_for, fonts._on_system):
        cached.cache_clear()


def test_no_font_no_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no font has the digits, their values are shown in Pillow's own font."""
    monkeypatch.setattr(fonts, "_path_for", lambda characters: None)
    assert fonts.shown("೩") == "3"
    assert fonts.shown("கa") == "?a"
    assert fonts.font_for("೩", 20).getbbox("3")[2] > 0
