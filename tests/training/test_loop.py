"""The loop: freezing, resuming, stopping."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from indicdigits.data.source import Data
from indicdigits.errors import Interrupted, StorageError, TrainingError
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Phase, Recipe, Rule, Training
from indicdigits.training import checkpoint, history, optim
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.step import StepBuilder

FULL = Path("/dev/full")  # takes no byte: every write fails with ENOSPC


def runtime(run: Path) -> Runtime:
    run.mkdir(parents=True, exist_ok=True)
    return Runtime(run=run, reporter=Reporter(quiet=True), save_every=0)


def fitted(recipe: Recipe, data: Data, run: Path) -> surgery.Weights:
    return fit(recipe, data, create(recipe, seed=recipe.seed), runtime(run))


def assert_identical(ours: surgery.Weights, theirs: surgery.Weights) -> None:
    for left, right in ((ours.params, theirs.params), (ours.stats, theirs.stats)):
        assert left.keys() == right.keys()
        for path in left:
            assert np.asarray(left[path]).tobytes() == np.asarray(right[path]).tobytes(), path


def test_frozen_layers_stay_byte_identical_and_all_others_change(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Frozen means parameters and batch statistics; everything else is trained."""
    rules = (Rule(prefix="stem", frozen=True), Rule(prefix="stage1", frozen=True), Rule(prefix=""))
    phase = Phase(name="only", epochs=1, learning_rate=1e-3, rules=rules)
    recipe = dataclasses.replace(tiny_recipe, phases=(phase,))
    model = create(recipe, seed=0)
    before = jax.device_get(surgery.split(model)[1])
    after = fit(recipe, bars_data, model, runtime(tmp_path / "run"))
    for old, new in ((before.params, after.params), (before.stats, after.stats)):
        for path, array in old.items():
            same = np.asarray(array).tobytes() == np.asarray(new[path]).tobytes()
            assert same == path.startswith(("stem/", "stage1/")), path


def test_no_optimizer_state_is_kept_for_frozen_parameters(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """The optimizer's tree holds trained leaves only."""
    fitted(tiny_recipe, bars_data, tmp_path / "run")
    arrays, manifest = checkpoint.load(checkpoint.steps(tmp_path / "run")[-1])
    assert manifest["phase"] == 1
    moments = [path for path in arrays if path.startswith("optimizer|")]
    assert any("stage3/conv1/kernel" in path for path in moments)
    assert not [path for path in moments if "stem/" in path]


@pytest.mark.parametrize("stop_after", [3, 8, 15, 20])
def test_resume_is_bit_exact(
    tiny_recipe: Recipe,
    bars_data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_after: int,
) -> None:
    """K steps, SIGTERM, and the rest equal an uninterrupted run, also across phases."""
    whole = fitted(tiny_recipe, bars_data, tmp_path / "whole")
    calls = 0
    compile_step = StepBuilder.compile

    def make_stopping(builder: StepBuilder, *arguments: object) -> object:
        step = compile_step(builder, *arguments)  # type: ignore[arg-type]

        def counted(*inputs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)
            return step(*inputs)  # type: ignore[arg-type]

        return counted

    monkeypatch.setattr(StepBuilder, "compile", make_stopping)
    with pytest.raises(Interrupted) as caught:
        fitted(tiny_recipe, bars_data, tmp_path / "parts")
    assert caught.value.exit_code == 143
    assert "--resume" in str(caught.value)
    assert_identical(whole, fitted(tiny_recipe, bars_data, tmp_path / "parts"))
    read = [
        [
            {k: v for k, v in json.loads(line).items() if k not in ("seconds", "waited")}
            for line in text
        ]
        for text in (
            (tmp_path / name / "metrics.jsonl").read_text().splitlines()
            for name in ("whole", "parts")
        )
    ]
    assert read[0] == read[1]


def test_resume_passes_over_a_damaged_checkpoint(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """A bad newest step costs only the steps since the good one before it."""
    whole = fitted(tiny_recipe, bars_data, tmp_path / "run")
    newest = checkpoint.steps(tmp_path / "run")[-1]
    victim = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x00\x01")
    assert checkpoint.newest(tmp_path / "run") == checkpoint.steps(tmp_path / "run")[-2]
    assert_identical(whole, fitted(tiny_recipe, bars_data, tmp_path / "run"))
    assert newest.with_name(f"damaged_{newest.name}").is_dir()


def test_a_full_disk_under_the_history(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC while metrics.jsonl grows: a typed error that names it, and resuming is exact."""
    if not FULL.exists():
        pytest.skip("this system has no /dev/full")
    run, right = tmp_path / "run", Path.open

    def full(self: Path, mode: str = "r", **options: object) -> object:
        second = checkpoint.steps(run) and (self.name, mode) == (history.HISTORY, "a")
        return right(FULL if second else self, mode, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(StorageError, match="disk is full") as caught:
            fitted(tiny_recipe, bars_data, run)
    assert caught.value.where == str(run / history.HISTORY)
    assert "--resume" in str(caught.value.hint)
    assert len(history.read_history(run)) == 1
    resumed = fitted(tiny_recipe, bars_data, run)
    assert_identical(fitted(tiny_recipe, bars_data, tmp_path / "whole"), resumed)
    assert len(history.read_history(run)) == 4


@pytest.mark.parametrize(("bad_rate_at", "named"), [(12, 13), (15, 15)])
def test_a_loss_that_is_no_number_names_the_step_and_keeps_what_was_good(
    tiny_recipe: Recipe,
    bars_data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad_rate_at: int,
    named: int,
) -> None:
    """NaN in loss or weights stops the run; the checkpoint before verifies, and holds no NaN."""
    make = optim.schedule
    monkeypatch.setattr(
        optim,
        "schedule",
        lambda phase, steps: (
            lambda step: jax.numpy.where(step < bad_rate_at, make(phase, steps)(step), np.nan)
        ),
    )
    with pytest.raises(
        TrainingError, match=f"not finite at step {named} of phase 'first'"
    ) as caught:
        fitted(tiny_recipe, bars_data, tmp_path / "run")
    assert "learning_rate" in str(caught.value)
    good = checkpoint.newest(tmp_path / "run")
    assert good is not None
    arrays, manifest = checkpoint.load(good)
    assert manifest["step"] == 8
    assert not any(np.isnan(array).any() for array in arrays.values())


def test_waiting_is_counted_and_the_first_step_is_reported(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each epoch says how long it waited for pictures, the run when its first step was done."""
    (tmp_path / "run").mkdir()
    started = time.monotonic() - 1000
    about = Runtime(run=tmp_path / "run", reporter=Reporter(), started=started)
    fit(tiny_recipe, bars_data, create(tiny_recipe, seed=0), about)
    assert capsys.readouterr().err.count("first step done 10") == 1
    records = history.read_history(tmp_path / "run")
    assert all(0 <= record["waited"] <= record["seconds"] for record in records)


def test_training_learns(tiny_recipe: Recipe, bars_data: Data, tmp_path: Path) -> None:
    """A second of training reads most bars that were not trained on."""
    phase = Phase(name="only", epochs=15, learning_rate=3e-3)
    settings = Training(batch_size=24, average_decay=0.9)
    recipe = dataclasses.replace(tiny_recipe, phases=(phase,), training=settings)
    fitted(recipe, bars_data, tmp_path / "run")
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["validation_accuracy"] > 0.8
    assert last["epoch"] == 15
    assert not (tmp_path / "run" / "augmented").exists()


def test_history_cut_off_by_a_kill(tmp_path: Path) -> None:
    """A last line that was cut off costs that line only; no file is no history."""
    assert history.read_history(tmp_path) == []
    text = '{"epoch": 0}\n{"epoch": 1}\n{"epo'
    (tmp_path / history.HISTORY).write_text(text, encoding="utf-8")
    assert [record["epoch"] for record in history.read_history(tmp_path)] == [0, 1]
