"""A run's report folder: metrics.json, pictures, and one page that needs nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indicdigits.data.parts import Split
from indicdigits.data.storage import RUN_HINT, storage_errors, write_whole
from indicdigits.errors import UsageError
from indicdigits.evaluation import figures, words
from indicdigits.evaluation.curves import curves_png
from indicdigits.evaluation.glyphs import outline_glyphs
from indicdigits.evaluation.metrics import SCHEMA, alike, evaluate_predictions, score
from indicdigits.evaluation.page import data_uri, fill
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import heads_of

_PICTURE_SIDE = 112  # pixels; four times the network's own, and small enough to embed
_DIGITS_A_NUMBER = 6


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A run's measurements, with what a report shows beside them.

    Attributes:
        metrics: The content of metrics.json.
        images: uint8 (N, S, S), the test pictures in the order of `mistakes[…].index`.
        history: The lines of metrics.jsonl.
        about: Further facts about the run, such as `seconds`, `machine` and `versions`.
    """

    metrics: dict[str, Any]
    images: NDArray[np.uint8]
    history: Sequence[Mapping[str, Any]] = ()
    about: Mapping[str, Any]


def evaluate_run(run: Path, reporter: Reporter) -> Evaluation:
    """Measures a run's weights on the whole test split; writes nothing.

    Args:
        run: The run folder.
        reporter: Where progress goes.

    Raises:
        UsageError: That is no run folder.
        CheckpointError: Its weights are missing or damaged.
        DataError: The test split cannot be had, or the network answers nonsense.
    """
    if not (run / "recipe.toml").is_file():
        raise UsageError(
            "no run is here", where=run, allowed="a run folder, such as those under runs/"
        )
    # Here, not above: writing a report from figures that are there needs no JAX.
    from indicdigits.data.audit import leaked
    from indicdigits.data.source import load_data
    from indicdigits.training.history import read_history
    from indicdigits.training.weights import answers, load_model

    loaded = load_model(run)
    recipe, about = loaded.recipe, read_about(run)
    if loaded.info.get("kind") != "weights":
        reporter.say(
            f"this run is not finished: these are its averaged weights at step "
            f"{loaded.info.get('step')}; --resume {run} finishes it"
        )
    data = load_data(recipe, Path(about.get("root", run)), reporter)
    reporter.say(f"evaluating {recipe.name} on {len(data.test)} test pictures")
    # A test picture in the validation part counts as seen too: choices were made on it.
    found = answers(loaded, data.test)
    metrics = evaluate_predictions(
        found,
        data.test.labels,
        recipe.labels,
        leaked(data.train, data.test) | leaked(data.validation, data.test),
    )
    validation = score(
        answers(loaded, data.validation).argmax(axis=1) == data.validation.labels
        if len(data.validation)
        else np.zeros(0, bool)
    )
    return Evaluation(
        metrics=describe(recipe, loaded.info)
        | metrics
        | {"sets": _sets(recipe, data.test, found.argmax(axis=1))}
        | {"validation": {**validation, "trained_on": recipe.data.train_on == "train+validation"}},
        images=data.test.images,
        history=read_history(run),
        about=about | loaded.info,
    )


def _sets(recipe: Recipe, test: Split, answers: NDArray[np.integer]) -> list[dict[str, Any]]:
    """Each data set's part of the test, apart: somebody else's handwriting is harder."""
    if "dataset" not in test.groups:
        return []
    trained_on = {source.dataset: source.weight > 0 for source in recipe.data.sources}
    same = alike(recipe.labels)
    sets = []
    for name, seen in trained_on.items():
        of = test.groups["dataset"] == name
        truth, answer = test.labels[of], answers[of]
        both = None if same is None else score(same[truth, answer])
        sets.append(
            {"dataset": name, "trained_on": seen, "look_alikes": both} | score(truth == answer)
        )
    return sets


def describe(recipe: Recipe, info: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics.json says besides figures: what was measured, and on what.

    Args:
        recipe: The run's recipe.
        info: The manifest of the checkpoint whose weights were measured.
    """
    final, heads = info.get("kind") == "weights", heads_of(recipe)
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "script": recipe.script,
        # Of each class, where pictures were read by the head of their script.
        "heads": None if heads is None else list(heads),
        "dataset": " + ".join(source.dataset for source in recipe.data.sources),
        "pictures": words.kind_of_pictures(recipe),
        "seed": recipe.seed,
        "recipe_digest": recipe.digest(),
        "weights": "averaged, final" if final else f"averaged, step {info.get('step')}",
        "sets": [],
        # Names that later measurements will fill.
        "calibration": None,
        "reject": None,
        "groups": None,
    }


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """Writes metrics.json, the PNG files and report.html, each whole or not at all.

    Returns:
        The page.

    Raises:
        StorageError: The disk refused; what an earlier report left in that file stands.
    """
    metrics = evaluation.metrics
    with storage_errors(folder, RUN_HINT):
        folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "confusion.png": figures.confusion_png(metrics),
        "mistakes.png": figures.mistakes_png(metrics, evaluation.images),
        "curves.png": curves_png(evaluation.history),
    }
    for name, content in pictures.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)  # an earlier report's
        else:
            write_whole(folder / name, content)
    page = folder / "report.html"
    write_whole(page, render(evaluation))
    text = json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "metrics.json", text + "\n")
    return page


def render(evaluation: Evaluation) -> str:
    """The page as HTML that fetches nothing: its pictures are data URIs, its digits outlines."""
    metrics = evaluation.metrics
    per_class, confusion = metrics["per_class"], np.asarray(metrics["confusion"])
    curves = (curves_png(evaluation.history, tall=tall) for tall in (False, True))
    return fill(
        "report.html.jinja",
        m=metrics,
        title=words.title(metrics),
        glyphs=outline_glyphs(row["text"] for row in per_class),
        heads=words.heads(metrics),
        told=words.TOLD if metrics.get("heads") else None,
        worst=[_shown(mistake, evaluation.images) for mistake in _worst(metrics)],
        pairs=words.mix_ups(metrics["confusion"]),
        most_confused=int((confusion - np.diag(confusion.diagonal())).max()),
        untested=[row for row in per_class if not row["support"]],
        number_share=_share_of_numbers(metrics),
        curves=[data_uri(png) for png in curves if png],
        facts=list(_facts(evaluation)),
    )


def _worst(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    return metrics["mistakes"][: figures.MOST_MISTAKES]


def _shown(mistake: Mapping[str, Any], images: NDArray[np.uint8]) -> dict[str, Any]:
    """A mistake with its picture, dark ink on white, and its two classes as table rows."""

    def row(text: str, value: int | None) -> dict[str, Any]:
        return {"text": text, "value": value, "long": len(words.plain_name(text, value)) > 3}

    picture = Image.fromarray(255 - np.asarray(images[mistake["index"]]))
    buffer = io.BytesIO()
    enlarged = picture.resize((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.BICUBIC)
    enlarged.save(buffer, "PNG", optimize=True)
    return {
        **mistake,
        "truth_row": row(mistake["truth"], mistake["truth_value"]),
        "answer_row": row(mistake["answer"], mistake["answer_value"]),
        "picture": data_uri(buffer.getvalue()),
    }


def _share_of_numbers(metrics: Mapping[str, Any]) -> str | None:
    """How many numbers of six digits hold a misread one, where the classes are digits."""
    if not words.only_digits(metrics):
        return None
    return words.out_of(1 - metrics["accuracy"] ** _DIGITS_A_NUMBER)


def _facts(evaluation: Evaluation) -> Iterable[tuple[str, str]]:
    """Name and value of what one must know to repeat the measurement."""
    metrics, about = evaluation.metrics, evaluation.about
    validation = metrics["validation"]
    yield "Data set", f"{metrics['dataset']}, the whole test split ({metrics['n']} pictures)"
    if metrics.get("heads"):
        yield "Script", words.TOLD
    yield "Weights", metrics["weights"] + "; never chosen by their result on the test split"
    if not validation["n"]:
        yield "Validation", "no part was held out"
    elif validation["trained_on"]:
        yield "Validation", f"{validation['n']} pictures; trained on in the end, so not a test"
    else:
        errors = words.count(validation["errors"], "error")
        yield (
            "Validation",
            f"{words.percent(validation['accuracy'])}, {errors} in {validation['n']} pictures "
            "held out of training",
        )
    yield "Seed", f"{metrics['seed']} (one run; another seed moves the result a little)"
    if about.get("seconds"):
        machine = f" on {about['machine']}" if about.get("machine") else ""
        yield "Training took", words.duration(about["seconds"]) + machine
    if about.get("versions"):
        yield "Made with", ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    yield "Recipe", f"{metrics['name']}, SHA-256 {metrics['recipe_digest']}"


def read_about(run: Path) -> dict[str, Any]:
    """What run.json says of a run; nothing where it is missing or cut off."""
    try:
        return dict(json.loads((run / "run.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
