"""What the two training verbs share: options, a run from its recipe to what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indicdigits.cli.common import DeviceName, emit, reporter
from indicdigits.errors import UsageError

if TYPE_CHECKING:
    from indicdigits.training.run import Prepared

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The run's folder; runs/NAME without it.", show_default=False),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and what it takes.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, max=64, help="Extra processes that draw pictures.")
]


def run(
    verb: str,
    recipe_file: Path | None,
    changes: Sequence[str],
    *,
    resume: Path | None,
    out: Path | None,
    device: DeviceName,
    workers: int,
    dry_run: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Trains a recipe, or goes on with a run.

    Args:
        verb: "pretrain" or "finetune", for what is said.
        recipe_file: The recipe; None with `resume`.
        changes: `key=value` texts.
        resume: The run to go on with.
        out: The run's folder.
        device: Where to compute.
        workers: Processes that draw augmented pictures.
        dry_run: Only say what would be done.
        json: Print the answer as JSON.
        quiet: No progress.
    """
    from indicdigits import recipe as recipes

    if resume is None:
        assert recipe_file is not None
        recipe, root = recipes.load(recipe_file, changes), recipe_file.parent
        if recipe.task != verb:
            raise UsageError(
                f"is a recipe for `indicdigits {recipe.task}`",
                where=recipe_file,
                hint=f"indicdigits {recipe.task} --help",
            )
        folder = _new_folder(out, recipe.name)
    from indicdigits.training import device as devices
    from indicdigits.training import run as runs
    from indicdigits.training.loop import Runtime

    if resume is not None:
        recipe, root = runs.resume_recipe(resume, tuple(changes))
        folder = resume
        if runs.is_finished(resume):
            return _answer(verb, folder, runs.summary(folder), json)
    say = reporter(quiet)
    say.say(f"run folder: {folder}")
    devices.choose(device, say, compute=recipe.training.compute)
    prepared = runs.prepare(recipe, root, say)
    for line in describe(prepared):
        say.say(line)
    if dry_run:
        plan = _plan(prepared, folder)
        shape = " x ".join(map(str, plan["input_shape"]))
        memory = f"{plan['memory_bytes'] / 1e6:,.0f} MB"
        text = f"would train on batches of {shape} in about {memory} and write {folder}"
        return emit(plan, json, text)
    command = f"indicdigits {verb} --resume {folder}"
    runtime = Runtime(run=folder, reporter=say, workers=workers, resume_command=command)
    runs.train(prepared, root, runtime)
    _answer(verb, folder, runs.summary(folder), json)
    return None


def describe(prepared: Prepared) -> list[str]:
    """What is about to happen, in lines: data, network, phases with their freeze tables."""
    from indicdigits.models import surgery
    from indicdigits.recipe.summary import stage_states

    recipe, data = prepared.recipe, prepared.data
    _, weights = surgery.split(prepared.model)
    sizes: dict[str, int] = {}
    for path, array in weights.params.items():
        stage = path.split("/")[0]
        sizes[stage] = sizes.get(stage, 0) + int(array.size)
    sources = ", ".join(source.dataset for source in recipe.data.sources)
    lines = [
        f"recipe: {recipe.name} ({recipe.digest()[:12]}), seed {recipe.seed}",
        f"data: {sources}: {len(data.train)} to train on, {len(data.validation)} to validate"
        f"{' (trained on as well)' if recipe.data.train_on != 'train' else ''}, "
        f"{len(data.test)} to test",
        f"network: {recipe.model.backbone}, {sum(sizes.values()):,} parameters, "
        f"input {recipe.data.input_size}x{recipe.data.input_size}, "
        f"{len(recipe.labels)} classes, weights from {recipe.start.weights}",
    ]
    if recipe.distill.teachers:
        lines.append(f"teachers: {', '.join(recipe.distill.teachers)}")
    for index, phase in enumerate(recipe.phases):
        lines.append(
            f"phase {phase.name}: {phase.epochs} epochs, {phase.optimizer}, peak rate "
            f"{phase.learning_rate:g}, {phase.schedule}"
            + (", what the frozen stages answer is kept" if phase.cache_frozen else "")
        )
        states = stage_states(recipe, phase, first=index == 0)
        width = max(map(len, states))
        lines += [f"  {stage:<{width}}  {sizes[stage]:>8,}  {s}" for stage, s in states.items()]
    return lines


def _plan(prepared: Prepared, folder: Path) -> dict[str, Any]:
    from indicdigits.training.run import memory_estimate

    data = prepared.data
    return {
        "run": folder,
        "recipe_digest": prepared.recipe.digest(),
        "input_shape": [prepared.recipe.training.batch_size, *data.train.images.shape[1:], 1],
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
        "memory_bytes": memory_estimate(prepared),
        "description": describe(prepared),
    }


def _new_folder(out: Path | None, name: str) -> Path:
    """The folder asked for, which must be free, or the next free one under runs/."""
    if out is not None:
        if out.exists() and not (out.is_dir() and all(map(_is_trifle, out.iterdir()))):
            raise UsageError(
                "is taken",
                where=out,
                hint=f"--resume {out} goes on with a run that stands there; or name another folder",
            )
        return out
    folder, number = Path("runs") / name, 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{name}-{number}"
    return folder


def _is_trifle(path: Path) -> bool:
    """Whether a run killed before it could be resumed left this behind."""
    return path.name == "run.json" or path.name.endswith(".partial")


def _answer(verb: str, folder: Path, summary: dict[str, Any], json: bool) -> None:
    text = f"finished in {summary['seconds']:.0f} s: {folder}"
    if "validation_accuracy" in summary:
        note = " (the weights have seen it)" if summary["trained_on_validation"] else ""
        text += f"\nvalidation accuracy {100 * summary['validation_accuracy']:.2f} %{note}"
    text += f"\nnext: indicdigits evaluate {folder}"
    if verb == "finetune":
        text += f"\n      indicdigits export {folder} --format onnx"
    emit({"run": folder, **summary}, json, text)
