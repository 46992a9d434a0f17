"""`indicdigits finetune`: from a pretrained backbone to a reader of one script."""

from __future__ import annotations

from typing import Annotated

import typer

from indicdigits.cli.common import Device, Json, Quiet, Seed, Set
from indicdigits.cli.training import DryRun, Out, Resume, Workers, run
from indicdigits.errors import UsageError


def finetune(
    script: Annotated[
        str | None, typer.Option("--script", help="A script that has a shipped recipe.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="A recipe's name, or a recipe file of yours.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--from", help="Weights to start from: a shipped backbone, a run, a path."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Train on this data set instead of the recipe's.")
    ] = None,
    changes: Set = None,
    seed: Seed = None,
    out: Out = None,
    resume: Resume = None,
    device: Device = "auto",
    workers: Workers = 0,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune a pretrained backbone on a script, its early layers frozen."""
    from indicdigits import recipe as recipes
    from indicdigits.scripts import get_script

    if [script, recipe, resume].count(None) != 2:
        raise UsageError(
            "give one of --script, --recipe and --resume",
            hint="indicdigits finetune --script devanagari",
        )
    file = None
    if script is not None:
        known = recipes.shipped()
        name = script if f"scripts/{script}" in known else get_script(script).name
        if f"scripts/{name}" not in known:
            ready = [full.removeprefix("scripts/") for full in known if full.startswith("scripts/")]
            raise UsageError(
                f"no recipe ships for {name} yet",
                allowed=", ".join(ready),
                hint=f"indicdigits recipe cp labelled-images {name}.toml, then edit it "
                f"and use --recipe {name}.toml",
            )
        file = recipes.find(f"scripts/{name}")
    elif recipe is not None:
        file = recipes.find(recipe)
    extra = list(changes or [])
    if weights is not None:
        extra.append(f'start.weights="{weights}"')
    if data is not None:
        extra.append(f'data.sources=[{{dataset="{data}"}}]')
    if seed is not None:
        extra.append(f"seed={seed}")
    run(
        "finetune",
        file,
        extra,
        resume=resume,
        out=out,
        device=device,
        workers=workers,
        dry_run=dry_run,
        json=json,
        quiet=quiet,
    )
