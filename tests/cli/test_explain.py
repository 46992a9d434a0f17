"""`indicdigits explain` as a user meets it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.cli.app import main

SAMPLE = str(Path(__file__).parents[2] / "docs" / "pictures" / "sample-devanagari.png")


def explain(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["explain", *words])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_script_name_simply_works(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader that ships explains itself in a picture with colour, and says what it read."""
    assert explain("devanagari", SAMPLE) == 0
    printed = capsys.readouterr()
    assert "७ (7)" in printed.out
    assert "occlusion: why.png" in printed.out
    pixels = np.asarray(Image.open(io.BytesIO(Path("why.png").read_bytes())).convert("RGB"), int)
    assert pixels.shape[1] > pixels.shape[0] > 300
    assert (pixels[..., 0] - pixels[..., 2] > 120).sum() > 500  # the map is drawn


def test_json_of_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    """For machines: the answers, the class that was explained, the map itself."""
    words = ["mnist-cnn", SAMPLE, "-o", "deep/why.png", "--class", "5", "--json"]
    assert explain(*words, "--method", "integrated-gradients") == 0
    told = json.loads(capsys.readouterr().out)
    assert Path("deep/why.png").is_file()
    assert (told["class"]["text"], told["class"]["value"]) == ("5", 5)
    assert 0 <= told["class"]["probability"] <= told["answers"][0]["probability"]
    assert told["answers"][0]["probability"] >= told["answers"][1]["probability"]
    found = np.array(told["saliency"])
    assert found.shape == (28, 28)
    assert (found.min(), found.max()) == (0, 1)
    assert "missing" in told["caption"]


def test_another_class_is_told_with_its_probability(capsys: pytest.CaptureFixture[str]) -> None:
    """What speaks for a class that was not the answer: how probable it is is said and drawn."""
    assert explain("devanagari", SAMPLE, "-o", "one.png", "--class", "1") == 0
    printed = capsys.readouterr().out.replace("\u00a0", " ")
    assert "what speaks for १ (1), < 0.1 %" in printed
    assert explain("every-script", SAMPLE, "--class", "gujarati-7", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["class"]["text"] == "૭"
    assert 0 < told["class"]["probability"] < 1
    assert explain("every-script", SAMPLE, "--class", "7") == 0
    assert "what speaks for Western 7, " in capsys.readouterr().out


def test_a_page_is_refused_as_predict_refuses_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What a reader refuses whatever the network answers is not called accepted here."""
    line = Image.new("L", (900, 300), 255)
    for place in range(5):
        line.paste(0, (60 + 160 * place, 100, 90 + 160 * place, 200))
    line.save("line.png")
    assert explain("devanagari", "line.png") == 0
    assert "not accepted: more than one digit (best guess" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["devanagari", SAMPLE, "-o", "why.jpg"], 2, "try: -o why.png"),
        (["devanagari", SAMPLE, "-o", "why"], 2, "a name in .png"),
        (["devanagri", SAMPLE], 2, "no run, checkpoint or reader is called 'devanagri'"),
        (["devanagari", "nothing.png"], 4, "nothing.png"),
        (["devanagari", SAMPLE, "--method", "grad-cam"], 2, "the run or checkpoint"),
        (["devanagari", SAMPLE, "--method", "cam"], 2, "unknown method 'cam'"),
        (["devanagari", SAMPLE, "--class", "x"], 2, "no class is 'x'"),
        (["devanagari", "blank.png"], 4, "no ink found"),
        (["empty", SAMPLE], 2, "no run is here"),
    ],
)
def test_what_cannot_be_explained(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is said in words, and no picture is written."""
    Image.fromarray(np.zeros((30, 30), np.uint8)).save("blank.png")
    Path("empty").mkdir()
    assert explain(*words) == code
    assert said in capsys.readouterr().err
    assert not list(Path().glob("why*"))
