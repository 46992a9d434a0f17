"""What a phase can be told: schedules, early ends, kept features, parts, precision."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from indicdigits.data.source import Data
from indicdigits.errors import DataError
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Augment, Phase, Recipe, Rule, Training
from indicdigits.training import checkpoint, optim, watch
from indicdigits.training.loop import Runtime, fit

FROZEN = (
    Rule(prefix="stem", frozen=True),
    Rule(prefix="stage1", frozen=True),
    Rule(prefix="stage2", frozen=True),
    Rule(prefix=""),
)


def trained(recipe: Recipe, data: Data, run: Path, **options: Any) -> surgery.Weights:
    run.mkdir(parents=True, exist_ok=True)
    runtime = Runtime(run=run, reporter=Reporter(quiet=True), save_every=0, **options)
    return jax.device_get(fit(recipe, data, create(recipe, seed=0), runtime))


def one_phase(recipe: Recipe, phase: Phase, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, phases=(phase,), **changes)


def assert_close(ours: surgery.Weights, theirs: surgery.Weights, tolerance: float) -> None:
    for left, right in ((ours.params, theirs.params), (ours.stats, theirs.stats)):
        for path in left:
            np.testing.assert_allclose(left[path], right[path], atol=tolerance, err_msg=path)


def history(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_kept_features_train_to_the_same_weights(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """A frozen prefix computed once gives what computing it in every step gives."""
    phase = Phase(name="only", epochs=3, learning_rate=1e-3, rules=FROZEN)
    still = dataclasses.replace(tiny_recipe.augment, jitter=0)
    settings = dataclasses.replace(tiny_recipe.training, average_decay=0.9)
    plain = one_phase(tiny_recipe, phase, augment=still, training=settings)
    kept = one_phase(plain, dataclasses.replace(phase, cache_frozen=True))
    ours = trained(kept, bars_data, tmp_path / "kept")
    assert_close(ours, trained(plain, bars_data, tmp_path / "plain"), 2e-5)
    assert not list((tmp_path / "kept").glob("features*"))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle", "exponential", "plateau"])
def test_every_schedule_rises_to_its_peak_and_none_beyond(schedule: Any) -> None:
    """The peak is reached at the end of the warm-up; those that fall end where they say."""
    phase = Phase(
        name="p",
        epochs=1,
        learning_rate=0.1,
        schedule=schedule,
        warmup_fraction=0.2,
        final_fraction=0.05,
    )
    rates = np.array([optim.schedule(phase, 100)(step) for step in range(101)])
    assert rates.max() == pytest.approx(0.1, rel=1e-5)
    assert rates.argmax() == 20
    assert (np.diff(rates[:20]) > 0).all()
    ends = 0.1 if schedule in ("constant", "plateau") else 0.005
    assert rates[-1] == pytest.approx(ends, rel=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_every_optimizer_descends_and_decays_kernels_only(optimizer: Any, decay: float) -> None:
    """A step goes downhill; with no gradient only kernels shrink, and only with weight decay."""
    phase = Phase(
        name="p",
        epochs=1,
        optimizer=optimizer,
        learning_rate=0.1,
        weight_decay=decay,
        schedule="constant",
        warmup_fraction=0.0,
    )
    params = {"a/kernel": np.ones(3, np.float32), "a/bias": np.ones(3, np.float32)}
    rule = optim.optimizer(phase, 10, params, clip_norm=0.0)
    downhill, _ = rule.update(
        {p: np.ones_like(a) for p, a in params.items()}, rule.init(params), params
    )
    assert all((update < 0).all() for update in downhill.values())
    still, _ = rule.update(
        {p: np.zeros_like(a) for p, a in params.items()}, rule.init(params), params
    )
    assert (np.asarray(still["a/kernel"]) < 0).all() == (decay > 0)
    assert not np.asarray(still["a/bias"]).any()


def test_plateau_halves_after_three_epochs_without_improvement() -> None:
    """The rate is halved at the third epoch in a row that is no better, and again after three."""
    phase = Phase(name="p", epochs=9, learning_rate=1.0, schedule="plateau")
    seen, scales = watch.fresh(), []
    for loss in (1.0, 0.9, 0.9, 0.95, 0.91, 0.92, 0.93, 0.94, 0.5, 0.6):
        seen = watch.observe(seen, loss, phase)
        scales.append(float(seen["scale"]))
    assert scales == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_early_stopping_ends_the_phase_and_the_next_begins_there(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs without a better validation loss end a phase of twenty; the next one follows."""
    losses = iter([1.0, 0.5, 0.6, 0.7, 0.1])
    observe = watch.observe
    monkeypatch.setattr(watch, "observe", lambda seen, _, phase: observe(seen, next(losses), phase))
    first = Phase(name="first", epochs=20, learning_rate=1e-3, early_stopping=2)
    second = Phase(name="second", epochs=1, learning_rate=1e-3)
    recipe = dataclasses.replace(tiny_recipe, phases=(first, second))
    trained(recipe, bars_data, tmp_path / "run")
    records = history(tmp_path / "run")
    assert [(r["phase"], r["epoch"]) for r in records] == [
        ("first", 1),
        ("first", 2),
        ("first", 3),
        ("first", 4),
        ("second", 1),
    ]
    assert records[-1]["step"] - records[-2]["step"] == records[0]["step"]


def test_resuming_after_an_early_end_or_within_is_exact(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """What validation has decided is saved: any checkpoint of the run leads to the same weights."""
    first = Phase(name="first", epochs=6, learning_rate=0.3, schedule="plateau", early_stopping=3)
    second = Phase(name="second", epochs=1, learning_rate=1e-3)
    recipe = dataclasses.replace(tiny_recipe, phases=(first, second))
    whole = trained(recipe, bars_data, tmp_path / "whole")
    steps = checkpoint.steps(tmp_path / "whole")
    for index, step in enumerate(steps):  # the newest two are kept
        run = tmp_path / f"part-{index}"
        (run / "checkpoints").mkdir(parents=True)
        step.rename(run / "checkpoints" / step.name)
        (run / "metrics.jsonl").write_bytes((tmp_path / "whole" / "metrics.jsonl").read_bytes())
        assert_close(trained(recipe, bars_data, run), whole, 0)


def test_a_batch_in_parts_has_the_gradient_of_the_whole(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Without batch statistics and dropout, accumulating changes memory and nothing else."""
    rules = (
        *(dataclasses.replace(rule, frozen=True) for rule in FROZEN[:3]),
        Rule(prefix="stage3", frozen=True),
        Rule(prefix=""),
    )
    phase = Phase(name="only", epochs=2, learning_rate=1e-2, rules=rules)
    model = dataclasses.replace(tiny_recipe.model, options={"dropout": 0.0})
    whole = one_phase(tiny_recipe, phase, training=Training(batch_size=24), model=model)
    parts = dataclasses.replace(whole, training=Training(batch_size=24, accumulate=4))
    ours = trained(parts, bars_data, tmp_path / "parts")
    assert_close(ours, trained(whole, bars_data, tmp_path / "whole"), 1e-4)


def test_a_batch_smaller_than_its_parts_is_refused(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Fewer pictures than parts is said before anything is computed."""
    few = dataclasses.replace(bars_data, train=bars_data.train.take(np.arange(3)))
    recipe = dataclasses.replace(tiny_recipe, training=Training(batch_size=16, accumulate=4))
    with pytest.raises(DataError, match="has no 4 parts"):
        trained(recipe, few, tmp_path / "run")


@pytest.mark.parametrize(
    "settings",
    [
        Training(batch_size=24, average_decay=0.9, compute="bfloat16"),
        Training(batch_size=24, average_decay=0.9, mixup=0.2),
        Training(batch_size=24, average_decay=0.9, loss="margin"),
        Training(batch_size=24, average_decay=0.9, temperature=5.0),
    ],
    ids=["bfloat16", "mixup", "margin", "temperature"],
)
def test_it_learns_in_every_way_to_train(
    settings: Training, tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Bars are told apart, and parameters stay float32, whatever the loss and the precision."""
    phase = Phase(name="only", epochs=15, learning_rate=3e-3)
    recipe = one_phase(tiny_recipe, phase, training=settings, augment=Augment(jitter=0))
    weights = trained(recipe, bars_data, tmp_path / "run")
    assert history(tmp_path / "run")[-1]["validation_accuracy"] > 0.8
    assert {array.dtype for array in weights.params.values()} == {np.dtype(np.float32)}


def test_augmented_copies_can_be_shared_by_runs(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """Copies kept in a folder of their own serve a second run, which ends with the same weights."""
    shared = tmp_path / "shared"
    first = trained(tiny_recipe, bars_data, tmp_path / "a", augmented=shared)
    stamps = {path: path.stat().st_mtime_ns for path in shared.glob("copy_*.npy")}
    assert len(stamps) == tiny_recipe.augment.copies
    second = trained(tiny_recipe, bars_data, tmp_path / "b", augmented=shared)
    assert stamps == {path: path.stat().st_mtime_ns for path in shared.glob("copy_*.npy")}
    assert_close(first, second, 0)
