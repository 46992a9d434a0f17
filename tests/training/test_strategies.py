"""The freeze contract, for every backbone and every way to transfer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.data.source import Data
from indicdigits.errors import RecipeError
from indicdigits.models import create, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import STRATEGIES, Recipe
from indicdigits.registry import BACKBONES
from indicdigits.training import phase as phases
from indicdigits.training.loop import Runtime, fit

RECIPE = """
name = "tiny"
task = "finetune"
script = "latin"
strategy = "{strategy}"

[data]
sources = [{{ dataset = "mnist" }}]

[model]
backbone = "{backbone}"

[augment]
copies = 1

[training]
batch_size = 40

[[phases]]
name = "finetune"
epochs = 2
learning_rate = 1e-2
warmup_fraction = 0.0
"""


def recipe_of(strategy: str, backbone: str, folder: Path) -> Recipe:
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(strategy=strategy, backbone=backbone), encoding="utf-8")
    return recipes.load(path)


def snapshot(weights: surgery.Weights) -> dict[str, bytes]:
    host = jax.device_get({**weights.params, **weights.stats})
    return {path: np.asarray(array).tobytes() for path, array in host.items()}


@pytest.mark.parametrize("backbone", list(BACKBONES))
@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_each_phase_changes_what_it_trains_and_nothing_else(
    strategy: str,
    backbone: str,
    bars_data: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frozen parameters and statistics stay byte-identical in every phase; all others change."""
    alone = len(BACKBONES.get(backbone).stages) == 1
    refusals = {
        "only a head": alone and strategy not in ("all", "scratch", "prototype"),
        "no dense layer": strategy == "prototype" and not BACKBONES.get(backbone).ends_dense,
    }
    for message in filter(refusals.get, refusals):
        with pytest.raises(RecipeError, match=message):
            recipe_of(strategy, backbone, tmp_path)
        return
    recipe = recipe_of(strategy, backbone, tmp_path)
    moments: list[tuple[dict[str, bytes], dict[str, bytes]]] = []
    run = phases.PhaseTrainer.run

    def recorded(trainer: phases.PhaseTrainer, stop: object) -> surgery.Weights:
        before = snapshot(trainer.weights)
        after = run(trainer, stop)  # type: ignore[arg-type]
        moments.append((before, snapshot(after)))
        return after

    monkeypatch.setattr(phases.PhaseTrainer, "run", recorded)
    data = dataclasses.replace(bars_data, validation=bars_data.validation.take(np.arange(0)))
    runtime = Runtime(run=tmp_path, reporter=Reporter(quiet=True), save_every=1e9)
    model = create(recipe, seed=0)
    start = snapshot(surgery.split(model)[1])
    end = snapshot(fit(recipe, data, model, runtime))
    assert len(moments) == len(recipe.phases)
    assert (start == end) == (strategy == "prototype")
    for phase, (before, after) in zip(recipe.phases, moments, strict=True):
        changed = {path for path in before if before[path] != after[path]}
        frozen = set(phase.frozen_stages(BACKBONES.get(backbone).parameters))
        assert changed == {path for path in before if path.split("/")[0] not in frozen}
