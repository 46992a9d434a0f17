"""What is compared: runs, bundles, shipped backbones, and other tools' predictions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indicdigits.errors import UsageError
from indicdigits.evaluation.compare import Candidate, of_digits
from indicdigits.evaluation.metrics import best_digits
from indicdigits.evaluation.pictures import Part, choose
from indicdigits.evaluation.predictions import read_predictions
from indicdigits.evaluation.subject import Subject, open_subject
from indicdigits.progress import Reporter
from indicdigits.recipe.heads import heads_of

PREDICTIONS = ".csv"
# What is said of a candidate, where it is known.
UNKNOWN: dict[str, Any] = dict.fromkeys(
    "path recipe script dataset backbone parameters multiply_adds seed epochs seconds "
    "validation_accuracy weights".split()
) | {"part": "test", "told_script": False, "trained_on_validation": False, "finished": True}


def load_candidates(
    names: Sequence[str],
    reporter: Reporter,
    *,
    data: Sequence[str] = (),
    part: Part | None = None,
    script: str | None = None,
) -> list[Candidate]:
    """Has every reader read the pictures, and finds what other tools answered to them.

    Args:
        names: Run folders, checkpoint folders, bundles, names of readers or backbones that ship,
            and CSV files of predictions; at least one that is no CSV.
        reporter: Where progress goes.
        data: What is read; without any, each reader's own test split.
        part: Which part of it.
        script: Whose digits the labels 0 to 9 are, as in `pictures.choose`.

    Raises:
        UsageError: One is named twice, there is none of that name, or all are CSV files.
        CheckpointError: One is damaged.
        VerificationError: A bundle is damaged.
        DataError: The pictures cannot be had, or a CSV does not answer them.
    """
    files = {name for name in names if Path(name).suffix.lower() == PREDICTIONS}
    if len(files) == len(set(names)):
        raise UsageError(
            "predictions alone cannot be compared: nothing says what is right",
            allowed="at least one run, bundle or reader's name among them",
        )
    short = dict(zip(names, short_names(names), strict=True))
    subjects = {name: open_subject(name, reporter) for name in names if name not in files}
    _refuse_twice(names, subjects)
    found = {
        name: load_reader(subject, name, short[name], reporter, data=data, part=part, script=script)
        for name, subject in subjects.items()
    }
    reference = next(iter(found.values()))
    for name in files:
        found[name] = load_predictions(name, short[name], reference)
    return [found[name] for name in names]


def _refuse_twice(names: Sequence[str], subjects: dict[str, Subject]) -> None:
    places = [
        (name, subjects[name].source if name in subjects else Path(name).resolve())
        for name in names
    ]
    for (first, ours), (second, theirs) in itertools.combinations(places, 2):
        if ours == theirs:
            raise UsageError(
                f"{first} and {second} are the same", where=ours, hint="name each once"
            )


def load_reader(
    subject: Subject,
    path: str,
    name: str,
    reporter: Reporter,
    *,
    data: Sequence[str] = (),
    part: Part | None = None,
    script: str | None = None,
) -> Candidate:
    """Has a run or a bundle read the pictures.

    Args:
        subject: The reader.
        path: As the user named it.
        name: What to call it.
        reporter: Where progress goes.
        data: What it reads, as in `pictures.choose`.
        part: Which part of it.
        script: Whose digits the labels 0 to 9 are.

    Raises:
        DataError: The pictures cannot be had, or none is of a digit.
    """
    pictures = choose(subject, data, part, reporter, script=script)
    split, recipe, history = pictures.split, subject.recipe, subject.history
    reporter.say(f"{name}: {recipe.model.backbone} on {len(split)} test pictures")
    seconds = subject.training.get("seconds")
    found = Candidate(
        name=name,
        classes=recipe.labels,
        keys=split.keys,
        labels=split.labels,
        answers=best_digits(subject.answers(split), recipe.labels),
        ids=pictures.ids,
        apart=pictures.apart,
        images=split.images,
        history=history,
        facts=UNKNOWN
        | {
            "path": path,
            "recipe": recipe.name,
            "script": recipe.script,
            "told_script": heads_of(recipe) is not None,
            "dataset": " + ".join(pictures.sources),
            "part": pictures.part,
            "backbone": recipe.model.backbone,
            **subject.size(),
            "seed": recipe.seed,
            "epochs": len(history) or None,
            "seconds": seconds or sum(record.get("seconds", 0) for record in history) or None,
            "validation_accuracy": history[-1].get("validation_accuracy") if history else None,
            "trained_on_validation": recipe.data.train_on != "train",
            "finished": subject.finished,
            "weights": subject.weights,
        },
    )
    return of_digits(found)


def load_predictions(path: str, name: str, reference: Candidate) -> Candidate:
    """What another tool answered to the pictures of a reader.

    Args:
        path: A CSV file with `id` and `prediction`.
        name: What to call the tool.
        reference: A reader that read the same pictures; their ids are those it gives them.

    Raises:
        DataError: The file is no such CSV, or answers other pictures.
    """
    return Candidate(
        name=name,
        classes=reference.classes,
        keys=reference.keys,
        labels=reference.labels,
        answers=read_predictions(
            Path(path),
            reference.ids,
            reference.classes,
            apart={one.id for one in reference.apart},
        ),
        ids=reference.ids,
        images=reference.images,
        facts=UNKNOWN
        | {
            "path": path,
            "script": reference.facts["script"],
            "told_script": reference.facts["told_script"],
            "dataset": reference.facts["dataset"],
            "part": reference.facts["part"],
        },
    )


def short_names(names: Sequence[str]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart."""
    parts = [Path(name).resolve().parts for name in names]
    for count in range(1, max(map(len, parts)) + 1):
        short = ["/".join(path[-count:]) for path in parts]
        if len(set(short)) == len(short):
            return short
    return list(names)
