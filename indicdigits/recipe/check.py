"""What types alone cannot check in a recipe: ranges, names, classes, options, rules."""

from __future__ import annotations

from collections.abc import Mapping

from indicdigits.errors import RecipeError, UsageError, did_you_mean
from indicdigits.recipe.heads import check_heads, check_scripts
from indicdigits.recipe.limits import check_name, check_range
from indicdigits.recipe.phases import check_phases
from indicdigits.recipe.schema import Augment, Recipe
from indicdigits.recipe.sources import check_sources
from indicdigits.recipe.strict import shown
from indicdigits.registry import AUGMENTATIONS, BACKBONES, Option
from indicdigits.scripts import SCRIPTS, get_script

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
    check_name(recipe.name, f"{source}, key name")
    check_name(recipe.script, f"{source}, key script")
    _check_ranges(recipe, source)
    check_scripts(recipe, source)
    _check_classes(recipe, source)
    check_heads(recipe, source)
    check_sources(recipe, source)
    _check_augment(recipe.augment, f"{source}, key augment.transforms")
    if not recipe.start.weights.strip():
        raise RecipeError(
            "is empty",
            where=f"{source}, key start.weights",
            allowed='"scratch", a shipped backbone, a run folder or a checkpoint folder',
        )
    backbone = BACKBONES.get(recipe.model.backbone, where=f"{source}, key model.backbone")
    if recipe.start.head == "prototype" and not backbone.ends_dense:
        raise RecipeError(
            f"the head of {recipe.model.backbone!r} has no dense layer that class means could fill",
            where=f"{source}, key start.head",
            allowed="reset, keep",
            hint="for class means take "
            + ", ".join(n for n in BACKBONES if BACKBONES.get(n).ends_dense),
        )
    _check_options(backbone.options, recipe.model.options, f"{source}, key model.options")
    low, high = backbone.input_sizes
    check_range(recipe.data.input_size, low, high, f"{source}, key data.input_size")
    if recipe.data.input_size % backbone.input_multiple:
        raise RecipeError(
            f"{recipe.data.input_size} is no size for {recipe.model.backbone!r}",
            where=f"{source}, key data.input_size",
            allowed=f"multiples of {backbone.input_multiple} from {low} to {high}",
        )
    whole, parts = recipe.training.batch_size, recipe.training.accumulate
    if whole % parts:
        raise RecipeError(
            f"a batch of {whole} has no {parts} equal parts",
            where=f"{source}, key training.accumulate",
            allowed="a divisor of training.batch_size",
        )
    check_phases(recipe, source)


def _check_ranges(recipe: Recipe, source: str) -> None:
    limits: dict[str, tuple[float, float, float]] = {
        "seed": (recipe.seed, 0, 2**31 - 1),
        "data.seed": (recipe.data.seed, 0, 2**31 - 1),
        "data.validation_fraction": (recipe.data.validation_fraction, 0.0, 0.5),
        "data.shots": (recipe.data.shots, 0, 1_000_000),
        "augment.copies": (recipe.augment.copies, 1, 1000),
        "augment.jitter": (recipe.augment.jitter, 0, 8),
        "training.batch_size": (recipe.training.batch_size, 1, 65536),
        "training.accumulate": (recipe.training.accumulate, 1, 1024),
        "training.temperature": (recipe.training.temperature, 0.05, 100.0),
        "training.mixup": (recipe.training.mixup, 0.0, 10.0),
        "distill.temperature": (recipe.distill.temperature, 0.05, 100.0),
        "distill.weight": (recipe.distill.weight, 0.0, 1.0),
        "training.label_smoothing": (recipe.training.label_smoothing, 0.0, 0.5),
        "training.average_decay": (recipe.training.average_decay, 0.0, 0.99999),
        "training.clip_norm": (recipe.training.clip_norm, 0.0, 1e6),
    }
    for key, (value, low, high) in limits.items():
        check_range(value, low, high, f"{source}, key {key}")


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
            check_range(entry.value, 0, LARGEST_VALUE, f"{where}.value")
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
        check_range(value, allowed[key].low, allowed[key].high, f"{where}.{key}")
