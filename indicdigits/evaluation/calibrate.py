"""A run's temperature and thresholds, fitted on out-of-fold predictions; RUN/calibration.json.

Everything is chosen on pictures of the training part, read by networks that had not seen them
(`folds`). The temperature is that of the least NLL over all of them. The thresholds are the
smallest that keep the stated rate on each data set, so that a large easy set cannot hide what a
small hard one gets wrong. Where a run has seen handwriting, the drawn digits have no say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.data.source import load_data
from indicdigits.data.storage import write_whole
from indicdigits.errors import CheckpointError, DataError, UsageError
from indicdigits.evaluation.calibration import among_digits, calibration_of, fit_temperature
from indicdigits.evaluation.folds import Predictions, out_of_fold
from indicdigits.evaluation.metrics import true_digits
from indicdigits.evaluation.rejection import outside_threshold, reject_of, threshold_for
from indicdigits.recipe import ClassEntry
from indicdigits.recipe.heads import heads_of
from indicdigits.registry import DATASETS
from indicdigits.runtime.acceptance import (
    NOT_A_DIGIT,
    Acceptance,
    NotADigit,
    Point,
    calibrated,
)
from indicdigits.runtime.doubt import Judge
from indicdigits.runtime.fields import Table
from indicdigits.training import run as runs
from indicdigits.training.loop import Runtime

FILE = "calibration.json"
SCHEMA = 1
ERROR_RATES = (0.01, 0.005, 0.003, 0.002, 0.001, 0.0)  # of which thresholds are kept
# Unless told otherwise a reader refuses this part of the digits at most, those taken for none
# included: what is refused, a person must read.
MOST_REFUSED = 0.02
DIGITS_REFUSED = 0.015  # of true digits, that may be taken for none: most of what may be refused


def calibrate_run(run: Path, folds: int, runtime: Runtime) -> dict[str, Any]:
    """Trains the folds, fits, and writes RUN/calibration.json.

    Args:
        run: A finished run.
        folds: How many parts the training part is cut into.
        runtime: How to train; its run folder is replaced.

    Returns:
        The content of the file.

    Raises:
        UsageError: No finished run is there, or its network is no reader.
        CheckpointError: The answers of folds there are of another recipe or other pictures.
        DataError: The pictures are not what the run was trained on, or too few.
        Interrupted: A signal came; the same command goes on.
    """
    if not (run / "recipe.toml").is_file() or not runs.is_finished(run):
        raise UsageError(
            "no finished run is here",
            where=run,
            allowed="a run folder with its final weights; a bundle holds no pictures to fit on",
            hint="indicdigits finetune --script NAME makes a run",
        )
    recipe, root = runs.resume_recipe(run)
    if heads_of(recipe):
        raise UsageError(
            "this network is told which script a picture is of: it is a start for fine-tuning, "
            "and no reader",
            where=run,
            allowed="a run with one softmax over all classes",
        )
    data = load_data(recipe, root, runtime.reporter)
    runs.check_data(run, recipe, data)
    found = out_of_fold(run, recipe, root, data, folds, runtime)
    content = {
        "schema": SCHEMA,
        "recipe_digest": recipe.digest(),
        "pictures": runs.pictures_digest(data.train),
        "folds": folds,
        **fit(found, recipe.labels, folds),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(run / FILE, text + "\n")
    return content


def fit(found: Predictions, classes: Sequence[ClassEntry], folds: int) -> dict[str, Any]:
    """Chooses temperature and thresholds, and says what they bring on the same predictions.

    Args:
        found: Out-of-fold predictions.
        classes: Of the network.
        folds: How many there were, for people.

    Returns:
        The tables `calibration`, `reject` and `out_of_distribution` of a bundle, and
        `out_of_fold`: the dictionaries of `calibration_of` and `reject_of`, and what was accepted
        of each set of pictures that are no digit.

    Raises:
        DataError: There is no digit, or even the surest answers are wrong too often.
    """
    digits = found.take(true_digits(found.labels, classes))
    real = np.array([not _is_drawn(name) for name in digits.datasets], bool)
    judged = digits.take(real) if real.any() else digits
    if not len(judged.labels):
        raise DataError("no picture is of a digit", hint="indicdigits data show")
    acceptance = _fit(judged, classes, folds)
    negatives = found.take(~true_digits(found.labels, classes))
    both = (judged.probabilities, judged.labels)
    return acceptance.tables() | {
        "out_of_fold": {
            "calibration": calibration_of(
                *both, acceptance.temperature, classes=classes, fitted_on=acceptance.fitted_on
            ),
            "reject": reject_of(*both, acceptance, classes=classes),
            "not_digits": _accepted(negatives, classes, acceptance),
        }
    }


def _fit(judged: Predictions, classes: Sequence[ClassEntry], folds: int) -> Acceptance:
    sets = judged.datasets
    temperature = fit_temperature(*among_digits(judged.probabilities, judged.labels, classes))
    probabilities = calibrated(judged.probabilities, temperature)
    outside = None
    if any(entry.text == NOT_A_DIGIT for entry in classes):
        score = Judge(classes)(probabilities).outside
        least = outside_threshold(score, DIGITS_REFUSED, sets)
        outside = NotADigit(threshold=least, digits_refused=float((score >= least).mean()))
    answers = Judge(classes, Acceptance(not_a_digit=outside))(probabilities)
    right = answers.best == judged.labels
    points = {point.error_rate: point for point in _points(answers.score, right, sets)}
    default = _default(points, answers.score, right, sets)
    points[default.error_rate] = default
    names = ", ".join(np.unique(sets))
    return Acceptance(
        temperature=temperature,
        fitted_on=f"{len(sets):,} training pictures ({names}), each read by a network that had "
        f"not seen it ({folds} folds)",
        threshold=default.threshold,
        error_rate=default.error_rate,
        points=tuple(sorted(points.values(), key=lambda point: point.threshold)),
        not_a_digit=outside,
    )


def _points(
    score: NDArray[np.float64], right: NDArray[np.bool_], sets: NDArray[np.str_]
) -> Iterator[Point]:
    """The thresholds that there are, the laxest first."""
    for rate in ERROR_RATES:
        threshold = threshold_for(score, right, rate, sets)
        if threshold is not None:
            yield Point(
                error_rate=rate, threshold=threshold, coverage=_least(score >= threshold, sets)
            )


def _default(
    points: Mapping[float, Point],
    score: NDArray[np.float64],
    right: NDArray[np.bool_],
    sets: NDArray[np.str_],
) -> Point:
    """The strictest threshold that costs little; the laxest of `points` where that is no better.

    Its error rate is that of the worst set, rounded up to a hundredth of a percent.

    Raises:
        DataError: There is no point.
    """
    if not points:
        raise DataError(
            "even the surest answers are wrong too often for any threshold",
            hint="train on more pictures, or look for wrong labels: indicdigits evaluate RUN",
        )
    laxest, strictest = next(iter(points.values())), [*points.values()][-1]
    if strictest.error_rate == 0 and 1 - strictest.coverage <= MOST_REFUSED:
        return strictest
    rising = [np.sort(score[sets == name]) for name in np.unique(sets)]
    threshold = float(min(one[int(MOST_REFUSED * len(one))] for one in rising))
    accepted = score >= threshold
    if threshold <= laxest.threshold:
        return laxest
    wrong = 1 - _least(right[accepted], sets[accepted])
    rate = float(np.ceil(round(1e4 * wrong, 6)) / 1e4)
    return Point(error_rate=rate, threshold=threshold, coverage=_least(accepted, sets))


def _least(of: NDArray[np.bool_], sets: NDArray[np.str_]) -> float:
    """The smallest share of true ones in any set."""
    return min(float(of[sets == name].mean()) for name in np.unique(sets))


def _is_drawn(dataset: str) -> bool:
    return DATASETS.get(dataset.partition("/")[0]).drawn


def _accepted(
    negatives: Predictions, classes: Sequence[ClassEntry], acceptance: Acceptance
) -> list[dict[str, Any]]:
    """Of each set of pictures that are no digit, how many are taken for one."""
    judge = Judge(classes, acceptance)
    taken = judge.accepted(judge(calibrated(negatives.probabilities, acceptance.temperature)))
    return [
        {"dataset": str(name), "n": int(of.sum()), "accepted": int(taken[of].sum())}
        for name in np.unique(negatives.datasets)
        for of in [negatives.datasets == name]
    ]


def read_acceptance(run: Path, about: Mapping[str, Any]) -> Acceptance:
    """What RUN/calibration.json says; nothing where the run was never calibrated.

    Args:
        run: The run folder.
        about: What its run.json says: `digest` of the recipe and `pictures`.

    Raises:
        CheckpointError: The file is damaged, or was made for another run.
        VerificationError: A field of it is not what it must be.
    """
    path = run / FILE
    if not path.is_file():
        return Acceptance()
    hint = f"indicdigits calibrate {run}"
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"cannot be read: {error}", where=path, hint=hint) from error
    made_for = (content.get("recipe_digest"), content.get("pictures"))
    if made_for != (about.get("digest"), about.get("pictures")):
        raise CheckpointError("was made for another recipe or data", where=path, hint=hint)
    if content.get("schema") != SCHEMA:
        raise CheckpointError(
            f"is of schema {content.get('schema')}", where=path, allowed=f"{SCHEMA}", hint=hint
        )
    return Acceptance.of(Table(content, where=path))
