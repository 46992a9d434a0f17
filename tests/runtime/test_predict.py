"""`indicdigits predict`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.cli import app
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import Acceptance, Point


@pytest.fixture
def folder(tmp_path, picture) -> Path:
    """Two digits, a blank picture and a text file named like a picture."""
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(255 - picture).save(tmp_path / "b.png")
    Image.fromarray(np.full((20, 20), 250, np.uint8)).save(tmp_path / "blank.png")
    (tmp_path / "bad.png").write_text("not a picture")
    return tmp_path


@pytest.fixture
def predict(bundle_file, folder, capsys):
    """Runs the verb in this process on pictures of the folder: exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        paths = [str(folder / word) if word.endswith(".png") else word for word in words]
        with pytest.raises(SystemExit) as exit_:
            app.main(["predict", str(bundle_file), *paths])
        output = capsys.readouterr()
        return int(exit_.value.code or 0), output.out, output.err

    return run


def test_lines(predict, folder):
    """A line a picture: path, digit of the script, probability."""
    code, out, err = predict("a.png", "b.png")
    lines = out.splitlines()
    assert code == 0
    assert not err
    assert len(lines) == 2
    assert lines[0].startswith(str(folder / "a.png"))
    assert set(lines[0].split()[1]) <= set("०१२३४५६७८९")
    assert lines[0].endswith("%")


def test_ascii(predict):
    """--ascii prints 0 to 9 instead."""
    native, ascii_ = predict("a.png")[1], predict("a.png", "--ascii")[1]
    digit = native.split()[1]
    assert ascii_.split()[1] == str("०१२३४५६७८९".index(digit))


def test_blank(predict):
    """A picture that is not accepted says why, and is no error."""
    code, out, _ = predict("blank.png")
    assert code == 0
    assert out.rstrip().endswith("–  not accepted: no ink found")


def test_error_rate(folder, make, capsys):
    """--error-rate chooses among the bundle's thresholds; another is a usage error."""
    points = tuple(
        Point(error_rate=rate, threshold=threshold, coverage=0.5)
        for rate, threshold in ((0.1, 0.0), (0.001, 1.0))
    )
    acceptance = Acceptance(fitted_on="a test", threshold=1.0, error_rate=0.001, points=points)
    bundles.write(make(acceptance=acceptance), folder / "strict.indicdigits")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            app.main(["predict", str(folder / "strict.indicdigits"), str(folder / "a.png"), *words])
        output = capsys.readouterr()
        return int(exit_.value.code or 0), output.out, output.err

    assert "not accepted: below threshold (best guess " in run()[1]
    assert "not accepted" not in run("--error-rate", "0.1")[1]
    code, out, err = run("--error-rate", "0.5")
    assert (code, out) == (2, "")
    assert "allowed: 0.1, 0.001" in err


def test_one_bad_picture(predict):
    """One bad picture is reported, the others are read, and the exit code says so."""
    code, out, err = predict("a.png", "bad.png", "b.png")
    assert code == 4
    assert len(out.splitlines()) == 2
    assert "bad.png" in err
    assert "Traceback" not in err


def test_json(predict, folder):
    """--json prints a list with every picture's path, reading or error, in order."""
    code, out, _ = predict("a.png", "bad.png", "blank.png", "--json")
    first, bad, blank = json.loads(out)
    assert code == 4
    assert first["path"] == str(folder / "a.png")
    assert first["accepted"] is True
    assert len(first["alternatives"]) == 2
    assert set(first["alternatives"][0]) == {"text", "value", "probability"}
    assert bad["error"]["error"] == "PictureError"
    assert bad["error"]["exit_code"] == 4
    assert blank["reason"] == "no ink found"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["devnagari", "a.png"], 2, "no reader is called"),
        (["none.indicdigits", "a.png"], 2, "no such file"),
        (["a.png", "a.png"], 6, "no zip"),
    ],
)
def test_bad_bundle(folder, capsys, words, code, text):
    """What is no bundle ends with its own exit code and says what it is."""
    with pytest.raises(SystemExit) as exit_:
        app.main(["predict", *[str(folder / w) if w == "a.png" else w for w in words]])
    assert exit_.value.code == code
    assert text in capsys.readouterr().err
