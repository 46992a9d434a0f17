"""Checks of a recipe's phases: their numbers, their freeze rules, and what they need."""

from __future__ import annotations

from collections.abc import Sequence

from indicdigits.errors import RecipeError, did_you_mean
from indicdigits.recipe.limits import check_name, check_range
from indicdigits.recipe.schema import Phase, Recipe, Rule
from indicdigits.registry import BACKBONES


def check_phases(recipe: Recipe, source: str) -> None:
    """Checks all phases of a recipe.

    Raises:
        RecipeError: There is none, though the head must be trained; two share a name; a number is
            out of range; the rules miss a parameter, match nothing, train nothing or part a layer;
            validation or a frozen stage is needed and not there.
    """
    where = f"{source}, key phases"
    if not recipe.phases and recipe.start.head != "prototype":
        raise RecipeError(
            "has no phases",
            where=where,
            hint='add [[phases]]; only start.head = "prototype" reads without training',
        )
    paths = BACKBONES.get(recipe.model.backbone).paths(recipe.model.options)
    names = [phase.name for phase in recipe.phases]
    for index, phase in enumerate(recipe.phases):
        here = f"{where}.{index}"
        check_name(phase.name, f"{here}.name")
        if phase.name in names[:index]:
            raise RecipeError(f"two phases are called {phase.name!r}", where=here)
        _check_numbers(phase, here)
        _check_rules(phase, paths, f"{here}.rules")
        _check_validation(recipe, phase, here)
        if phase.cache_frozen:
            _check_cache(recipe, phase, paths, f"{here}.cache_frozen")


def _check_numbers(phase: Phase, where: str) -> None:
    limits: dict[str, tuple[float, float, float]] = {
        "epochs": (phase.epochs, 1, 100_000),
        "learning_rate": (phase.learning_rate, 1e-8, 10.0),
        "momentum": (phase.momentum, 0.0, 0.9999),
        "weight_decay": (phase.weight_decay, 0.0, 10.0),
        "warmup_fraction": (phase.warmup_fraction, 0.0, 1.0),
        "final_fraction": (phase.final_fraction, 0.0, 1.0),
        "early_stopping": (phase.early_stopping, 0, 100_000),
    }
    for key, (value, low, high) in limits.items():
        check_range(value, low, high, f"{where}.{key}")
    if phase.schedule in ("exponential", "one-cycle") and phase.final_fraction <= 0:
        raise RecipeError(
            f"the schedule {phase.schedule!r} cannot end at 0",
            where=f"{where}.final_fraction",
            allowed="more than 0, up to 1",
        )


def _check_rules(phase: Phase, paths: Sequence[str], where: str) -> None:
    prefixes = list(
        dict.fromkeys(part for path in paths for part in (path.split("/")[0], _layer(path)))
    )
    owner: dict[str, Rule] = {}
    for index, rule in enumerate(phase.rules):
        check_range(rule.rate, 1e-6, 1000.0, f"{where}.{index}.rate")
        if rule.frozen and rule.rate != 1.0:
            raise RecipeError(
                "is frozen, and has a rate as well",
                where=f"{where}.{index}",
                hint="leave out the rate, or frozen = true",
            )
        mine = [path for path in paths if path not in owner and rule.matches(path)]
        if not mine:
            matched = any(rule.matches(path) for path in paths)
            raise RecipeError(
                f"rule {rule.prefix!r} matches nothing"
                + (" that an earlier rule has not taken" if matched else ""),
                where=f"{where}.{index}",
                allowed=", ".join(prefixes),
                hint="put it before the rules that match more"
                if matched
                else did_you_mean(rule.prefix, [*prefixes, *paths]),
            )
        owner |= dict.fromkeys(mine, rule)
    missing = [path for path in paths if path not in owner]
    if missing:
        raise RecipeError(
            f"no rule matches parameter {missing[0]!r}",
            where=where,
            hint='end the rules with { prefix = "" }, which matches all that is left',
        )
    _check_layers(owner, where)
    if all(rule.frozen for rule in owner.values()):
        raise RecipeError(
            "everything is frozen: the phase trains nothing",
            where=where,
            hint='let the last rule be { prefix = "head" } or { prefix = "" }, not frozen',
        )


def _check_layers(owner: dict[str, Rule], where: str) -> None:
    """A layer has one mode: its batch statistics cannot both move and stand still."""
    frozen: dict[str, str] = {}
    for path, rule in owner.items():
        first = frozen.setdefault(_layer(path), path)
        if owner[first].frozen != rule.frozen:
            still, moving = (first, path) if owner[first].frozen else (path, first)
            raise RecipeError(
                f"layer {_layer(path)!r} is both frozen and trained: {still!r} is frozen, "
                f"{moving!r} is trained",
                where=where,
                allowed="rules that treat the parameters of a layer alike",
                hint=f"use the prefix {_layer(path)!r}",
            )


def _layer(path: str) -> str:
    return path.rsplit("/", 1)[0]


def _check_validation(recipe: Recipe, phase: Phase, where: str) -> None:
    """What validation decides needs pictures that the weights have not seen."""
    if not phase.needs_validation:
        return
    key = "schedule" if phase.schedule == "plateau" else "early_stopping"
    what = "the plateau schedule" if key == "schedule" else "early stopping"
    if not recipe.data.validation_fraction:
        raise RecipeError(
            f"{what} looks at the validation part, and none is held out",
            where=f"{where}.{key}",
            hint="--set data.validation_fraction=0.1",
        )
    if recipe.data.train_on != "train":
        raise RecipeError(
            f"{what} looks at the validation part, which is trained on as well",
            where=f"{where}.{key}",
            hint="--set data.train_on=train",
        )


def _check_cache(recipe: Recipe, phase: Phase, paths: Sequence[str], where: str) -> None:
    """What is kept is the output of whole frozen stages for pictures that stay as they are."""
    first = paths[0].split("/")[0]
    if first not in phase.frozen_stages(paths):
        raise RecipeError(
            f"nothing to keep: stage {first!r}, the first, is not frozen whole",
            where=where,
            hint=f'begin the rules with {{ prefix = "{first}", frozen = true }}',
        )
    needs_pictures = {
        "training.mixup": recipe.training.mixup > 0,
        "distill.teachers": bool(recipe.distill.teachers),
        "model.options.decoder": recipe.model.options.get("decoder", 0) > 0,
    }
    for key, wanted in needs_pictures.items():
        if wanted:
            raise RecipeError(
                f"{key} needs the pictures, and only what the frozen stages made of them is kept",
                where=where,
                hint="--set phases." + f"{phase.name}.cache_frozen=false",
            )
