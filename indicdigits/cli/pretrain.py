"""`indicdigits pretrain`: a backbone from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Device, Devices, Json, Quiet, Seed, Set
from indicdigits.cli.training import (
    Coordinator,
    DryRun,
    Log,
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
        typer.Argument(help="What to train on (mnist, indic), a recipe's name, or a recipe file."),
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
    log: Log = None,
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
        file = recipes.find(_recipe_name(recipe, backbone))
    seeds = [] if seed is None else [f"seed={seed}"]
    run(
        "pretrain",
        file,
        [*(changes or []), *seeds],
        resume=resume,
        out=out,
        place=Place(device, devices, coordinator, processes, process),
        workers=workers,
        log=log or [],
        dry_run=dry_run,
        json=json,
        quiet=quiet,
    )


def _recipe_name(recipe: str, backbone: str) -> str:
    """The recipe of a data set for a backbone, where RECIPE is a data set; else RECIPE."""
    from indicdigits import recipe as recipes
    from indicdigits.registry import BACKBONES

    known = recipes.shipped()
    ready = [name for name in BACKBONES if f"pretrain/{recipe}-{name}" in known]
    if not ready or backbone in ready:
        return f"pretrain/{recipe}-{backbone}" if ready else recipe
    BACKBONES.get(backbone, where="--backbone")
    changes = f"model.backbone={backbone} --set name={recipe}-{backbone}"
    raise UsageError(
        f"no recipe ships that trains {backbone} on {recipe}",
        where="--backbone",
        allowed=", ".join(ready),
        hint=f"indicdigits pretrain {recipe} --set {changes}, and a learning rate that suits it",
    )
