"""What a recipe's data sources must be: known, of the recipe's script, with paths inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from indicdigits.errors import RecipeError, did_you_mean
from indicdigits.recipe.limits import check_range
from indicdigits.recipe.schema import ClassEntry, Recipe, Source
from indicdigits.recipe.strict import shown
from indicdigits.registry import DATASETS
from indicdigits.scripts import SCRIPTS, is_native_digit, script_of

OWN, FONTS = "labelled_images", "fonts"
MOST_WEIGHT = 100.0
PATH_KEYS = ("train", "train_labels", "test", "test_labels")
OWN_KEYS = ("format", *PATH_KEYS, "test_fraction", "script")


def check_sources(recipe: Recipe, source: str) -> None:
    """Checks every source of a recipe.

    Raises:
        RecipeError: The first thing that is wrong.
    """
    where = f"{source}, key data.sources"
    if not recipe.data.sources:
        raise RecipeError("names no data", where=where, allowed=", ".join(DATASETS))
    if not any(entry.weight > 0 for entry in recipe.data.sources):
        raise RecipeError(
            "the weights sum to zero: nothing is trained on",
            where=where,
            allowed="a weight above 0 for at least one source",
        )
    if not any(entry.tested for entry in recipe.data.sources):
        raise RecipeError("no source is tested on", where=where, allowed="tested = true for one")
    for index, entry in enumerate(recipe.data.sources):
        here = f"{where}.{index}"
        script = _script_of(entry, here)
        check_range(entry.weight, 0.0, MOST_WEIGHT, f"{here}.weight")
        if entry.families and entry.dataset.partition("/")[0] != FONTS:
            raise RecipeError(
                f"families means nothing to {entry.dataset!r}",
                where=f"{here}.families",
                allowed=f"families for {FONTS!r} only",
            )
        mine = recipe.scripts or (recipe.script,)
        if not recipe.classes and script not in (None, *mine):
            raise RecipeError(
                f"{entry.dataset!r} holds digits of {script!r}, the recipe reads "
                + ", ".join(map(repr, mine)),
                where=here,
            )
        _check_texts(entry, recipe, here)
        _check_shapes(entry, recipe, here)
        if recipe.classes and script is not None:
            _check_script(recipe, script, entry.dataset, here)
        if entry.dataset == OWN:
            _check_own(entry, recipe, here)
        else:
            _refuse_own_keys(entry, here)


def _check_script(recipe: Recipe, script: str, dataset: str, where: str) -> None:
    """Refuses a data set none of whose digits is a class: it is of another script."""
    if not reads(recipe.labels, script):
        raise RecipeError(
            f"{dataset!r} holds digits of {script!r}, and none of them is a class",
            where=where,
            allowed=f"data of the classes {' '.join(entry.text for entry in recipe.labels)}",
        )


def reads(classes: Sequence[ClassEntry], script: str) -> bool:
    """Whether some digit of a script is one of these classes.

    A class stands for a digit by its text, or by its value where it is written in ASCII or is no
    digit of any script.
    """
    texts = {entry.text for entry in classes}
    values = {entry.value for entry in classes if not is_native_digit(entry.text)}
    digits = SCRIPTS[script].digits
    return not (texts.isdisjoint(digits) and values.isdisjoint(range(len(digits))))


def _script_of(entry: Source, where: str) -> str | None:
    name, _, config = entry.dataset.partition("/")
    scripts = DATASETS.get(name, where=f"{where}.dataset").scripts
    if config not in scripts:
        full = [f"{name}/{known}" if known else name for known in scripts]
        raise RecipeError(
            f"data set {name!r} has no configuration {shown(config)}",
            where=f"{where}.dataset",
            allowed=", ".join(full),
            hint=did_you_mean(entry.dataset, full),
        )
    return scripts[config]


def _check_texts(entry: Source, recipe: Recipe, where: str) -> None:
    known = [label.text for label in recipe.labels]
    for text in DATASETS.get(entry.dataset.partition("/")[0]).texts:
        if text not in known:
            raise RecipeError(
                f"{entry.dataset!r} holds pictures of {text!r}, which is no class of the recipe",
                where=where,
                hint=f'add {{ text = "{text}" }} to classes, after all others',
            )


def _check_shapes(entry: Source, recipe: Recipe, where: str) -> None:
    """Refuses pictures that must be unlike the classes where no one knows how these are written."""
    name, _, config = entry.dataset.partition("/")
    if config not in DATASETS.get(name).of_classes:
        return
    scripts = recipe.scripts or (recipe.script,)
    for label in recipe.labels:
        if label.value is None or label.text in recipe.strokes:
            continue
        script = script_of(label.text)
        if script is None or (label.text.isascii() and script.name not in scripts):
            raise RecipeError(
                f"{entry.dataset!r} must be unlike {label.text!r}, and nothing says how that is "
                f"written in {recipe.script!r}",
                where=where,
                allowed="classes that are digits of a script that ships, or have strokes",
                hint=f'draw it under [strokes], or take "{name}/scribbles" alone',
            )


def _refuse_own_keys(entry: Source, where: str) -> None:
    for field in dataclasses.fields(Source):
        if field.name in OWN_KEYS and getattr(entry, field.name) != field.default:
            raise RecipeError(
                f"{field.name} means nothing to {entry.dataset!r}",
                where=f"{where}.{field.name}",
                allowed=f"{field.name} for {OWN!r} only",
            )


def scripts_read(classes: Iterable[ClassEntry]) -> tuple[str, ...]:
    """Names of the scripts that some of these classes are digits of."""
    scripts = (script_of(entry.text) for entry in classes)
    return tuple(dict.fromkeys(script.name for script in scripts if script))


def _check_own(entry: Source, recipe: Recipe, where: str) -> None:
    if entry.format is None or entry.train is None:
        raise RecipeError(
            f"{OWN} needs format and train",
            where=where,
            allowed='format = "folder" | "csv" | "npz" | "idx", train = a path',
        )
    idx = entry.format == "idx"
    for images, labels in (("train", "train_labels"), ("test", "test_labels")):
        wanted = idx and getattr(entry, images) is not None
        if (getattr(entry, labels) is not None) != wanted:
            problem = f"idx files need {labels}" if wanted else f"{labels} belongs to idx {images}"
            raise RecipeError(problem, where=f"{where}.{labels}")
    if not 0.01 <= entry.test_fraction <= 0.9:  # NaN fails here too
        raise RecipeError(
            f"{entry.test_fraction} is out of range",
            where=f"{where}.test_fraction",
            allowed="0.01 to 0.9",
        )
    read = scripts_read(recipe.labels)
    if entry.script is not None and entry.script not in read:
        raise RecipeError(
            f"{shown(entry.script)} is no script whose digits are classes",
            where=f"{where}.script",
            allowed=", ".join(read),
            hint=did_you_mean(entry.script, read),
        )
    for key in PATH_KEYS:
        _check_path(getattr(entry, key), f"{where}.{key}")


def _check_path(path: str | None, where: str) -> None:
    if path is None:
        return
    if not path.strip() or not path.isprintable():
        raise RecipeError(f"{shown(path)} is no path", where=where)
    if ".." in PurePosixPath(path.replace("\\", "/")).parts:
        raise RecipeError(
            f"path {shown(path)} leaves the recipe's folder",
            where=where,
            allowed="a path inside the recipe's folder, or an absolute one on the command line",
        )
