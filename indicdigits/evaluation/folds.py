"""Out-of-fold predictions: what networks answer to training pictures that they have not seen.

A run's own answers to the pictures it was trained on say nothing about how sure it may be. So the
run's recipe is trained K times more, each time without one part of the training part, a fold, and
each network reads its own fold. Every fold is a run of its own under RUN/folds that goes on where
it was interrupted; once its answers are written, its weights are removed.
"""

from __future__ import annotations

import dataclasses
import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from indicdigits.data.parts import Data, Split, check_every_class
from indicdigits.data.storage import write_whole
from indicdigits.errors import CheckpointError, DataError
from indicdigits.recipe import Recipe
from indicdigits.training import run as runs
from indicdigits.training import weights
from indicdigits.training.loop import Runtime

FOLDS = "folds"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What networks answered to pictures that they have not seen.

    Attributes:
        probabilities: float32 (N,C), uncalibrated.
        labels: int64 (N,), true classes.
        datasets: Text (N,), where each picture comes from.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    datasets: NDArray[np.str_]

    def take(self, rows: NDArray[np.bool_]) -> Predictions:
        """Those where a mask is true."""
        return Predictions(
            **{f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self)}
        )


def fold_of_each(pictures: Split, folds: int, *, seed: int) -> NDArray[np.int64]:
    """Shares pictures out among folds.

    Everything of a writer goes to one fold, where the data know writers, and so do identical
    pictures; data sets and classes are in each fold in proportion, as far as that allows.

    Args:
        pictures: N of them, some perhaps several times.
        folds: How many, at least two.
        seed: Another seed, other folds.

    Returns:
        (N,), 0 to `folds` - 1.

    Raises:
        DataError: There are fewer writers, or different pictures, than folds.
    """
    bound = _bound_together(pictures)
    if len(np.unique(bound)) < folds:
        raise DataError(
            f"{folds} folds need as many different pictures or writers", where=pictures.name
        )
    datasets = pictures.groups.get("dataset", np.zeros(len(pictures), int))
    _, dataset = np.unique(datasets, return_inverse=True)
    strata = dataset * (int(pictures.labels.max()) + 1) + pictures.labels
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = np.zeros(len(pictures), np.int64)
    for number, (_, held) in enumerate(splitter.split(strata, strata, bound)):
        found[held] = number
    return found


def _bound_together(pictures: Split) -> NDArray[np.integer]:
    """(N,) equal where pictures share their writer or are identical, over any number of steps."""
    rows = np.arange(len(pictures))
    writers = np.asarray(pictures.groups.get("writer", np.full(len(pictures), ""))).astype(str)
    datasets = np.asarray(pictures.groups.get("dataset", writers)).astype(str)
    names = np.where(writers == "", rows.astype(str), np.char.add(datasets + "\n", writers))
    _, hand = np.unique(names, return_inverse=True)
    _, key = np.unique(pictures.keys, return_inverse=True)
    first_key = int(hand.max()) + 1
    size = first_key + int(key.max()) + 1
    links = coo_array((np.ones(len(rows), bool), (hand, first_key + key)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1][hand])


def out_of_fold(
    run: Path, recipe: Recipe, root: Path, data: Data, folds: int, runtime: Runtime
) -> Predictions:
    """Trains what is missing of the folds, and gives the answers of all.

    Args:
        run: The run folder; the folds go to `folds` in it.
        recipe: Of the run.
        root: The folder that its paths start from.
        data: Its data.
        folds: How many.
        runtime: How to train; its run folder is replaced.

    Raises:
        CheckpointError: The answers there are of another recipe or other pictures.
        DataError: A class would have no picture outside of a fold.
        Interrupted: A signal came; the same command goes on.
    """
    parts = fold_of_each(data.train, folds, seed=recipe.data.seed)
    found = []
    for number in range(folds):
        held = parts == number
        rest = data.train.take(~held)
        check_every_class(rest, recipe.labels)
        folder = run / FOLDS / f"{number + 1}-of-{folds}"
        digest = f"{recipe.digest()} {runs.pictures_digest(rest)}"
        file = folder.with_suffix(".npz")
        if not file.is_file():
            runtime.reporter.say(
                f"fold {number + 1} of {folds}: {len(rest):,} pictures to train on: {folder}"
            )
            here = dataclasses.replace(runtime, run=folder)
            narrowed = dataclasses.replace(data, train=rest)
            answers = _train_and_read(recipe, root, narrowed, _once(data.train, held), here)
            _write(file, answers, digest)
        found.append(_read(file, digest))
        shutil.rmtree(folder, ignore_errors=True)
    columns = (f.name for f in dataclasses.fields(Predictions))
    return Predictions(
        **{name: np.concatenate([getattr(one, name) for one in found]) for name in columns}
    )


def _once(pictures: Split, held: NDArray[np.bool_]) -> Split:
    """The pictures of a fold, each once whatever the weight of its source."""
    rows = np.flatnonzero(held)
    _, first = np.unique(pictures.keys[rows], return_index=True)
    return pictures.take(rows[np.sort(first)])


def _train_and_read(
    recipe: Recipe, root: Path, data: Data, held: Split, runtime: Runtime
) -> Predictions:
    if not runs.is_finished(runtime.run):
        runs.train(runs.prepare(recipe, root, runtime.reporter, data), root, runtime)
    datasets = held.groups.get("dataset", np.full(len(held), held.name))
    return Predictions(
        probabilities=weights.answers(weights.load_model(runtime.run), held),
        labels=held.labels,
        datasets=np.asarray(datasets).astype(str),
    )


def _write(file: Path, answers: Predictions, digest: str) -> None:
    buffer = io.BytesIO()
    columns: dict[str, Any] = {
        f.name: getattr(answers, f.name) for f in dataclasses.fields(answers)
    }
    np.savez(buffer, digest=np.array(digest), **columns)
    write_whole(file, buffer.getvalue())


def _read(file: Path, digest: str) -> Predictions:
    hint = f"remove {file.parent}, and run the same command again"
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["digest"]) != digest:
                raise CheckpointError("is of another recipe or other data", where=file, hint=hint)
            return Predictions(**{f.name: kept[f.name] for f in dataclasses.fields(Predictions)})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CheckpointError(f"cannot be read: {error}", where=file, hint=hint) from error
