"""What types alone cannot check in a recipe: ranges, names, classes, options, rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from indicdigits.errors import RecipeError, UsageError, did_you_mean
from indicdigits.recipe.schema import Augment, Phase, Recipe, Rule
from indicdigits.recipe.sources import check_sources
from indicdigits.recipe.strict import shown
from indicdigits.registry import AUGMENTATIONS, BACKBONES, Option
from indicdigits.scripts import SCRIPTS, get_script

NAME = re.compile(r"\w[\w .+-]{0,79}")  # of recipes and phases: they name folders and files
LONGEST_TEXT = 32  # characters of a class
LARGEST_VALUE = 10**15


def check(recipe: Recipe, source: str) -> None:
    """Checks a recipe whole.

    Args:
        recipe: With the right types already.
        source: The file, named in errors.

    Raises:
        RecipeError: The first thing that is wrong.
    """
    _check_name(recipe.name, f"{source}, key name")
    _check_name(recipe.script, f"{source}, key script")
    _check_ranges(recipe, source)
    _check_classes(recipe, source)
    check_sources(recipe, source)
    _check_augment(recipe.augment, f"{source}, key augment.transforms")
    if not recipe.start.weights.strip():
        raise RecipeError(
            "is empty",
            where=f"{source}, key start.weights",
            allowed='"scratch", a shipped backbone, a run folder or a checkpoint folder',
        )
    backbone = BACKBONES.get(recipe.model.backbone, where=f"{source}, key model.backbone")
    _check_options(backbone.options, recipe.model.options, f"{source}, key model.options")
    low, high = backbone.input_sizes
    _range(recipe.data.input_size, low, high, f"{source}, key data.input_size")
    _check_phases(recipe.phases, backbone.parameters, f"{source}, key phases")


def _check_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise RecipeError(
            f"{shown(name)} is no name",
            where=where,
            allowed="letters, digits, space, _ . + -, beginning with a letter or digit",
        )


def _range(value: float, low: float, high: float, where: str) -> None:
    if not low <= value <= high:  # NaN fails here too
        raise RecipeError(f"{value} is out of range", where=where, allowed=f"{low} to {high}")


def _check_ranges(recipe: Recipe, source: str) -> None:
    limits: dict[str, tuple[float, float, float]] = {
        "seed": (recipe.seed, 0, 2**31 - 1),
        "data.seed": (recipe.data.seed, 0, 2**31 - 1),
        "data.validation_fraction": (recipe.data.validation_fraction, 0.0, 0.5),
        "data.shots": (recipe.data.shots, 0, 1_000_000),
        "augment.copies": (recipe.augment.copies, 1, 1000),
        "augment.jitter": (recipe.augment.jitter, 0, 8),
        "training.batch_size": (recipe.training.batch_size, 1, 65536),
        "training.label_smoothing": (recipe.training.label_smoothing, 0.0, 0.5),
        "training.average_decay": (recipe.training.average_decay, 0.0, 0.99999),
        "training.clip_norm": (recipe.training.clip_norm, 0.0, 1e6),
    }
    for index, phase in enumerate(recipe.phases):
        limits |= {
            f"phases.{index}.epochs": (phase.epochs, 1, 100_000),
            f"phases.{index}.learning_rate": (phase.learning_rate, 1e-8, 10.0),
            f"phases.{index}.warmup_fraction": (phase.warmup_fraction, 0.0, 1.0),
            f"phases.{index}.final_fraction": (phase.final_fraction, 0.0, 1.0),
            f"phases.{index}.weight_decay": (phase.weight_decay, 0.0, 10.0),
        }
    for key, (value, low, high) in limits.items():
        _range(value, low, high, f"{source}, key {key}")


def _check_classes(recipe: Recipe, source: str) -> None:
    labels = recipe.labels
    if len(labels) == 1:
        raise RecipeError("one class is none to tell apart", where=f"{source}, key classes")
    if not labels:
        raise RecipeError(
            f"script {recipe.script!r} is not known and no classes are given",
            where=f"{source}, key script",
            allowed=", ".join(SCRIPTS),
            hint=_script_hint(recipe.script),
        )
    texts: list[str] = []
    for index, entry in enumerate(labels):
        where = f"{source}, key classes.{index}"
        if entry.text in texts:
            raise RecipeError(f"text {entry.text!r} stands twice", where=where)
        if not _is_class_text(entry.text):
            raise RecipeError(
                f"{shown(entry.text)} is no text of a class",
                where=f"{where}.text",
                allowed=f"1 to {LONGEST_TEXT} printable characters, no space at either end",
            )
        if entry.value is not None:
            _range(entry.value, 0, LARGEST_VALUE, f"{where}.value")
        texts.append(entry.text)
    for text in recipe.strokes:
        if text not in texts:
            raise RecipeError(
                f"strokes for {text!r}, which is no class",
                where=f"{source}, key strokes",
                allowed=", ".join(texts),
            )


def _is_class_text(text: str) -> bool:
    # isprintable() would refuse the joiners that some scripts need inside a word
    printable = all(c.isprintable() or c in "\u200c\u200d" for c in text)
    return printable and text == text.strip() and 1 <= len(text) <= LONGEST_TEXT


def _script_hint(name: str) -> str:
    try:
        known = get_script(name).name
    except UsageError:
        return did_you_mean(name, SCRIPTS) or "add [[classes]] with text and value"
    return f"script = {known!r}"


def _check_augment(augment: Augment, where: str) -> None:
    for index, transform in enumerate(augment.transforms):
        here = f"{where}.{index}"
        name = transform.get("name")
        if not isinstance(name, str):
            raise RecipeError("has no name", where=here, allowed=", ".join(AUGMENTATIONS))
        options = {key: value for key, value in transform.items() if key != "name"}
        _check_options(AUGMENTATIONS.get(name, where=here).options, options, here)


def _check_options(
    allowed: Mapping[str, Option], given: Mapping[str, str | float], where: str
) -> None:
    for key, value in given.items():
        if key not in allowed:
            raise RecipeError(
                f"unknown key {key!r}",
                where=where,
                allowed=", ".join(allowed),
                hint=did_you_mean(key, allowed),
            )
        if isinstance(value, str):
            raise RecipeError(
                f"{shown(value)} is of the wrong type", where=f"{where}.{key}", allowed="a number"
            )
        _range(value, allowed[key].low, allowed[key].high, f"{where}.{key}")


def _check_phases(phases: tuple[Phase, ...], parameters: Iterable[str], where: str) -> None:
    if not phases:
        raise RecipeError("has no phases", where=where, hint="add [[phases]]")
    names = [phase.name for phase in phases]
    for index, phase in enumerate(phases):
        _check_name(phase.name, f"{where}.{index}.name")
        if phase.name in names[:index]:
            raise RecipeError(f"two phases are called {phase.name!r}", where=f"{where}.{index}")
        _check_rules(phase, parameters, f"{where}.{index}.rules")


def _check_rules(phase: Phase, parameters: Iterable[str], where: str) -> None:
    paths = list(parameters)
    prefixes = list(
        dict.fromkeys(part for path in paths for part in (path.split("/")[0], _layer(path)))
    )
    owner: dict[str, Rule] = {}
    for index, rule in enumerate(phase.rules):
        _range(rule.rate, 1e-6, 1000.0, f"{where}.{index}.rate")
        if rule.frozen and rule.rate != 1.0:
            raise RecipeError("is frozen, and has a rate as well", where=f"{where}.{index}")
        mine = [path for path in paths if path not in owner and rule.matches(path)]
        if not mine:
            matched = any(rule.matches(path) for path in paths)
            raise RecipeError(
                f"rule {rule.prefix!r} matches nothing"
                + (" that an earlier rule has not taken" if matched else ""),
                where=f"{where}.{index}",
                allowed=", ".join(prefixes),
                hint=None if matched else did_you_mean(rule.prefix, [*prefixes, *paths]),
            )
        owner |= dict.fromkeys(mine, rule)
    missing = [path for path in paths if path not in owner]
    if missing:
        raise RecipeError(
            f"no rule matches parameter {missing[0]!r}",
            where=where,
            hint='end the rules with { prefix = "" }, which matches all that is left',
        )
    if all(rule.frozen for rule in owner.values()):
        raise RecipeError("everything is frozen: the phase trains nothing", where=where)


def _layer(path: str) -> str:
    return path.rsplit("/", 1)[0]
