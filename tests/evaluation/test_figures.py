from __future__ import annotations

import io
import re
import warnings

import numpy as np
import pytest
from PIL import Image

from indicdigits.evaluation import curves, figures, glyphs
from indicdigits.scripts import SCRIPTS

from .conftest import Make, recipe_of

LINE = {"train_loss": 0.5, "train_accuracy": 0.9, "epoch": 1, "phase": "first"}


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("script", ["devanagari", "bengali", "telugu", "tamil"])
def test_native_digits_are_drawn(script: str, make: Make) -> None:
    """The digits of every shipped script are drawn from a font that has them."""
    metrics = make(recipe_of(script, f"cmaterdb/{script}")).metrics
    outlines = glyphs.outline_glyphs(SCRIPTS[script].digits)
    assert set(outlines) == set(SCRIPTS[script].digits)
    assert len({glyph.path for glyph in outlines.values()}) == 10  # ten shapes, not one box
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that is missing
        assert opened(figures.confusion_png(metrics)).std() > 0


def test_machine_without_fonts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any font for the script, values stand where native digits would be boxes."""
    monkeypatch.setattr(glyphs, "font_path_for", lambda text: None)
    evaluation = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figures.confusion_png(evaluation.metrics)
        assert figures.mistakes_png(evaluation.metrics, evaluation.images)
    assert glyphs.outline_glyphs(SCRIPTS["devanagari"].digits) == {}


def test_outlines_are_svg_paths() -> None:
    """An outline is a closed path inside its view box, and ASCII texts have none."""
    outlines = glyphs.outline_glyphs(["५", "5", "not a digit"])
    assert list(outlines) == ["५"]
    glyph = outlines["५"]
    assert re.fullmatch(r"(M[-\d. ]+([LQC][-\d. ]+)+Z)+", glyph.path)
    left, top, width, height = map(float, glyph.view_box.split())
    numbers = np.array(re.findall(r"-?\d+\.\d", glyph.path), float).reshape(-1, 2)
    assert left <= numbers[:, 0].min() <= numbers[:, 0].max() <= left + width
    assert top - 0.1 <= numbers[:, 1].min() <= numbers[:, 1].max() <= top + height + 0.1


def test_digits_of_another_script_change_no_size() -> None:
    """On a page of several scripts each is drawn as large as on a page of its own."""
    tamil, telugu = SCRIPTS["tamil"].digits, SCRIPTS["telugu"].digits
    both = glyphs.outline_glyphs([*tamil, *telugu])
    assert both == {**glyphs.outline_glyphs(tamil), **glyphs.outline_glyphs(telugu)}
    assert len({glyph.view_box.split()[3] for text, glyph in both.items() if text in tamil}) == 1


def test_same_metrics_same_bytes(make: Make) -> None:
    """A picture depends on the metrics only."""
    metrics = make().metrics
    assert figures.confusion_png(metrics) == figures.confusion_png(metrics)


def test_no_mistakes_is_said(make: Make) -> None:
    """Without mistakes there is a picture all the same, and it says so."""
    evaluation = make(mistakes={})
    assert opened(figures.mistakes_png(evaluation.metrics, evaluation.images)).shape[0] < 400


def test_mistakes_are_limited(make: Make) -> None:
    """However many mistakes there are, the picture shows the worst few."""
    many = {index: ((index + 1) % 10, 0.5 + index / 1000) for index in range(100)}
    few = {index: many[index] for index in range(figures.MOST_MISTAKES)}
    sizes = []
    for mistakes in (many, few):
        evaluation = make(mistakes=mistakes)
        sizes.append(opened(figures.mistakes_png(evaluation.metrics, evaluation.images)).shape)
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "history",
    [
        [LINE],
        [LINE, LINE | {"phase": "second"}],
        [LINE | {"validation_loss": 0.1, "validation_accuracy": 1.0}] * 3,
        [LINE | {"validation_loss": None}],
    ],
)
def test_curves_of_any_history(history: list[dict[str, object]]) -> None:
    """One epoch, two phases, no errors and no validation part can all be drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = curves.curves_png(history)
    assert png is not None
    assert opened(png).std() > 0


def test_curves_of_nothing() -> None:
    """A run that recorded nothing has no curves."""
    assert curves.curves_png([]) is None


@pytest.mark.parametrize("top", [0.0, 0.3, 1.5, 8.0, 60.0, 100.0])
def test_error_ticks_keep_apart(top: float) -> None:
    """However good or bad a run, the percentages beside its curve can be told apart."""
    ticks = [tick for tick in curves._error_ticks(top) if tick <= top]
    gaps = np.diff(np.sqrt(ticks))
    assert ticks[0] == 0
    assert (gaps > 0.08 * np.sqrt(top)).all()
    assert len(ticks) > 2 or top < 0.2
