"""`indicdigits lines`: a reader of whole lines, which sees digits that touch in their context."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indicdigits.cli.common import Device, DeviceName, Json, Quiet, Seed, Set, emit, reporter
from indicdigits.cli.finetune import recipe_file
from indicdigits.cli.training import Out, RecipeName, Resume, ScriptRecipe, new_folder
from indicdigits.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from indicdigits.recipe import Recipe
    from indicdigits.runtime.reader import Reader
    from indicdigits.training.ctc import LineSettings


def lines(
    script: ScriptRecipe = None,
    recipe: RecipeName = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--from", help="Weights to start from: a backbone `cnn`, or another reader of lines."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Batches of lines.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.0, help="The learning rate's peak.", show_default=False),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader", help="The reader of single digits it is joined with; the script's own."
        ),
    ] = None,
    changes: Set = None,
    seed: Seed = None,
    out: Out = None,
    resume: Resume = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a reader of lines on numbers composed of a recipe's training digits."""
    if [script, recipe, resume].count(None) != 2:
        what = "--script devanagari" if resume is None else f"--resume {resume}"
        raise UsageError(
            "give one of --script, --recipe and --resume", hint=f"indicdigits lines {what}"
        )
    begun = (weights, steps, rate, seed, changes, out)
    if resume is not None and any(value is not None for value in begun):
        raise UsageError("a run goes on as it was begun", where="--resume", hint="leave these out")
    chosen, root, settings = _chosen(script, recipe, resume, changes or [])
    given: dict[str, Any] = {
        "start": weights,
        "steps": steps,
        "learning_rate": rate,
        "seed": seed,
    }
    settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
    folder = resume or new_folder(out, f"{chosen.name}-lines")
    joined_with = _reader(reader or chosen.script, chosen)  # before minutes of training
    _train(chosen, root, settings, folder, device, quiet=quiet)
    try:
        made = _export(chosen, folder, joined_with, quiet=quiet)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"stopped while it was joined and measured; the training is finished in {folder}",
            signal_number=signal.SIGINT,
            hint=f"indicdigits lines --resume {folder}",
        ) from error
    emit({"run": folder, **made}, json, _text(folder, made, reader or chosen.script))


def _reader(name: str, recipe: Recipe) -> Reader:
    """The reader of single digits.

    Raises:
        UsageError: There is none, or it reads other digits than the recipe has.
    """
    from indicdigits.runtime.reader import load

    try:
        reader = load(name)
    except UsageError as error:
        raise UsageError(
            error.message,
            where="--reader",
            allowed=error.allowed,
            hint="give the bundle of a reader of these digits: --reader mine.indicdigits",
        ) from error
    theirs = {entry.text for entry in reader.bundle.classes if entry.value in range(10)}
    if not {e.text for e in recipe.labels if e.value in range(10)} <= theirs:
        raise UsageError(
            f"{reader.name!r} reads other digits than the recipe {recipe.name!r}",
            where="--reader",
            allowed=f"a reader of {recipe.script}",
        )
    return reader


def _train(
    recipe: Recipe,
    root: Path,
    settings: LineSettings,
    folder: Path,
    device: DeviceName,
    *,
    quiet: bool,
) -> None:
    from indicdigits.data.lines import hands_of
    from indicdigits.training import ctc, run
    from indicdigits.training import device as devices
    from indicdigits.training.loop import Runtime

    say = reporter(quiet)
    say.say(f"run folder: {folder}")
    devices.choose(device, say)
    if run.is_finished(folder):
        return
    hands = hands_of(recipe, root, "learn", say)
    for hand in hands:
        say.say(f"digits of {hand.dataset}: {len(hand.pool):,}")
    command = f"indicdigits lines --resume {folder}"
    ctc.train(
        recipe, root, hands, settings, Runtime(run=folder, reporter=say, resume_command=command)
    )


def _export(recipe: Recipe, folder: Path, reader: Reader, *, quiet: bool) -> dict[str, Any]:
    """Joins it with a reader of single digits, measures both, and writes the bundle."""
    from indicdigits.export.lines import export_lines
    from indicdigits.runtime.shipped import LINES

    path = folder / f"{recipe.script}{LINES}"
    bundle = export_lines(folder, reader, path, reporter(quiet))
    return {"bundle": path, "lines": bundle.metrics["lines"]}


def _text(folder: Path, made: dict[str, Any], reader: str) -> str:
    rows = [
        f"  {dataset}, {spacing}: {100 * one['exact'] / one['n']:.1f} % exact, "
        f"{100 * one['refused'] / one['n']:.1f} % refused, "
        f"{one['wrong_and_accepted']} of {one['n']} wrong and accepted"
        for dataset, spacings in made["lines"].items()
        for spacing, one in spacings.items()
    ]
    next_step = f"next: indicdigits read PICTURE --script {reader} --lines {made['bundle']}"
    return "\n".join([f"trained: {folder}", "lines of six test digits:", *rows, next_step])


def _chosen(
    script: str | None, recipe: str | None, resume: Path | None, changes: list[str]
) -> tuple[Recipe, Path, LineSettings]:
    """The recipe, the folder of its paths, and how to train."""
    from indicdigits import recipe as recipes
    from indicdigits.training.ctc import LineSettings, read_run

    if resume is not None:
        return read_run(resume)
    known = recipes.shipped()
    if script is not None and f"scripts/{script}-all" in known:
        recipe, script = f"scripts/{script}-all", None  # of every set there is
    file = recipe_file(script, recipe)
    return recipes.load(file, changes), file.parent, LineSettings()
