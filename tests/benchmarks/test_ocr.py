"""What the comparison with OCR programs counts, shows and says."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import ocr
import pytest
from peers.ocr import PROGRAMS, Program, shown, value_of

ZERO = "०"


@pytest.mark.parametrize(
    ("text", "value"),
    [("७", 7), (" ७\n", 7), ("7", 7), ("क७", 7), ("१७७", 7), ("७१", 7), ("", None), ("ক৭x", None)],
)
def test_any_digit_counts(text: str, value: int | None) -> None:
    """A program's text is read kindly: the commonest digit, of the script or of 0 to 9."""
    assert value_of(text, ZERO) == value


def test_crops_are_enlarged_with_a_margin() -> None:
    """A crop is shown at the height asked for, once or more beside itself, on white."""
    crop = np.zeros((32, 16), np.uint8)
    one = shown(crop, {"height": 64, "margin": 0.5})
    assert one.shape == (128, 96)
    assert one[0, 0] == 255
    assert one[64, 48] == 0
    three = shown(crop, {"height": 64, "margin": 0.5, "copies": 3, "smooth": True})
    assert three.shape == (128, 3 * 32 + 2 * 16 + 64)
    assert (three[64] < 128).sum() == pytest.approx(96, abs=6)


def program(**changes: Any) -> Program:
    """A program that reads "7" in what is shown in black, and nothing else."""
    fields: dict[str, Any] = {
        "name": "Blind",
        "missing": lambda: None,
        "options": lambda script: {"eye": ("shut", "open"), "glasses": (False, True)},
        "open": lambda setting, digits: (
            lambda crop: digits[7] if setting["eye"] == "open" and crop.max() == 0 else "x"
        ),
        "note": "",
    }
    return Program(**(fields | changes))


def test_the_best_setting_is_searched_for_on_training_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Settings are tried on training pictures alone; the test part is read once, with the best."""
    asked: list[str] = []

    def crops(script: str, part: str, count: int | None = None) -> Any:
        asked.append(part)
        return [np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)], [7, 3]

    monkeypatch.setattr(ocr, "crops", crops)
    found = ocr.peer(program(), "devanagari")
    assert asked == ["train", "test"]
    assert found["setting"] == {"eye": "open", "glasses": False}
    assert (found["right"], found["wrong"], found["no_digit"]) == (1, 1, 1)
    assert found["wrong_at"] == [1]
    assert [one["right"] for one in found["tried"]] == [1, 1, 0]


def test_what_is_not_installed_is_said_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any program nothing is measured and nothing fails."""
    for key in PROGRAMS:
        absent = program(missing=lambda: "apt-get install it")
        monkeypatch.setitem(PROGRAMS, key, absent)
    monkeypatch.setattr(ocr, "ours", lambda script, name: pytest.fail("measured"))
    monkeypatch.setattr(sys, "argv", ["ocr.py"])
    before = ocr.PATH.read_bytes() if ocr.PATH.exists() else None
    ocr.main()
    said = capsys.readouterr().out.splitlines()
    assert said == ["Blind is not installed and is left out: apt-get install it"] * len(PROGRAMS)
    assert before == (ocr.PATH.read_bytes() if ocr.PATH.exists() else None)


def test_the_table_compares_on_the_same_digits() -> None:
    """A row a reader and script; a ratio where ours has errors, and all scripts together."""
    records = {
        f"{script}/{key}": {"n": 500, "wrong": wrong, "accuracy": 1 - wrong / 500}
        for script, ours, theirs in zip(ocr.TESTED, (4, 0, 4), (300, 200, 100), strict=True)
        for key, wrong in (("ours", ours), ("tesseract", theirs))
    }
    lines = ocr.table(records).splitlines()
    assert "| Devanagari | 500 | Tesseract | 40.00 | 300 | 75 |" in lines
    assert "| Bengali | 500 | Tesseract | 60.00 | 200 | ours has none |" in lines
    assert lines[-1] == "| all | 1,500 | Tesseract | 60.00 | 600 | 75 (ours: 8 wrong) |"
