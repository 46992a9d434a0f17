"""A run folder: what it starts from, what it may go on with, and what it refuses."""

from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path

import numpy as np
import pytest

from indicdigits.data import storage
from indicdigits.data.source import Data
from indicdigits.errors import CheckpointError, DataError, RecipeError, StorageError
from indicdigits.models import surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Phase, Recipe, Start
from indicdigits.training import run as runs
from indicdigits.training.loop import Runtime

QUIET = Reporter(quiet=True)


@pytest.fixture
def recipe(tiny_recipe: Recipe, bars_data: Data, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe of one epoch on bars."""
    monkeypatch.setattr(runs, "load_data", lambda recipe, root, reporter: bars_data)
    return dataclasses.replace(
        tiny_recipe, phases=(Phase(name="only", epochs=1, learning_rate=1e-3),)
    )


def trained(recipe: Recipe, run: Path, data: Data | None = None) -> Path:
    prepared = runs.prepare(recipe, run.parent, QUIET)
    if data is not None:
        prepared = dataclasses.replace(prepared, data=data)
    runs.train(prepared, run.parent, Runtime(run=run, reporter=QUIET))
    return run


def final_files(run: Path) -> list[Path]:
    return sorted(p for p in (run / "checkpoints" / "final" / "tree").rglob("*") if p.is_file())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_run_is_refused_to_another_recipe_and_other_pictures(
    recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """A changed recipe.toml, or pictures that changed since, would give a mixture of two runs."""
    run = trained(recipe, tmp_path / "run")
    with pytest.raises(RecipeError, match="not the recipe the run began with"):
        trained(dataclasses.replace(recipe, seed=9), run)
    train = dataclasses.replace(bars_data.train, labels=bars_data.train.labels[::-1])
    with pytest.raises(DataError, match="mnist is not what it was") as caught:
        trained(recipe, run, dataclasses.replace(bars_data, train=train))
    assert caught.value.where == str(run)


def test_damaged_final_weights_are_made_anew(recipe: Recipe, tmp_path: Path) -> None:
    """Final weights with a flipped bit are refused by name; resuming makes the same ones again."""
    run = trained(recipe, tmp_path / "run")
    before = runs.load_weights(run).weights
    damaged = max(final_files(run), key=lambda path: path.stat().st_size)
    flip(damaged)
    with pytest.raises(CheckpointError, match="digest differs") as caught:
        runs.load_weights(run)
    assert caught.value.where == str(damaged)
    assert "--resume" in str(caught.value.hint)
    assert not runs.is_finished(run)
    after = runs.load_weights(trained(recipe, run)).weights
    assert runs.is_finished(run)
    for path, array in before.params.items():
        np.testing.assert_array_equal(array, after.params[path])


def test_what_a_run_starts_from_must_be_whole_and_fit(recipe: Recipe, tmp_path: Path) -> None:
    """Another head is refused where it is kept and replaced where it is reset; damage always."""
    run = trained(recipe, tmp_path / "run")
    classes = tuple(ClassEntry(text=text) for text in "abc")
    start = Start(weights=str(run), head="keep")
    other = dataclasses.replace(recipe, task="finetune", classes=classes, start=start)
    with pytest.raises(CheckpointError, match="head/dense") as caught:
        runs.prepare(other, tmp_path, QUIET)
    assert 'start.head = "reset"' in str(caught.value.hint)
    assert caught.value.exit_code == 5
    reset = dataclasses.replace(other, start=Start(weights=str(run), head="reset"))
    _, weights = surgery.split(runs.prepare(reset, tmp_path, QUIET).model)
    old = runs.load_weights(run).weights
    assert weights.params["head/dense/kernel"].shape[1] == 3
    np.testing.assert_array_equal(
        weights.params["stem/conv/kernel"], old.params["stem/conv/kernel"]
    )
    final_files(run)[0].unlink()
    with pytest.raises(CheckpointError, match="a file is missing"):
        runs.prepare(reset, tmp_path, QUIET)


def test_killed_before_it_could_be_resumed(recipe: Recipe, tmp_path: Path) -> None:
    """What a run leaves behind before its recipe is written does not stand in the way."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text('{"digest": "of another recipe", "root": "/"}')
    (run / ".recipe.toml.0123.partial").write_text("half")
    trained(recipe, run)
    assert runs.is_finished(run)
    assert not list(run.glob(".*"))
    assert runs.summary(run)["digest"] == recipe.digest()


def test_a_full_disk_when_a_run_begins(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for run.json is a typed error with its path."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "flush", full)
    with pytest.raises(StorageError, match="disk is full") as caught:
        trained(recipe, tmp_path / "run")
    assert caught.value.where == str(tmp_path / "run" / "run.json")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.lock"]


@pytest.mark.parametrize(("accuracy", "at_chance"), [(0.1, True), (0.3, False)])
def test_a_run_that_only_guesses_says_so(
    recipe: Recipe, tmp_path: Path, accuracy: float, at_chance: bool
) -> None:
    """Weights that went astray without a NaN do not pass for a reader."""
    run = trained(recipe, tmp_path / "run")
    history = (run / "metrics.jsonl").read_text().splitlines()
    record = json.loads(history[-1]) | {"train_accuracy": accuracy}
    (run / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    assert runs.summary(run)["at_chance"] == at_chance
