"""From a network and pictures to a report's figures; writes nothing.

What other modules measure comes in at two places: `_further` (sections of metrics.json) and
`_saliency` (maps of the worst mistakes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.data.parts import Split
from indicdigits.evaluation import words
from indicdigits.evaluation.about import about_pictures, about_training, describe
from indicdigits.evaluation.calibration import calibration_of
from indicdigits.evaluation.explain import saliency
from indicdigits.evaluation.figures import shown_mistakes
from indicdigits.evaluation.groups import groups
from indicdigits.evaluation.metrics import (
    alike,
    best_digits,
    evaluate_predictions,
    score,
    taken_for_digits,
    true_digits,
)
from indicdigits.evaluation.picture_set import Apart, Pictures
from indicdigits.evaluation.pictures import WHOLE, Part, choose
from indicdigits.evaluation.rejection import reject_of
from indicdigits.evaluation.robustness import measure_robustness, trained_effects
from indicdigits.evaluation.subject import Subject, open_subject
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.runtime.acceptance import calibrated
from indicdigits.runtime.doubt import Judge

KIND = "kind"  # the column that says what a picture shows that is no digit


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """A network's measurements, with what a report shows beside them.

    Attributes:
        metrics: The content of metrics.json.
        recipe: What it was trained by.
        images: uint8 (N, S, S), the pictures in the order of `mistakes[…].index`.
        apart: Pictures of digits that were counted apart, unread.
        ids: (N,), a name for each picture, as in predictions.csv.
        labels: int (N,), their true classes.
        probabilities: float (N, C), what the network answered.
        saliency: float (M, S, S) in 0 to 1, what the answers to the mistakes that are shown rest
            on; None where there are no maps.
        history: The lines of metrics.jsonl.
        about: Further facts about the run, such as `versions`.
    """

    metrics: dict[str, Any]
    recipe: Recipe
    images: NDArray[np.uint8]
    ids: Sequence[str]
    labels: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    apart: Sequence[Apart] = ()
    saliency: NDArray[np.float32] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    what: str | Path,
    reporter: Reporter,
    *,
    data: Sequence[str] = (),
    part: Part | None = None,
    maps: bool = False,
    worse: int = 0,
    script: str | None = None,
) -> Evaluation:
    """Measures a run or a bundle.

    Args:
        what: A run folder, a bundle file, or the name of a reader that ships.
        reporter: Where progress goes.
        data: What to read, as in `pictures.choose`.
        part: Which part of it.
        maps: Whether the worst mistakes are explained, for the page.
        worse: How many of the pictures are read again under each corruption; 0 leaves that out.
        script: Whose digits the labels 0 to 9 are, as in `pictures.choose`.

    Raises:
        UsageError: No such run, bundle, part or script.
        CheckpointError: The run's weights are missing or damaged.
        VerificationError: The bundle is damaged.
        DataError: The pictures cannot be had, or the network answers nonsense.
    """
    subject = open_subject(what, reporter)
    pictures = choose(subject, data, part, reporter, script=script)
    evaluation = measure(subject, pictures, reporter, maps=maps)
    if worse:
        found = _robustness(subject, pictures.split, worse, reporter)
        evaluation.metrics["robustness"] = found
    return evaluation


def _robustness(subject: Subject, split: Split, count: int, reporter: Reporter) -> dict[str, Any]:
    """How some of the digits are read under each corruption, evenly spread over the pictures."""
    classes = subject.recipe.labels
    digits = np.flatnonzero(true_digits(split.labels, classes))
    few = np.linspace(0, len(digits) - 1, min(count, len(digits))).round().astype(int)
    chosen = split.take(digits[few])
    return measure_robustness(
        lambda images: subject.answers(replace(chosen, images=images)),
        chosen.images,
        chosen.labels,
        trained_with=trained_effects(subject.recipe),
        reporter=reporter,
    )


def default_folder(what: str | Path, metrics: Mapping[str, Any]) -> Path:
    """Where a report goes when nobody says: RUN/report, or report-NAME where a bundle was read.

    A report of other pictures than the recipe's test split has a folder of its own.

    Args:
        what: As for `evaluate`.
        metrics: Of the report.
    """
    run = Path(what) if (Path(what) / "recipe.toml").is_file() else None
    name = "report" if run else f"report-{metrics['name']}"
    if not metrics["of_recipe"]:
        named = [one["dataset"] for one in metrics["data"]["sources"]]
        names = "-".join(Path(one).name if Path(one).exists() else one for one in named)
        name += "-" + re.sub(r"[^\w.-]+", "-", names)
    if metrics["part"] not in ("test", WHOLE):
        name += f"-{metrics['part']}"
    return run / name if run else Path(name)


def measure(
    subject: Subject,
    pictures: Pictures,
    reporter: Reporter,
    *,
    maps: bool = False,
) -> Evaluation:
    """Asks a network about pictures, and counts; the arguments are those of `evaluate`.

    Raises:
        DataError: There is no picture of a digit, or the network answers nonsense.
    """
    recipe, split = subject.recipe, pictures.split
    reporter.say(f"evaluating {subject.name} on {len(split)} pictures")
    answered, acceptance = subject.answers(split), subject.acceptance
    found = calibrated(answered, acceptance.temperature)
    judge = Judge(recipe.labels, acceptance)
    figures = evaluate_predictions(
        found,
        split.labels,
        recipe.labels,
        pictures.leaked,
        kinds=split.groups.get(KIND),
        accepted=_accepted(judge, found, split),
    )
    if pictures.negatives is not None and not figures["negatives"]:
        figures["negatives"] = _negatives(subject, pictures.negatives, judge)
    ids = pictures.ids
    for mistake in figures["mistakes"]:
        mistake["id"] = ids[mistake["index"]]
    metrics = (
        describe(recipe, subject.weights)
        | figures
        | about_pictures(recipe, pictures)
        | {
            "training": about_training(subject.training),
            "validation": _validation(subject, pictures),
            "sets": _sets(recipe, split, best_digits(found, recipe.labels)),
        }
        | _further(subject, pictures, answered)
    )
    return Evaluation(
        metrics=metrics,
        recipe=recipe,
        images=split.images,
        ids=ids,
        labels=split.labels,
        probabilities=found,
        apart=pictures.apart,
        saliency=_saliency(subject, split, metrics) if maps else None,
        history=subject.history if pictures.of_recipe else (),
        about=subject.about,
    )


def _negatives(subject: Subject, negatives: Split, judge: Judge) -> dict[str, Any]:
    """Pictures of no digit beside the test split, by the set that they are of."""
    found = calibrated(subject.answers(negatives), subject.acceptance.temperature)
    kinds = np.array([name.partition("/")[2] for name in negatives.groups["dataset"].tolist()])
    every = np.ones(len(negatives), bool)
    return taken_for_digits(_accepted(judge, found, negatives), kinds, every)


def _accepted(judge: Judge, found: NDArray[np.float32], split: Split) -> NDArray[np.bool_]:
    """Bool (N,), whether the reader stands by its answer; never where there is no ink."""
    return judge.accepted(judge(found)) & split.images.any(axis=(1, 2))


def _further(subject: Subject, pictures: Pictures, answered: NDArray[np.float32]) -> dict[str, Any]:
    """The sections that other modules measure; None is "not measured".

    Args:
        subject: What was asked.
        pictures: What it was asked about.
        answered: (N, C), what it answered, uncalibrated.
    """
    recipe, acceptance = subject.recipe, subject.acceptance
    split = pictures.split
    people = true_digits(split.labels, recipe.labels) & _of_people(split)
    right = (best_digits(answered, recipe.labels) == split.labels)[people]
    columns = {name: column[people] for name, column in split.groups.items() if name != KIND}
    return {
        "calibration": calibration_of(
            answered,
            split.labels,
            acceptance.temperature,
            classes=recipe.labels,
            fitted_on=acceptance.fitted_on,
        ),
        "reject": reject_of(answered, split.labels, acceptance, classes=recipe.labels),
        "robustness": None,
        "groups": groups(columns, right),
    }


def _of_people(split: Split) -> NDArray[np.bool_]:
    """Bool (N,), which pictures may fall into groups: not those drawn, where any are not.

    The writers of a drawn set are nobody, and stand in no comparison with people.
    """
    names = split.groups.get("dataset", np.full(len(split), ""))
    drawn = np.array([words.is_drawn(name) for name in names.tolist()], dtype=bool)
    return np.ones(len(split), bool) if drawn.all() else ~drawn


def _saliency(
    subject: Subject, split: Split, metrics: Mapping[str, Any]
) -> NDArray[np.float32] | None:
    """Maps of the mistakes that are shown; None where nothing can be asked, or nothing is wrong."""
    shown = shown_mistakes(metrics)
    if subject.network is None or not shown:
        return None
    texts = [entry.text for entry in subject.recipe.labels]
    answers = np.array([texts.index(mistake["answer"]) for mistake in shown])
    images = np.stack([split.images[mistake["index"]] for mistake in shown])
    return saliency(subject.network, images, answers)


def _validation(subject: Subject, pictures: Pictures) -> dict[str, Any] | None:
    """The figures of the part held out of training; None where it is not at hand."""
    held_out = pictures.validation
    if held_out is None:
        return None
    right = np.zeros(0, bool)
    if len(held_out):
        digits = true_digits(held_out.labels, subject.recipe.labels)
        right = (best_digits(subject.answers(held_out), subject.recipe.labels) == held_out.labels)[
            digits
        ]
    return {
        **score(right),
        "trained_on": subject.recipe.data.train_on == "train+validation",
    }


def _sets(recipe: Recipe, test: Split, answers: NDArray[np.integer]) -> list[dict[str, Any]]:
    """Each data set's part of the pictures, apart: somebody else's handwriting is harder."""
    if "dataset" not in test.groups:
        return []
    trained_on = {source.dataset for source in recipe.data.sources if source.weight > 0}
    same, digits = alike(recipe.labels), true_digits(test.labels, recipe.labels)
    sets = []
    for name in dict.fromkeys(test.groups["dataset"].tolist()):
        of = (test.groups["dataset"] == name) & digits
        if not of.any():
            continue  # pictures of no digits, which are `negatives`
        truth, answer = test.labels[of], answers[of]
        both = None if same is None else score(same[truth, answer])
        sets.append(
            {"dataset": name, "trained_on": name in trained_on, "look_alikes": both}
            | score(truth == answer)
        )
    return sets
