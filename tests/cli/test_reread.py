"""`indicdigits reread`: numbers of another OCR's file, read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.cli.app import main
from indicdigits.runtime.reader import load

HOCR = """<html><body><div class='ocr_page' title='bbox 0 0 220 60'>
<span class='ocrx_word' title='bbox 5 10 20 40; x_wconf 40'>No</span>
<span class='ocrx_word' title='bbox 72 16 128 44; x_wconf 40'>178</span>
</div></body></html>
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page on which stands १२३, handwritten, and what another OCR made of it.

    Its box begins behind the first digit.
    """
    digits = load("devanagari").bundle.golden.inputs[1:4]
    sheet = np.full((60, 220), 235, np.uint8)
    sheet[16:44, 44:128] = 235 - (0.8 * np.hstack(list(digits))).astype(np.uint8)
    Image.fromarray(sheet).save(tmp_path / "page.png")
    (tmp_path / "page.hocr").write_text(HOCR, encoding="utf-8")
    return tmp_path


def run(page: Path, *words: str) -> int:
    line = ["reread", str(page / "page.png"), str(page / "page.hocr"), "-o", str(page / "new.hocr")]
    with pytest.raises(SystemExit) as ended:
        main([*line, *words])
    return int(ended.value.code or 0)


def test_numbers_are_read_again(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The number is read where it stands, beyond its box too, and words stay as they are."""
    assert run(page) == 0
    shown = capsys.readouterr().out
    assert "1 of 1 words read again" in shown
    assert "178 → १२३" in shown
    lines = (page / "new.hocr").read_text(encoding="utf-8").splitlines()
    assert lines[2].endswith(">१२३</span>")
    assert "x_wconf 40" not in lines[2]
    assert [lines[n] for n in (0, 1, 3)] == [HOCR.splitlines()[n] for n in (0, 1, 3)]


def test_for_machines(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json and --ascii: before, after, probability and place of every numeric word."""
    assert run(page, "--json", "--ascii") == 0
    (word,) = json.loads(capsys.readouterr().out)["words"]
    assert (word["before"], word["text"], word["box"]) == ("178", "123", [72, 16, 56, 28])
    assert 0.5 < word["probability"] <= 1


def test_bad_files(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no hOCR or ALTO ends with exit code 4, and nothing is written."""
    (page / "page.hocr").write_text("12 is no XML")
    assert run(page) == 4
    assert "no well-formed XML" in capsys.readouterr().err
    assert not (page / "new.hocr").exists()
    (page / "page.hocr").unlink()
    assert run(page) == 2
