"""`indicdigits finetune`: from a pretrained backbone to a reader of one script."""

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
    RecipeName,
    Resume,
    ScriptRecipe,
    Workers,
    run,
    run_draws,
)
from indicdigits.errors import UsageError


def finetune(
    script: ScriptRecipe = None,
    recipe: RecipeName = None,
    weights: Annotated[
        str | None,
        typer.Option("--from", help="Weights to start from: a shipped backbone, a run, a path."),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", help="Another backbone than the recipe's, from its weights."),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            help="How to transfer: freeze, probe, probe-then-finetune, gradual, layer-rates, "
            "all, scratch, prototype.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Train on this data set instead of the recipe's.")
    ] = None,
    negatives: Annotated[
        bool,
        typer.Option(
            "--negatives",
            help="Teach it to refuse, too: scribbles, blank cells, letters, foreign digits.",
        ),
    ] = False,
    shots: Annotated[
        int | None,
        typer.Option(
            "--shots", min=1, help="Train on so many labels of each class.", show_default=False
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--draws",
            min=1,
            max=1000,
            show_default=False,
            help="With --shots: so many times, on other labels; mean and spread.",
        ),
    ] = None,
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
    """Fine-tune a pretrained backbone on a script, its early layers frozen."""
    if [script, recipe, resume].count(None) != 2:
        raise UsageError(
            "give one of --script, --recipe and --resume",
            hint="indicdigits finetune --script devanagari",
        )
    file = None if resume is not None else recipe_file(script, recipe)
    options = _changes(weights=weights, backbone=backbone, strategy=strategy, data=data, seed=seed)
    settings = [*_negatives(negatives), *(changes or []), *options]
    if shots is not None:
        if file is None:
            raise UsageError("a run goes on with the shots it has", where="--shots")
        settings = _with_shots(file, settings, shots)
    place = Place(device, devices, coordinator, processes, process)
    if draws is not None:
        if shots is None or file is None or coordinator or dry_run:
            raise UsageError(
                "is for one process, with --shots and without --dry-run",
                where="--draws",
                hint="indicdigits finetune --script devanagari --shots 5 --draws 20",
            )
        run_draws(
            file,
            settings,
            draws=draws,
            out=out,
            place=place,
            workers=workers,
            log=log or [],
            json=json,
            quiet=quiet,
        )
        return
    run(
        "finetune",
        file,
        settings,
        resume=resume,
        out=out,
        place=place,
        workers=workers,
        log=log or [],
        dry_run=dry_run,
        json=json,
        quiet=quiet,
    )


def _negatives(wanted: bool) -> list[str]:
    """The change for pictures of no digit, before what the user sets: another weight stands."""
    from indicdigits.recipe.negatives import USUAL

    return [f"data.negatives={USUAL}"] if wanted else []


def _with_shots(file: Path, changes: list[str], shots: int) -> list[str]:
    """Changes for so few labels; what the user has set comes last, and stands."""
    from indicdigits import recipe as recipes
    from indicdigits.training.draws import few

    # A strategy shares out the epochs of the recipe's own phases, and names others.
    pattern = [change for change in changes if not change.startswith("strategy=")]
    return [*few(recipes.load(file, pattern), shots), *changes]


def recipe_file(script: str | None, recipe: str | None) -> Path:
    """The file of a script's recipe, in this folder or shipped, or of a recipe by name or path."""
    from indicdigits import recipe as recipes
    from indicdigits.scripts import find_script

    if script is None:
        assert recipe is not None
        return recipes.find(recipe)
    known = recipes.shipped()
    if Path(f"{script}.toml").is_file():
        return Path(f"{script}.toml")  # what `recipe new` has written, also where one ships
    name = script if f"scripts/{script}" in known else find_script(script).name
    if Path(f"{name}.toml").is_file():
        return Path(f"{name}.toml")
    if f"scripts/{name}" not in known:
        ready = [full.removeprefix("scripts/") for full in known if full.startswith("scripts/")]
        raise UsageError(
            f"no recipe ships for {name} yet",
            allowed=", ".join(ready),
            hint=f"indicdigits recipe new {name}, which writes one",
        )
    return recipes.find(f"scripts/{name}")


def _changes(
    *,
    weights: str | None,
    backbone: str | None,
    strategy: str | None,
    data: str | None,
    seed: int | None,
) -> list[str]:
    """The options as `--set` texts."""
    from indicdigits.registry import BACKBONES

    if backbone is not None:
        # The recipe's rules name stages of its own backbone; one that is all head freezes none.
        entry = BACKBONES.get(backbone) if backbone in BACKBONES else None
        strategy = strategy or ("all" if entry and len(entry.stages) == 1 else "freeze")
        weights = weights or f"mnist-{backbone}"
    texts = {
        "model.backbone": backbone,
        "start.weights": weights,
        "strategy": strategy,
    }
    changes = [f'{key}="{value}"' for key, value in texts.items() if value is not None]
    if data is not None:
        changes.append(f'data.sources=[{{dataset="{data}"}}]')
    if seed is not None:
        changes.append(f"seed={seed}")
    return changes
