"""Ways to transfer, by name: `strategy = "gradual"` becomes a list of phases.

A strategy takes the recipe's last phase as its pattern (epochs, rate, schedule, …) and the stages
of the backbone, and writes out phases whose rules freeze and train. What results is an ordinary
recipe: nothing else knows about strategies. All take as many epochs as the pattern, so that they
can be compared; but for "prototype", which trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indicdigits.errors import RecipeError, did_you_mean
from indicdigits.recipe import strict
from indicdigits.registry import BACKBONES

Table = dict[str, Any]
DEPTH_RATE = 1 / 2.6  # of a stage to the next one's, Howard and Ruder 2018
PROBE_SHARE = 0.25  # of the epochs, where a probe comes first


def expand(table: Mapping[str, Any], *, source: str) -> Table:
    """Replaces the key `strategy` of a recipe's table, if it is there, by phases.

    Args:
        table: A recipe as TOML gives it, types not yet checked.
        source: The file, named in errors.

    Raises:
        RecipeError: No such strategy, or the backbone or the recipe has no use for it.
    """
    result = dict(table)
    name = result.pop("strategy", None)
    if name is None:
        return result
    where = f"{source}, key strategy"
    if not isinstance(name, str) or name not in STRATEGIES:
        raise RecipeError(
            f"unknown strategy {strict.shown(name)}",
            where=where,
            allowed=", ".join(STRATEGIES),
            hint=did_you_mean(str(name), STRATEGIES),
        )
    model = result.get("model")
    backbone = str(model.get("backbone", "cnn")) if isinstance(model, dict) else "cnn"
    stages = BACKBONES.get(backbone, where=f"{source}, key model.backbone").stages
    if len(stages) == 1 and name not in HEAD_ONLY:
        raise RecipeError(
            f"{backbone!r} has only a head, and nothing before it to freeze or to adapt",
            where=where,
            allowed=", ".join(HEAD_ONLY),
        )
    start = result.setdefault("start", {})
    if isinstance(start, dict):  # what it is otherwise, is said with all other types
        result["start"] = start | STARTS.get(name, {})
    make = STRATEGIES[name]
    result["phases"] = make(_pattern(result.get("phases"), where), stages) if make else []
    return result


def _pattern(phases: Any, where: str) -> Table:
    """The last phase, without its rules."""
    if not isinstance(phases, list) or not phases or not isinstance(phases[-1], dict):
        raise RecipeError("has no phases to take as a pattern", where=where)
    if not isinstance(phases[-1].get("epochs"), int):
        raise RecipeError("the last phase says no number of epochs", where=where)
    return {key: value for key, value in phases[-1].items() if key != "rules"}


def _frozen(stages: Sequence[str]) -> list[Table]:
    return [{"prefix": stage, "frozen": True} for stage in stages] + [{"prefix": ""}]


def _all(pattern: Table, stages: Sequence[str]) -> list[Table]:
    return [pattern | {"rules": _frozen(())}]


def _freeze(pattern: Table, stages: Sequence[str]) -> list[Table]:
    """The first half of the stages before the head stays as it was."""
    return [pattern | {"rules": _frozen(stages[: len(stages) // 2])}]


def _probe(pattern: Table, stages: Sequence[str]) -> list[Table]:
    """Only the head is trained, on features that are computed once."""
    return [pattern | {"name": "probe", "rules": _frozen(stages[:-1]), "cache_frozen": True}]


def _probe_then_finetune(pattern: Table, stages: Sequence[str]) -> list[Table]:
    """The head first, so that its random start does not spoil the rest (Kumar et al. 2022)."""
    epochs = pattern["epochs"]
    first = max(1, math.floor(epochs * PROBE_SHARE))
    probe = _probe(pattern, stages)[0] | {"epochs": first}
    rest = pattern | {"epochs": max(1, epochs - first), "rules": _frozen(())}
    return [probe, rest]


def _gradual(pattern: Table, stages: Sequence[str]) -> list[Table]:
    """From the head backwards one stage more at a time (Howard and Ruder 2018)."""
    epochs = pattern["epochs"]
    each = max(1, epochs // len(stages))
    phases = []
    for frozen in range(len(stages) - 1, -1, -1):
        last = frozen == 0
        phases.append(
            pattern
            | {
                "name": f"from-{stages[frozen]}",
                "epochs": max(1, epochs - each * (len(stages) - 1)) if last else each,
                "rules": _frozen(stages[:frozen]),
            }
        )
    return phases


def _layer_rates(pattern: Table, stages: Sequence[str]) -> list[Table]:
    """The earlier a stage, the smaller its steps (Howard and Ruder 2018)."""
    rules = [
        {"prefix": stage, "rate": round(DEPTH_RATE**distance, 6)}
        for distance, stage in zip(range(len(stages) - 1, -1, -1), stages, strict=True)
    ]
    return [pattern | {"rules": rules}]


# None: no phases, nothing is trained.
STRATEGIES: dict[str, Callable[[Table, Sequence[str]], list[Table]] | None] = {
    "freeze": _freeze,
    "probe": _probe,
    "probe-then-finetune": _probe_then_finetune,
    "gradual": _gradual,
    "layer-rates": _layer_rates,
    "all": _all,
    "scratch": _all,
    "prototype": None,
}
STARTS: dict[str, Table] = {
    "scratch": {"weights": "scratch", "head": "reset"},
    "prototype": {"head": "prototype"},
}
HEAD_ONLY = ("all", "scratch", "prototype")  # for backbones that are all head
