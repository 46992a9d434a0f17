"""What a process of another layout does for test_mesh.py; not a test itself.

python layout_worker.py '{"devices": 8, "task": "compare", …}'
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.source import Data
from indicdigits.errors import IndicDigitsError
from indicdigits.models import create, freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Distill, Phase, Recipe, Training
from indicdigits.training import checkpoint, mesh, optim, processes
from indicdigits.training.device import spare_workers
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.step import StepBuilder, fresh_tally

BATCH, STEPS = 32, 10
ADAM = Phase(name="p", epochs=1, learning_rate=3e-3)
SGD = Phase(
    name="p", epochs=1, learning_rate=0.05, optimizer="sgd", warmup_fraction=0, schedule="constant"
)
CASES: dict[str, tuple[Phase, dict[str, Any]]] = {
    # Without warm-up, so that the first step goes somewhere.
    "plain": (SGD, {}),
    "heads": (
        SGD,
        {
            "script": "both",
            "scripts": ("latin", "tamil"),
            "training": Training(batch_size=BATCH, heads="script", label_smoothing=0.1),
        },
    ),
    "everything": (
        ADAM,
        {
            "training": Training(batch_size=BATCH, mixup=0.2, accumulate=2, label_smoothing=0.1),
            "distill": Distill(teachers=("itself",), weight=0.5),
        },
    ),
}


def helpers() -> Any:
    """The neighbours' conftest: bars and the tiny recipe."""
    path = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("training_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps(recipe: Recipe, case: str, count: int | None) -> dict[str, np.ndarray]:
    """Losses of the first ten steps, and parameters and batch statistics after the first."""
    phase, changes = CASES[case]
    recipe = dataclasses.replace(recipe, phases=(phase,), **changes)
    layout = mesh.build(count, BATCH, recipe.training.accumulate)
    model = create(recipe, seed=0)
    freeze.set_modes(model, None)
    teachers = (surgery.split(model),) if recipe.distill.teachers else ()
    freeze.set_modes(model, phase)
    graph, weights = surgery.split(model)
    optimizer = optim.optimizer(phase, 1000, weights.params, clip_norm=1.0)
    builder = StepBuilder(
        graph=graph,
        optimizer=optimizer,
        recipe=recipe,
        teachers=tuple(graph for graph, _ in teachers),
        mesh=layout,
    )
    state = builder.begin(weights)
    step = builder.compile(tuple(w for _, w in teachers))
    data, found, losses = helpers().bars(BATCH * STEPS, 0), {}, []
    # The same ten bars in each script, by turns.
    script = np.arange(len(data)) // 10 % max(len(recipe.scripts), 1)
    for number in range(STEPS):
        rows = slice(number * BATCH, (number + 1) * BATCH)
        mine = layout.rows(BATCH)
        labels = (data.labels + 10 * script)[rows].astype(np.int32)
        state = step(state, data.images[rows][mine], labels[mine])
        losses.append(float(state.tally["loss"]) / BATCH)
        state = state._replace(tally=layout.replicate(fresh_tally()))
        if not number:
            found = {k: np.asarray(v) for k, v in (state.trained | state.stats).items()}
    return {"losses": np.array(losses), **{k.replace("/", "."): v for k, v in found.items()}}


def trained(recipe: Recipe, data: Data, run: Path, devices: int | None) -> surgery.Weights:
    """A whole run."""
    run.mkdir(parents=True, exist_ok=True)
    runtime = Runtime(run=run, reporter=Reporter(quiet=True), save_every=0, devices=devices)
    return fit(recipe, data, create(recipe, seed=0), runtime)


def small(recipe: Recipe) -> Recipe:
    """Trains in seconds to almost no errors: whole, then with kept features and a plateau."""
    first = Phase(name="first", epochs=12, learning_rate=3e-3)
    rules = (
        *(recipes.Rule(prefix=s, frozen=True) for s in ("stem", "stage1")),
        recipes.Rule(prefix=""),
    )
    second = Phase(
        name="second",
        epochs=2,
        learning_rate=1e-3,
        schedule="plateau",
        early_stopping=3,
        cache_frozen=True,
        rules=rules,
    )
    settings = Training(batch_size=24, average_decay=0.9)
    return dataclasses.replace(recipe, phases=(first, second), training=settings)


def small_data() -> Data:
    """Bars; of so many validation pictures, one error is 0.1 points."""
    bars = helpers().bars
    return Data(train=bars(240, 0), validation=bars(1000, 1), test=bars(40, 2))


def rewound(run: Path, target: Path) -> Path:
    """A copy of a run as it stood at its last checkpoint but one."""
    shutil.copytree(run, target)
    shutil.rmtree(checkpoint.steps(target)[-1])
    return target


def main(spec: dict[str, Any]) -> None:
    """Does the task of the specification."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", spec["devices"])
    spare_workers(spec["devices"])
    cases = helpers()  # sets the compilation cache too
    processes.join(spec.get("coordinator"), spec.get("processes"), spec.get("process"))
    out = Path(spec["out"])
    file = out / f"tiny-{spec.get('process', 0)}-{spec['devices']}.toml"
    file.write_text(cases.RECIPE, encoding="utf-8")
    recipe = recipes.load(file)
    with processes.leaving_at_once():
        if spec["task"] == "endless":
            phase = Phase(name="only", epochs=100_000, learning_rate=1e-3)
            endless = dataclasses.replace(recipe, phases=(phase,))
            trained(endless, small_data(), out / spec["run"], None)
            return
        for case in spec["cases"]:
            np.savez(out / f"{spec['name']}-{case}.npz", **steps(recipe, case, None))
        trained(small(recipe), small_data(), out / spec["run"], None)
        if "other" in spec:
            other = rewound(out / spec["other"], out / f"{spec['other']}-on-{spec['name']}")
            trained(small(recipe), small_data(), other, None)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except IndicDigitsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
