"""`indicdigits pretrain`: a backbone from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Device, Devices, Json, Quiet, Seed, Set
from indicdigits.cli.training import (
    Coordinator,
    DryRun,
    Out,
    Place,
    Process,
    Processes,
    Resume,
    Workers,
    run,
)
from indicdigits.errors import UsageError


def pretrain(
    recipe: Annotated[
        str | None,
        typer.Argument(help="What to train on (mnist), a recipe's name, or a recipe file."),
    ] = None,
    backbone: Annotated[
        str, typer.Option(help="The backbone, where RECIPE is a data set.")
    ] = "cnn",
    changes: Set = None,
    seed: Seed = None,
    out: Out = None,
    resume: Resume = None,
    device: Device = "auto",
    devices: Devices = "auto",
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    workers: Workers = 0,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a backbone from scratch, as a start for every script."""
    from indicdigits import recipe as recipes

    if (recipe is None) == (resume is None):
        raise UsageError("give either a recipe or --resume RUN", hint="indicdigits pretrain mnist")
    file: Path | None = None
    if recipe is not None:
        short = f"pretrain/{recipe}-{backbone}"
        file = recipes.find(short if short in recipes.shipped() else recipe)
    seeds = [] if seed is None else [f"seed={seed}"]
    run(
        "pretrain",
        file,
        [*(changes or []), *seeds],
        resume=resume,
        out=out,
        place=Place(device, devices, coordinator, processes, process),
        workers=workers,
        dry_run=dry_run,
        json=json,
        quiet=quiet,
    )
