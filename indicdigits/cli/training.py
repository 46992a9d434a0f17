"""What the two training verbs share: options, a run from its recipe to what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from indicdigits.cli.common import DeviceName, emit, parse_devices, reporter
from indicdigits.errors import UsageError

if TYPE_CHECKING:
    from indicdigits.data.parts import Data
    from indicdigits.progress import Reporter
    from indicdigits.recipe import Recipe
    from indicdigits.training.loop import Runtime
    from indicdigits.training.run import Prepared

ScriptRecipe = Annotated[
    str | None,
    typer.Option("--script", help="A script: SCRIPT.toml here, or the recipe that ships."),
]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="A recipe's name, or a recipe file of yours.")
]
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
Coordinator = Annotated[
    str | None,
    typer.Option(
        "--coordinator",
        metavar="HOST:PORT|auto",
        envvar="INDICDIGITS_COORDINATOR",
        help="Where process 0 of several is; auto asks the scheduler, such as SLURM.",
        show_default=False,
    ),
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        min=1,
        envvar="INDICDIGITS_PROCESSES",
        help="How many processes train together.",
        show_default=False,
    ),
]
Process = Annotated[
    int | None,
    typer.Option(
        "--process",
        min=0,
        envvar="INDICDIGITS_PROCESS",
        help="Which of them this is, from 0.",
        show_default=False,
    ),
]
Log = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        metavar="NAME",
        help="Send the epochs to tensorboard, mlflow or wandb as well; repeatable.",
        show_default=False,
    ),
]


class Place(NamedTuple):
    """Where to compute, in the words of the command line."""

    device: DeviceName
    devices: str
    coordinator: str | None
    processes: int | None
    process: int | None


def run(
    verb: str,
    recipe_file: Path | None,
    changes: Sequence[str],
    *,
    resume: Path | None,
    out: Path | None,
    place: Place,
    workers: int,
    log: Sequence[str],
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
        place: Where to compute.
        workers: Processes that draw augmented pictures.
        log: Names of the trackers that the epochs are sent to.
        dry_run: Only say what would be done.
        json: Print the answer as JSON.
        quiet: No progress.
    """
    parse_devices(place.devices)
    if place.coordinator and out is None and resume is None:
        raise UsageError(
            "several processes must be told their folder",
            where="--coordinator",
            hint="--out runs/NAME, or --resume runs/NAME",
        )
    if resume is None:
        assert recipe_file is not None
        recipe, root = _recipe_for(verb, recipe_file, changes), recipe_file.parent
        # The others of several processes may see what process 0 has begun.
        folder = out if place.coordinator and out else new_folder(out, recipe.name)
    from indicdigits.training import lock, processes
    from indicdigits.training import run as runs

    if resume is not None:
        recipe, root = runs.resume_recipe(resume, tuple(changes))
        folder = resume
        if runs.is_finished(resume):
            return _answer(verb, folder, runs.summary(folder), json)
        if not place.coordinator:  # process 0 may have begun before the others look
            lock.refuse_taken(resume)
    say = reporter(quiet)
    processes.join(place.coordinator, place.processes, place.process)
    with processes.leaving_at_once():
        runtime = _runtime(folder, place, recipe, say, workers=workers, log=log, verb=verb)
        if resume is None and processes.is_first():
            new_folder(folder, recipe.name)
        say.quiet = quiet or not processes.is_first()
        prepared = runs.prepare(recipe, root, say)
        for line in describe(prepared):
            say.say(line)
        if not dry_run:
            runs.train(prepared, root, runtime)
        if processes.is_first():
            if dry_run:
                return _say_plan(prepared, folder, json)
            _answer(verb, folder, runs.summary(folder), json)
    return None


def run_draws(
    recipe_file: Path,
    changes: Sequence[str],
    *,
    draws: int,
    out: Path | None,
    place: Place,
    workers: int,
    log: Sequence[str],
    json: bool,
    quiet: bool,
) -> None:
    """Fine-tunes a recipe several times, on other labels each time; mean and spread.

    Args:
        recipe_file: The recipe.
        changes: `key=value` texts, with `data.shots`.
        draws: How many times.
        out: The folder of the runs; where draws of the same recipe stand, they go on.
        place: Where to compute.
        workers: Processes that draw augmented pictures.
        log: Names of the trackers that the epochs are sent to.
        json: Print the answer as JSON.
        quiet: No progress.
    """
    from indicdigits.training import draws as drawing

    recipe = _recipe_for("finetune", recipe_file, changes)
    folder = out or Path("runs") / f"{recipe.name}-{recipe.data.shots}-shots"
    say = reporter(quiet)
    runtime = _runtime(folder, place, recipe, say, workers=workers, log=log, verb="finetune")
    record = drawing.draw_all(recipe, recipe_file.parent, folder, draws, runtime)
    text = (
        f"{recipe.data.shots} labels a class, {draws} draws: {100 * record['mean']:.2f} % "
        f"± {100 * record['deviation']:.2f} of the test split read right, "
        f"{100 * record['lowest']:.2f} to {100 * record['highest']:.2f} %\n"
        f"each draw: {folder / drawing.RECORD}"
    )
    emit({"folder": folder, **record}, json, text)


def _recipe_for(verb: str, file: Path, changes: Sequence[str]) -> Recipe:
    """The recipe of a file, which must be one for that verb."""
    from indicdigits import recipe as recipes

    recipe = recipes.load(file, changes)
    if recipe.task != verb:
        raise UsageError(
            f"is a recipe for `indicdigits {recipe.task}`",
            where=file,
            hint=f"indicdigits {recipe.task} --help",
        )
    return recipe


def _runtime(
    folder: Path,
    place: Place,
    recipe: Recipe,
    say: Reporter,
    *,
    workers: int,
    log: Sequence[str],
    verb: str,
) -> Runtime:
    """The run's folder and devices, which must divide the recipe's batch."""
    import jax

    from indicdigits.progress import STARTED
    from indicdigits.training import device, mesh, trackers
    from indicdigits.training.loop import Runtime

    trackers.check(log)
    devices = parse_devices(place.devices)
    say.say(f"run folder: {folder}")
    device.choose(place.device, say, compute=recipe.training.compute, devices=devices)
    mesh.build(devices, recipe.training.batch_size, recipe.training.accumulate)
    again = f" --coordinator {place.coordinator} …" if jax.process_count() > 1 else ""
    return Runtime(
        run=folder,
        reporter=say,
        workers=workers,
        devices=devices,
        started=STARTED,
        trackers=trackers.Trackers(tuple(dict.fromkeys(log)), say),
        resume_command=f"indicdigits {verb} --resume {folder}{again}",
    )


def _say_plan(prepared: Prepared, folder: Path, json: bool) -> None:
    plan = _plan(prepared, folder)
    shape = " x ".join(map(str, plan["input_shape"]))
    memory = f"{plan['memory_bytes'] / 1e6:,.0f} MB"
    what = f"train on batches of {shape} in about {memory}"
    if not prepared.recipe.phases:
        what = "train nothing"
    emit(plan, json, f"would {what} and write {folder}")


def describe(prepared: Prepared) -> list[str]:
    """What is about to happen, in lines: data, network, phases with their freeze tables."""
    from indicdigits.models import surgery
    from indicdigits.recipe.summary import in_heads, stage_states

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
        f"{_seen(data)}, "
        f"{len(data.test)} to test",
        f"network: {recipe.model.backbone}, {sum(sizes.values()):,} parameters, "
        f"input {recipe.data.input_size}x{recipe.data.input_size}, "
        f"{len(recipe.labels)} classes{in_heads(recipe)}, weights from {recipe.start.weights}",
    ]
    if recipe.distill.teachers:
        lines.append(f"teachers: {', '.join(recipe.distill.teachers)}")
    if recipe.start.head == "prototype":
        lines.append(f"head: class means of {len(data.train):,} pictures")
        if recipe.start.weights == "scratch" and len(sizes) > 1:
            lines.append("  note: they are means of what a random network makes of them")
    if not recipe.phases:
        lines.append("no phases: nothing is trained")
    for index, phase in enumerate(recipe.phases):
        epochs = f"{phase.epochs} epoch{'s' * (phase.epochs > 1)}"
        lines.append(
            f"phase {phase.name}: {epochs}, {phase.optimizer}, peak rate "
            f"{phase.learning_rate:g}, {phase.schedule}"
            + (", what the frozen stages answer is kept" if phase.cache_frozen else "")
        )
        if recipe.start.weights == "scratch" and any(rule.frozen for rule in phase.rules):
            lines.append("  note: what is frozen here keeps its random weights")
        states = stage_states(recipe, phase, first=index == 0)
        width = max(map(len, states))
        lines += [f"  {stage:<{width}}  {sizes[stage]:>8,}  {s}" for stage, s in states.items()]
    return lines


def _seen(data: Data) -> str:
    """How much of the validation part is trained on."""
    import numpy as np

    if not len(data.validation):
        return ""
    both = int(np.isin(data.validation.keys, data.train.keys).sum())
    share = "trained on as well" if both == len(data.validation) else f"{both} of them trained on"
    return f" ({share})" if both else ""


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


def new_folder(out: Path | None, name: str) -> Path:
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
    return path.name in ("run.json", "run.lock") or path.name.endswith(".partial")


def _answer(verb: str, folder: Path, summary: dict[str, Any], json: bool) -> None:
    text = f"trained for {summary['seconds']:.0f} s, {summary['waited']:.1f} s of them "
    text += f"waiting for pictures: {folder}"
    if summary["at_chance"]:
        text += "\nnote: it reads no better than by chance: the weights went astray; "
        text += "try a smaller learning rate, or more epochs"
    if "validation_accuracy" in summary:
        seen = "some of it" if summary["shots"] else "it"
        note = f" (the weights have seen {seen})" if summary["trained_on_validation"] else ""
        text += f"\nvalidation accuracy {100 * summary['validation_accuracy']:.2f} %{note}"
    text += f"\nnext: indicdigits evaluate {folder}"
    if verb == "finetune":
        text += f"\n      indicdigits export {folder} --format onnx"
    emit({"run": folder, **summary}, json, text)
