from __future__ import annotations

import base64
import dataclasses
import errno
import json
import re
import warnings
from pathlib import Path
from typing import Any

import fastjsonschema
import numpy as np
import pytest

from indicdigits.data import storage
from indicdigits.errors import DataError, StorageError
from indicdigits.evaluation import figures, metrics_file, report, words
from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.measure import Evaluation
from indicdigits.evaluation.report_page import charts, render
from indicdigits.evaluation.subject import weights_of
from indicdigits.evaluation.summary import summary
from indicdigits.recipe import ClassEntry
from indicdigits.scripts import SCRIPTS

from .conftest import Make, recipe_of

HISTORY = ({"phase": "finetune", "epoch": 0, "train_loss": 1.0, "train_accuracy": 0.5},)


def rendered(evaluation: Evaluation) -> str:
    return render(evaluation, charts(evaluation))


def text_of(page: str) -> str:
    """What a person reads: no markup, no style, single spaces."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("\u00a0", " ").split())


def test_files(make: Make, tmp_path: Path) -> None:
    """A report is figures, answers, card, pictures and one page, and nothing half-written."""
    page = report.write_report(tmp_path / "report", make(history=HISTORY))
    assert page == tmp_path / "report" / "report.html"
    names = {path.name for path in page.parent.iterdir()}
    assert names == {
        "metrics.json", "predictions.csv", "card.md", "confusion.png", "mistakes.png",
        "curves.png", "report.html",
    }  # fmt: skip
    for path in page.parent.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_full_disk(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up is a typed error with the file; the earlier report stands."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    report.write_report(tmp_path, make())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(storage, "flush", full)
    with pytest.raises(StorageError, match="disk is full") as caught:
        report.write_report(tmp_path, make(mistakes={}))
    assert str(caught.value.where).startswith(str(tmp_path))
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_metrics_schema(make: Make, tmp_path: Path, everything: dict[str, Any]) -> None:
    """metrics.json is what the schema says, measured or not, and not only by luck."""
    valid = fastjsonschema.compile(metrics_file.json_schema())
    for folder, evaluation in {
        "bare": make(leaked=None),
        "usual": make(),
        "full": make(**everything),
    }.items():
        report.write_report(tmp_path / folder, evaluation)
        written = json.loads((tmp_path / folder / "metrics.json").read_text("utf-8"))
        assert written == json.loads(json.dumps(evaluation.metrics))
        valid(written)
    for wrong in ({"schema": 1}, {"accuracy": 98.5}, {"groups": [{}]}, {"reject": {}}):
        with pytest.raises(fastjsonschema.JsonSchemaException):
            valid(written | wrong)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        valid({key: value for key, value in written.items() if key != "part"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": 1}', "another version"),
        ('{"schema": 99}', "newer version"),
        ("{}", "another version"),
        ("[1]", "another version"),
        ("{", "cannot be read"),
        ('{"schema": 2, "n": 3}', "has no name, script"),
        (None, "no figures are here"),
    ],
)
def test_figures_of_another_version(text: str | None, said: str, tmp_path: Path) -> None:
    """A metrics.json that this version does not know is refused, with the command that mends it."""
    path = tmp_path / "metrics.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        metrics_file.read_metrics(path)
    assert caught.value.where == str(path)
    assert "evaluate" in (caught.value.hint or "evaluate")


def test_predictions(make: Make, tmp_path: Path) -> None:
    """predictions.csv has a row for each picture, in the order of the pictures."""
    report.write_report(tmp_path, make())
    rows = (tmp_path / "predictions.csv").read_text("utf-8").splitlines()
    assert rows[0] == "id,truth,prediction,confidence"
    assert rows[2] == "test/00001,१,९,0.900000"
    assert len(rows) == 201


def test_everything_measured_is_shown(make: Make, everything: dict[str, Any]) -> None:
    """Each section that was measured is on the page with its figures, in words and drawn."""
    evaluation = make(history=HISTORY, **everything)
    maps = np.random.default_rng(0).random((3, 28, 28)).astype(np.float32)
    page = rendered(dataclasses.replace(evaluation, saliency=maps))
    text = text_of(page)
    assert "Calibration error (ECE) 0.41 %, 95 % interval 0.20 to 0.93 %" in text
    assert "perfectly calibrated reader would show 0.38 %" in text
    assert "At its threshold of 0.9120 it refuses 1.60 % and is wrong in 1 of" in text
    assert "Chosen so that none of the accepted were wrong where it was fitted" in text
    assert "on these pictures 1.50 % refused, 1 of the accepted wrong (0.508 %)" in text
    assert "Results by writer" in text
    assert "The worst group is anil . 50 pictures without a value are no part of the test" in text
    assert "shear *" in text
    assert "97.50 % over those that training never used" in text
    assert "about 0.34 Wh, estimated from that time and 30 W" in text
    assert "Red is where the ink spoke for the wrong answer" in text
    assert len(re.findall('<img src="data:', page)) == 3 + 3 + 4  # pictures, maps, charts
    assert "Not measured" not in text


def test_what_is_not_measured_says_how(make: Make) -> None:
    """A section without figures says in a sentence how to get them, and draws nothing."""
    text = text_of(rendered(make()))
    assert "indicdigits calibrate RUN fits that" in text
    assert "It has no threshold" in text
    assert text.count("Not measured") == 1
    assert "Results by" not in text


def test_a_phone_sees_the_intervals(make: Make, everything: dict[str, Any]) -> None:
    """Where a column of intervals is left out on a narrow screen, they stand below the shares."""
    page = rendered(make(**everything))
    rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", page, flags=re.DOTALL)
    seen = 0
    for row in rows:
        wide = re.search(r'<td class="wide">([\d.]+ to [^<]*)</td>', row)
        if wide:
            assert f'<small class="range">{wide[1]}</small>' in row
            seen += 1
    assert seen == 4  # the writers, and those without one
    narrow = page[page.index("@media (max-width") : page.index("@media print")]
    assert re.search(r"\.range \{ display: block; \}", narrow)


def test_unknown_leaks_are_not_called_none(make: Make) -> None:
    """Where the training pictures are not at hand, nobody claims that none was seen."""
    evaluation = make(leaked=None)
    text = text_of(rendered(evaluation))
    assert "Seen in training unknown" in text
    assert "byte for byte: not known." in card_markdown(evaluation.recipe, evaluation.metrics)
    assert "without the" not in summary(evaluation.metrics)


def test_top_three_guesses(make: Make) -> None:
    """Each mistake is shown with what the network thought, the likeliest first."""
    mistake = make().metrics["mistakes"][1]
    assert [guess["text"] for guess in mistake["guesses"]][:2] == ["९", "१"]
    assert [guess["probability"] for guess in mistake["guesses"]] == pytest.approx([0.9, 0.1, 0])


def test_digits_of_several_scripts_are_told_apart(make: Make) -> None:
    """Where a digit of one script was read as one of another, both scripts are named."""
    classes = tuple(
        ClassEntry(text=digit, value=value)
        for script in ("devanagari", "gujarati")
        for value, digit in enumerate(SCRIPTS[script].digits)
    )
    recipe = dataclasses.replace(recipe_of(), classes=classes)
    evaluation = make(recipe, mistakes={3: (13, 0.9), 23: (13, 0.8)}, leaked=())
    assert re.search(r"written .*?3 Devanagari read .*?3 Gujarati", text_of(rendered(evaluation)))
    assert "most often confused: Devanagari ३ (3) read as Gujarati ૩ (3), 2 times" in summary(
        evaluation.metrics
    )
    assert "Devanagari ३" not in summary(make().metrics)


def test_mistakes_of_every_kind_are_shown(make: Make) -> None:
    """A reader with one bad habit shows its other mistakes too, and how many of each there are."""
    habit = {1 + 10 * number: (9, 0.99 - number / 1e3) for number in range(30)}
    others = {2: (3, 0.6), 4: (5, 0.55), 14: (5, 0.54)}
    evaluation = make(n=300, mistakes=habit | others, leaked=())
    shown = figures.shown_mistakes(evaluation.metrics)
    assert len(shown) == 24
    assert [mistake["probability"] for mistake in shown] == sorted(
        (mistake["probability"] for mistake in shown), reverse=True
    )
    assert {(mistake["index"], mistake["times"]) for mistake in shown} >= {
        (1, 30), (11, 30), (2, 1), (4, 2), (14, 2),
    }  # fmt: skip
    text = text_of(rendered(evaluation))
    assert "24 of 33 mistakes" in text
    assert text.count("one of 30 such") == 21
    assert text.count("one of 2 such") == 2


def test_very_many_classes(make: Make) -> None:
    """Of more classes than a matrix can show, those that were mixed up are on it."""
    classes = tuple(ClassEntry(text=f"c{number}") for number in range(120))
    recipe = dataclasses.replace(recipe_of("many"), classes=classes)
    page = rendered(make(recipe, n=240, mistakes={5: (7, 0.9), 11: (50, 0.8)}, leaked=()))
    matrix = page[page.index('<table class="matrix">') : page.index("Digit by digit")]
    assert set(re.findall(r"\bc\d+\b", text_of(matrix))) == {"c5", "c7", "c11", "c50"}
    assert "Of 120 classes, the 4 most often mixed up" in text_of(page)
    assert figures.confusion_png(make(recipe, n=240, mistakes={}, leaked=()).metrics)


def test_page_is_self_contained(make: Make, tmp_path: Path) -> None:
    """The page fetches nothing: no address, no script, every picture inside."""
    page = report.write_report(tmp_path, make(history=HISTORY)).read_text("utf-8")
    assert "http:" not in page
    assert "https:" not in page
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "<script" not in page
    assert "@import" not in page
    sources = re.findall(r'(?:src|srcset|href)="([^"]*)"', page)
    assert len(sources) == 6  # three mistakes, the curves for wide and narrow, and no icon
    assert all(source.startswith("data:") for source in sources)
    for source in sources:
        png = base64.b64decode(source.partition("base64,")[2])
        assert not png or png.startswith(b"\x89PNG")


def test_page_says_the_figures(make: Make) -> None:
    """The page states the result in plain sentences, leaks included."""
    text = text_of(rendered(make()))
    assert "Of 200 handwritten digits kept aside for testing" in text
    assert "197 right and 3 wrong ." in text
    assert "98.50 %" in text
    assert "3 of the test pictures stand in the training set too" in text
    assert "98.98 % of 197 are read right" in text  # one mistake of three was a leaked picture
    assert "98.00 %, 1 error in 50 pictures" in text
    assert "seen in training" in text
    assert "> 99.9 %" in text.replace("&gt;", ">")


def test_native_digits_are_outlines(make: Make) -> None:
    """Native digits are drawn, never left to the fonts of whoever opens the page."""
    page = rendered(make())
    assert 'aria-label="५"' in page
    assert "५" not in text_of(page)
    assert "५" not in re.sub(r'aria-label="५"', "", page)


def test_drawn_digits_are_called_drawn(make: Make) -> None:
    """A reader of drawn digits says so above its figures."""
    text = text_of(rendered(make(recipe_of("tamil", "strokes/tamil"))))
    assert "Of 200 drawn digits" in text
    assert text.index("Drawn digits, not handwriting.") < text.index("Read right")
    assert "handwritten" not in text[: text.index("Model card")]


def test_no_mistakes(make: Make, tmp_path: Path) -> None:
    """A perfect result has a page too."""
    text = text_of(report.write_report(tmp_path, make(mistakes={})).read_text("utf-8"))
    assert "every one right" in text
    assert "No mistakes" in text
    assert "misread, if" not in text


def test_strange_classes_are_escaped(make: Make) -> None:
    """A class text or a name can put no markup into the page."""
    classes = (ClassEntry(text="<b>&"), ClassEntry(text="not a digit"), ClassEntry(text="௰"))
    recipe = dataclasses.replace(recipe_of("tamil"), classes=classes, name="<i>x")
    page = rendered(make(recipe, mistakes={0: (1, 0.8)}))
    assert "<b>&" not in page
    assert "<i>x" not in page
    assert "&lt;b&gt;&amp;" in page


def test_classes_without_test_pictures(make: Make, tmp_path: Path) -> None:
    """The page says which figures rest on nothing."""
    evaluation = make(n=8, mistakes={}, leaked=())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = text_of(report.write_report(tmp_path, evaluation).read_text("utf-8"))
    assert "2 of 10 classes have no picture in the test" in text


def test_old_curves_go(make: Make, tmp_path: Path) -> None:
    """A second report leaves no picture of the first one behind."""
    report.write_report(tmp_path, make(history=HISTORY))
    report.write_report(tmp_path, make())
    assert not (tmp_path / "curves.png").exists()


def test_size(make: Make, tmp_path: Path) -> None:
    """A page about a thousand pictures and a bad reader stays under 1 MB."""
    mistakes = {index: ((index + 1) % 10, 0.9) for index in range(300)}
    page = report.write_report(tmp_path, make(n=1000, mistakes=mistakes, history=HISTORY))
    assert page.stat().st_size < 1_000_000


def test_weights_that_are_not_final() -> None:
    """A run that was interrupted is measured as what it is."""
    assert weights_of({"kind": "training", "step": 40}) == "averaged, step 40"


def test_summary(make: Make) -> None:
    """The command line says right, wrong, interval, leaks and the commonest mix-up."""
    mistakes = {1: (9, 0.9), 11: (9, 0.8), 30: (8, 0.6)}
    text = summary(make(mistakes=mistakes).metrics).replace("\u00a0", " ")
    assert "197 of 200 handwritten digits read right, 98.50 %" in text
    assert "3 errors" in text
    assert "without the 3 that stand in the training set too: 98.98 %" in text
    assert "2 errors in 197" in text
    assert "most often confused: १ (1) read as ९ (9), 2 times" in text


@pytest.mark.parametrize(
    ("share", "text"), [(0.07, "7 in 100"), (0.003, "3 in 1000"), (0.0001, "1 in 1000")]
)
def test_out_of(share: float, text: str) -> None:
    """A small share is said in thousandths, and never as none."""
    assert words.out_of(share) == text
