"""The report's page: its figures in words, its pictures inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indicdigits.evaluation import figures, sentences, words
from indicdigits.evaluation.card import sections
from indicdigits.evaluation.curves import curves_png
from indicdigits.evaluation.glyphs import outline_glyphs
from indicdigits.evaluation.measure import Evaluation
from indicdigits.evaluation.overlay import overlay
from indicdigits.evaluation.page import PICTURE_SIDE, data_uri, fill, picture_uri
from indicdigits.evaluation.reliability import reliability_png
from indicdigits.evaluation.robustness_figure import robustness_png
from indicdigits.evaluation.selective import risk_coverage_png

_DIGITS_A_NUMBER = 6
_CARD = ("Intended use", "Data and licences", "Limits", "Training", "Contact")


class Chart(NamedTuple):
    """A chart as PNG bytes, for wide and for narrow screens."""

    wide: bytes
    narrow: bytes


def charts(evaluation: Evaluation) -> dict[str, Chart | None]:
    """Name -> chart of everything that was measured; None where it was not."""
    metrics, history = evaluation.metrics, evaluation.history

    def both(draw: Any, measured: Any) -> Chart | None:
        return Chart(draw(measured), draw(measured, tall=True)) if measured else None

    return {
        "curves": both(curves_png, history),
        "reliability": both(reliability_png, metrics["calibration"]),
        "selective": both(risk_coverage_png, metrics["reject"]),
        "robustness": both(robustness_png, metrics["robustness"]),
    }


def render(evaluation: Evaluation, drawn: Mapping[str, Chart | None]) -> str:
    """The page as HTML that fetches nothing: its pictures are data URIs, its digits outlines.

    Args:
        evaluation: What was measured.
        drawn: From `charts`.
    """
    metrics = evaluation.metrics
    per_class, confusion = metrics["per_class"], np.asarray(metrics["confusion"])
    shown = figures.shown_heads(metrics)
    card = sections(evaluation.recipe, metrics)
    return fill(
        "report.html.jinja",
        m=metrics,
        title=words.title(metrics),
        glyphs=outline_glyphs(row["text"] for row in per_class),
        heads=shown,
        left_out=len(per_class) - sum(map(len, shown)),
        told=words.TOLD if metrics["heads"] else None,
        worst=_worst(evaluation),
        most_of_a_kind=figures.MOST_OF_A_KIND,
        mapped=evaluation.saliency is not None,
        pairs=words.mix_ups(metrics["confusion"]),
        most_confused=int((confusion - np.diag(confusion.diagonal())).max()),
        untested=[row for row in per_class if not row["support"]],
        number_share=_share_of_numbers(metrics),
        charts={
            name: tuple(map(data_uri, chart)) if chart else None for name, chart in drawn.items()
        },
        card={heading: _items(card[heading]) for heading in _CARD if heading in card},
        facts=list(_facts(evaluation)),
    )


def _items(lines: Iterable[str]) -> list[str]:
    return [line.strip().removeprefix("- ") for line in lines if line.strip()]


def _worst(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The mistakes that are shown, with their pictures and maps."""
    maps = evaluation.saliency
    scripts = words.scripts_told_apart(row["text"] for row in evaluation.metrics["per_class"])
    return [
        _shown(mistake, evaluation.images, None if maps is None else maps[number], scripts)
        for number, mistake in enumerate(figures.shown_mistakes(evaluation.metrics))
    ]


def _shown(
    mistake: Mapping[str, Any],
    images: NDArray[np.uint8],
    saliency: NDArray[np.floating] | None,
    scripts: Mapping[str, str],
) -> dict[str, Any]:
    """A mistake with its picture, dark ink on white, its map, and its classes as table rows."""

    def row(text: str, value: int | None) -> dict[str, Any]:
        long = len(words.plain_name(text, value)) > 3
        return {"text": text, "value": value, "long": long, "script": scripts.get(text)}

    image, mapped = np.asarray(images[mistake["index"]]), None
    if saliency is not None:
        mapped = picture_uri(overlay(image, saliency, PICTURE_SIDE))
    return {
        **mistake,
        "truth_row": row(mistake["truth"], mistake["truth_value"]),
        "answer_row": row(mistake["answer"], mistake["answer_value"]),
        "picture": picture_uri(image),
        "map": mapped,
    }


def _share_of_numbers(metrics: Mapping[str, Any]) -> str | None:
    """How many numbers of six digits hold a misread one, where the classes are digits."""
    if not words.only_digits(metrics):
        return None
    return words.out_of(1 - metrics["accuracy"] ** _DIGITS_A_NUMBER)


def _facts(evaluation: Evaluation) -> Iterable[tuple[str, str]]:
    """Name and value of what one must know to repeat the measurement."""
    metrics, about = evaluation.metrics, evaluation.about
    yield "Pictures", f"{metrics['dataset']}, {sentences.part(metrics)} ({metrics['n']} digits)"
    if metrics["heads"]:
        yield "Script", words.TOLD
    yield "Weights", metrics["weights"] + "; never chosen by their result on the test split"
    yield "Validation", sentences.validation(metrics["validation"])
    yield "Seed", f"{metrics['seed']} (one run; another seed moves the result a little)"
    yield "Training took", sentences.time_taken(metrics["training"])
    if about.get("versions"):
        yield "Made with", ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    yield "Recipe", f"{metrics['name']}, SHA-256 {metrics['recipe_digest']}"
    yield "The same for machines", "metrics.json and predictions.csv, beside this page"
