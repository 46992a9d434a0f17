"""Which of several readers is better on the same test pictures, and whether that may be chance.

Everything below `load_runs` works on `Candidate`s, so that whatever answers the same pictures can
be compared, a run or not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.errors import DataError, UsageError
from indicdigits.evaluation.metrics import score
from indicdigits.evaluation.report import read_about
from indicdigits.evaluation.significance import holm, mcnemar
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry
from indicdigits.recipe.heads import heads_of

SCHEMA = 1
LEVEL = 0.05  # an adjusted p-value below it is called a difference


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a reader answered on its test split.

    Attributes:
        name: Told apart by it from the others.
        classes: The C classes, in the order of their indices.
        keys: S32 (N,), digests of the test pictures.
        labels: int (N,), their true classes.
        answers: int (N,), the classes it answered.
        history: A record for every epoch of its training; empty where none is known.
        facts: What else the table says of it, plain data for JSON.
    """

    name: str
    classes: tuple[ClassEntry, ...]
    keys: NDArray[np.bytes_]
    labels: NDArray[np.integer]
    answers: NDArray[np.integer]
    history: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any]


def load_runs(names: Sequence[str], reporter: Reporter) -> list[Candidate]:
    """Reads the test split of each run with its final (or, unfinished, averaged) weights.

    Args:
        names: Run folders, checkpoint folders, or names of shipped backbones.
        reporter: Where progress goes.

    Raises:
        UsageError: One is named twice.
        CheckpointError: One is missing or damaged.
        DataError: The test split cannot be had.
    """
    # Here, not above: comparing answers that are there needs no JAX.
    from indicdigits.training.weights import find_weights

    folders = [find_weights(name).resolve() for name in names]
    for first, second in itertools.combinations(range(len(names)), 2):
        if folders[first] == folders[second]:
            raise UsageError(
                f"{names[first]} and {names[second]} are the same weights",
                where=folders[first],
                hint="name each run once",
            )
    short = short_names(names)
    return [load_run(*both, reporter) for both in zip(names, short, strict=True)]


def load_run(path: str, name: str, reporter: Reporter) -> Candidate:
    """Loads one run and reads its test split.

    Args:
        path: A run folder, a checkpoint folder, or the name of a shipped backbone.
        name: What to call it.
        reporter: Where progress goes.
    """
    from indicdigits.data.source import load_data
    from indicdigits.models import surgery
    from indicdigits.models.cost import multiply_adds
    from indicdigits.training.history import read_history
    from indicdigits.training.weights import answers, find_weights, load_model

    loaded, folder = load_model(path), _run_folder(find_weights(path))
    recipe, about = loaded.recipe, read_about(folder)
    history = read_history(folder)
    finished = loaded.info.get("kind") == "weights"
    if not finished:
        reporter.say(f"{name} is not finished: --resume {folder} finishes it")
    test = load_data(recipe, Path(about.get("root", folder)), reporter).test
    reporter.say(f"{name}: {recipe.model.backbone} on {len(test)} test pictures")
    _, weights = surgery.split(loaded.model)
    seconds = about.get("seconds") or loaded.info.get("seconds")
    return Candidate(
        name=name,
        classes=recipe.labels,
        keys=test.keys,
        labels=test.labels,
        answers=answers(loaded, test).argmax(axis=1),
        history=history,
        facts={
            "path": path,
            "recipe": recipe.name,
            "script": recipe.script,
            "told_script": heads_of(recipe) is not None,
            "dataset": " + ".join(source.dataset for source in recipe.data.sources),
            "backbone": recipe.model.backbone,
            "parameters": sum(int(array.size) for array in weights.params.values()),
            "multiply_adds": multiply_adds(loaded.model, recipe.data.input_size),
            "seed": recipe.seed,
            "epochs": len(history) or None,
            "seconds": seconds or sum(record.get("seconds", 0) for record in history) or None,
            "validation_accuracy": history[-1].get("validation_accuracy") if history else None,
            "trained_on_validation": recipe.data.train_on != "train",
            "finished": finished,
            "weights": "final" if finished else f"averaged, step {loaded.info.get('step')}",
        },
    )


def _run_folder(weights: Path) -> Path:
    """The run that a checkpoint folder belongs to, or the folder itself where there is none."""
    run = weights.resolve().parent.parent
    return run if (run / "recipe.toml").is_file() else weights


def short_names(names: Sequence[str]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart."""
    parts = [Path(name).resolve().parts for name in names]
    for count in range(1, max(map(len, parts)) + 1):
        short = ["/".join(path[-count:]) for path in parts]
        if len(set(short)) == len(short):
            return short
    return list(names)


def compare(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Scores each candidate, and tests each pair.

    Args:
        candidates: At least two, which answered the same pictures, in whatever order.

    Returns:
        Plain data for JSON: schema, classes, n, level, `runs` in the order given, and `pairs`.

    Raises:
        DataError: They answered other pictures, or have other classes.
    """
    same = on_same_pictures(candidates)
    right = {candidate.name: candidate.answers == candidate.labels for candidate in same}
    return {
        "schema": SCHEMA,
        "classes": [{"text": entry.text, "value": entry.value} for entry in same[0].classes],
        "n": len(same[0].labels),
        "level": LEVEL,
        "runs": [
            {"name": candidate.name, **candidate.facts, **score(right[candidate.name])}
            for candidate in same
        ],
        "pairs": _pairs(right),
    }


def _pairs(right: Mapping[str, NDArray[np.bool_]]) -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = []
    for first, second in itertools.combinations(right, 2):
        only_first = int(np.count_nonzero(right[first] & ~right[second]))
        only_second = int(np.count_nonzero(right[second] & ~right[first]))
        pairs.append(
            {
                "first": first,
                "second": second,
                "only_first_right": only_first,
                "only_second_right": only_second,
                "both_wrong": int(np.count_nonzero(~right[first] & ~right[second])),
                "p": mcnemar(only_first, only_second),
            }
        )
    for pair, adjusted in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_adjusted"], pair["better"] = adjusted, None
        if adjusted < LEVEL:
            ahead = pair["only_first_right"] > pair["only_second_right"]
            pair["better"] = pair["first" if ahead else "second"]
    return pairs


def on_same_pictures(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with their pictures in the order of the first one.

    Raises:
        DataError: They have other classes, were told more, or answered other pictures; which
            ones is said.
    """
    first, *others = candidates
    if not len(first.labels):
        raise DataError("the test split is empty", where=first.name)
    strange = [other.name for other in others if _texts(other) != _texts(first)]
    if strange:
        raise DataError(
            f"not the classes of {first.name}",
            where=", ".join(strange),
            allowed=" ".join(_texts(first)),
            hint="compare readers of the same classes",
        )
    easier = [one.name for one in candidates if one.facts.get("told_script")]
    if easier and len(easier) < len(candidates):
        raise DataError(
            "is told each picture's script, and the others must find it out",
            where=", ".join(easier),
            hint="compare runs that are asked the same",
        )
    differences = {other.name: _difference(first, other) for other in others}
    unlike = [f"{name} ({words})" for name, words in differences.items() if words]
    if unlike:
        raise DataError(
            f"not tested on the pictures of {first.name}: {'; '.join(unlike)}",
            hint="compare readers that were tested on the same pictures",
        )
    return [first, *(_in_order_of(first, other) for other in others)]


def _texts(candidate: Candidate) -> list[str]:
    return [entry.text for entry in candidate.classes]


def _order(candidate: Candidate) -> NDArray[np.intp]:
    """Indices that sort the pictures; those that are identical keep their order."""
    return np.lexsort((candidate.labels, candidate.keys))


def _difference(first: Candidate, other: Candidate) -> str:
    """How the test pictures differ, in words; empty where they do not."""
    if len(first.labels) != len(other.labels):
        return f"{len(other.labels)} pictures, not {len(first.labels)}"
    ours, theirs = _order(first), _order(other)
    unknown = np.count_nonzero(first.keys[ours] != other.keys[theirs])
    if unknown:
        unknown = np.count_nonzero(~np.isin(other.keys, first.keys))
        return f"{unknown} pictures are others" if unknown else "some pictures more than once"
    wrong = np.count_nonzero(first.labels[ours] != other.labels[theirs])
    return f"{wrong} pictures have other labels" if wrong else ""


def _in_order_of(first: Candidate, other: Candidate) -> Candidate:
    if np.array_equal(first.keys, other.keys) and np.array_equal(first.labels, other.labels):
        return other
    places = np.empty(len(first.labels), np.intp)
    places[_order(first)] = _order(other)
    return replace(
        other,
        keys=other.keys[places],
        labels=other.labels[places],
        answers=other.answers[places],
    )
