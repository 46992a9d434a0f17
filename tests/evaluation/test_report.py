from __future__ import annotations

import base64
import dataclasses
import errno
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from indicdigits.data import storage
from indicdigits.errors import StorageError
from indicdigits.evaluation import report, words
from indicdigits.recipe import ClassEntry

from .conftest import Make, recipe_of

KEYS = {
    "schema": int, "name": str, "script": str, "dataset": str, "pictures": str, "n": int,
    "errors": int, "accuracy": float, "interval": list, "without_leaked": dict, "macro": dict,
    "per_class": list, "confusion": list, "validation": dict, "seed": int, "recipe_digest": str,
    "weights": str, "mistakes": list,
}  # fmt: skip
RESERVED = {"calibration", "reject", "groups"}
HISTORY = ({"phase": "finetune", "epoch": 0, "train_loss": 1.0, "train_accuracy": 0.5},)


def text_of(page: str) -> str:
    """What a person reads: no markup, no style, single spaces."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("\u00a0", " ").split())


def test_files(make: Make, tmp_path: Path) -> None:
    """A report is metrics.json, three PNG files and one page, and nothing half-written."""
    page = report.write_report(tmp_path / "report", make(history=HISTORY))
    assert page == tmp_path / "report" / "report.html"
    names = {path.name for path in page.parent.iterdir()}
    assert names == {
        "metrics.json", "confusion.png", "mistakes.png", "curves.png", "report.html"
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


def test_metrics_schema(make: Make, tmp_path: Path) -> None:
    """metrics.json has every key of schema 1, the reserved ones as null."""
    report.write_report(tmp_path, make())
    metrics: dict[str, Any] = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics["schema"] == 1
    assert set(metrics) == set(KEYS) | RESERVED | {"sets", "heads", "look_alikes"}
    assert metrics["heads"] is None  # of several heads, that of each class
    for key, kind in KEYS.items():
        assert isinstance(metrics[key], kind), key
    assert all(metrics[key] is None for key in RESERVED)
    assert set(metrics["without_leaked"]) == {"n", "errors", "accuracy", "interval", "leaked_n"}
    assert set(metrics["validation"]) == {"n", "errors", "accuracy", "interval", "trained_on"}
    assert set(metrics["per_class"][0]) == {
        "text", "value", "precision", "recall", "f1", "support", "errors"
    }  # fmt: skip
    assert (metrics["name"], metrics["seed"], metrics["n"], metrics["errors"]) == (
        "devanagari", 3, 200, 3
    )  # fmt: skip


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
    text = text_of(report.render(make()))
    assert "Of 200 handwritten digits kept aside for testing" in text
    assert "197 right and 3 wrong ." in text
    assert "98.50 %" in text
    assert "3 of the test pictures stand in the training set too" in text
    assert "98.98 % of 197 are read right" in text  # one mistake of three was a leaked picture
    assert "98.00 %, 1 error in 50 pictures" in text
    assert "seen in training" in text
    assert "> 99.9 % sure" in text.replace("&gt;", ">")


def test_native_digits_are_outlines(make: Make) -> None:
    """Native digits are drawn, never left to the fonts of whoever opens the page."""
    page = report.render(make())
    assert 'aria-label="५"' in page
    assert "५" not in text_of(page)


def test_drawn_digits_are_called_drawn(make: Make) -> None:
    """A reader of drawn digits says so above its figures."""
    text = text_of(report.render(make(recipe_of("tamil", "strokes/tamil"))))
    assert "Of 200 drawn digits" in text
    assert text.index("Drawn digits, not handwriting.") < text.index("Read right")
    assert "handwritten" not in text


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
    page = report.render(make(recipe, mistakes={0: (1, 0.8)}))
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


def test_weights_that_are_not_final(make: Make) -> None:
    """A run that was interrupted is measured as what it is."""
    assert report.describe(recipe_of(), {"kind": "training", "step": 40})["weights"] == (
        "averaged, step 40"
    )


def test_summary(make: Make) -> None:
    """The command line says right, wrong, interval, leaks and the commonest mix-up."""
    mistakes = {1: (9, 0.9), 11: (9, 0.8), 30: (8, 0.6)}
    text = words.summary(make(mistakes=mistakes).metrics).replace("\u00a0", " ")
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
