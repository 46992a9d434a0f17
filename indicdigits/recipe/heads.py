"""Heads: which of a network's outputs share a softmax, all of them or those of a script."""

from __future__ import annotations

from collections import Counter

from indicdigits.errors import RecipeError, did_you_mean
from indicdigits.recipe.schema import Recipe
from indicdigits.scripts import SCRIPTS, zero_of


def heads_of(recipe: Recipe) -> tuple[int, ...] | None:
    """The head of each class, counted from 0, or None where one softmax is over all classes.

    A digit belongs to the head of its script, which Unicode tells; all other classes share one.
    """
    if recipe.training.heads == "one":
        return None
    zeros = [zero_of(entry.text) for entry in recipe.labels]
    numbers = {zero: number for number, zero in enumerate(dict.fromkeys(zeros))}
    return tuple(numbers[zero] for zero in zeros) if len(numbers) > 1 else None


def count_heads(recipe: Recipe) -> int:
    """How many softmaxes the outputs of a recipe's network make."""
    return len(set(heads_of(recipe) or (0,)))


def check_scripts(recipe: Recipe, source: str) -> None:
    """Checks the scripts whose digits are the classes.

    Raises:
        RecipeError: One is not known or stands twice, or `script` is one of its own.
    """
    if not recipe.scripts:
        return
    where = f"{source}, key scripts"
    if recipe.script in SCRIPTS:
        raise RecipeError(
            f"script is {recipe.script!r}, and scripts says more than one",
            where=where,
            hint='a name of your own for all of them: script = "indic"',
        )
    for index, name in enumerate(recipe.scripts):
        if name not in SCRIPTS:
            raise RecipeError(
                f"script {name!r} is not known",
                where=f"{where}.{index}",
                allowed=", ".join(SCRIPTS),
                hint=did_you_mean(name, SCRIPTS),
            )
        if name in recipe.scripts[:index]:
            raise RecipeError(f"script {name!r} stands twice", where=f"{where}.{index}")


def check_heads(recipe: Recipe, source: str) -> None:
    """Checks what a head for each script cannot go with.

    Raises:
        RecipeError: Pictures are mixed, teachers are asked, or a head has one class.
    """
    if recipe.training.heads == "one":
        return
    one_head = "--set training.heads=one"
    if recipe.training.mixup:
        raise RecipeError(
            "mixup mixes pictures of two scripts, and a head answers for one",
            where=f"{source}, key training.mixup",
            allowed='0 with training.heads = "script"',
            hint=f"--set training.mixup=0, or {one_head}",
        )
    if recipe.distill.teachers:
        raise RecipeError(
            "a teacher answers with one softmax over all classes, a student with a head for each "
            "script with another",
            where=f"{source}, key distill.teachers",
            allowed='none with training.heads = "script"',
            hint=one_head,
        )
    heads = heads_of(recipe) or ()
    sizes = Counter(heads)
    for index, head in enumerate(heads):
        if sizes[head] == 1:
            raise RecipeError(
                f"{recipe.labels[index].text!r} is alone in its head, with nothing to tell it from",
                where=f"{source}, key classes.{index}",
                allowed="two classes of a script or more, and two or more of none",
                hint=one_head,
            )
