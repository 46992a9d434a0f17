"""Pictures of no digit in one word: `data.negatives = 0.5` becomes a class and its sources.

What results is an ordinary recipe: nothing else knows about the key. Showing a network what it
should refuse, with a class of its own, is outlier exposure (Hendrycks, Mazeika and Dietterich
2019). The pictures are for training only: what is tested is how digits are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indicdigits.errors import RecipeError
from indicdigits.recipe import strict
from indicdigits.recipe.limits import check_range
from indicdigits.recipe.sources import MOST_WEIGHT
from indicdigits.registry import DATASETS
from indicdigits.scripts import SCRIPTS, script_of

Table = dict[str, Any]
USUAL = 0.5  # what `finetune --negatives` asks for
NAME = "not_digits"
LETTERS = "own-letters"  # of a script that `SCRIPTS` knows
KINDS = ("scribbles", "blank", "foreign")


def expand(table: Mapping[str, Any], *, source: str) -> Table:
    """Replaces the key `data.negatives` of a recipe's table, if it is there.

    Args:
        table: A recipe as TOML gives it, types not yet checked.
        source: The file, named in errors.

    Returns:
        The table with the class "not a digit" after all others, and with a source for each kind
        of pictures that it does not name itself, of that weight; unchanged where it is 0.

    Raises:
        RecipeError: The weight is no number, or out of range.
    """
    data = table.get("data")
    if not isinstance(data, Mapping) or "negatives" not in data:
        return dict(table)
    data = dict(data)
    weight, where = data.pop("negatives"), f"{source}, key data.negatives"
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        raise RecipeError(
            f"{strict.shown(weight)} is of the wrong type", where=where, allowed="a number"
        )
    check_range(weight, 0.0, MOST_WEIGHT, where)
    result = {**table, "data": data}
    classes, sources = _classes(table), data.get("sources")
    if not weight or classes is None or not isinstance(sources, list):
        return result  # what a recipe lacks is said with everything else
    named = {entry.get("dataset") for entry in sources if isinstance(entry, dict)}
    data["sources"] = sources + [
        {"dataset": f"{NAME}/{kind}", "weight": weight, "tested": False}
        for kind in _kinds(table, classes)
        if f"{NAME}/{kind}" not in named
    ]
    texts = [entry.get("text") for entry in classes if isinstance(entry, dict)]
    missing = [text for text in DATASETS.get(NAME).texts if text not in texts]
    result["classes"] = classes + [{"text": text} for text in missing]
    return result


def _classes(table: Mapping[str, Any]) -> list[Any] | None:
    """What the recipe says, or else the digits of its script; None where neither is a list."""
    classes = table.get("classes", [])
    if classes or table.get("scripts"):
        return classes if isinstance(classes, list) else None
    script = SCRIPTS.get(str(table.get("script")))
    if script is None:
        return None
    return [{"text": text, "value": value} for value, text in enumerate(script.digits)]


def _kinds(table: Mapping[str, Any], classes: list[Any]) -> tuple[str, ...]:
    """The configurations of the data set; letters where the script of a class is known."""
    texts = [entry.get("text") for entry in classes if isinstance(entry, dict)]
    known = any(isinstance(text, str) and script_of(text) for text in texts)
    return (*KINDS, LETTERS) if known or table.get("scripts") else KINDS
