"""`indicdigits backbones`: which networks there are, and what each costs. Imports no JAX."""

from __future__ import annotations

import json as json_module
import re
import textwrap
from typing import Any

from indicdigits.cli.common import Json, emit

WIDTH = 100


def backbones(json: Json = False) -> None:
    """List the backbones: parameters, multiply-adds, stages, and which weights ship."""
    from indicdigits.registry import BACKBONES

    shipped = _shipped()
    found: list[dict[str, Any]] = []
    for name in BACKBONES:
        entry = BACKBONES.get(name)
        found.append(
            {
                "name": name,
                "parameters": entry.count,
                "multiply_adds": entry.multiply_adds,
                "stages": list(entry.stages),
                "input_sizes": list(entry.input_sizes),
                "summary": entry.summary,
                "shipped": shipped.get(name, []),
            }
        )
    emit(found, json, _table(found))


def _shipped() -> dict[str, list[str]]:
    """Backbone -> names of its weights that ship."""
    from indicdigits.registry.shipped import MANIFEST, shipped_weights

    names: dict[str, list[str]] = {}
    for name, folder in shipped_weights().items():
        manifest = json_module.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names.setdefault(manifest["backbone"], []).append(name)
    return names


def _table(found: list[dict[str, Any]]) -> str:
    """A line of figures for each backbone, and under it what it is."""
    head = ("name", "parameters", "multiply-adds", "pixels", "stages", "weights that ship")
    rows = [
        (
            row["name"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds']:,}",
            "-".join(map(str, dict.fromkeys(row["input_sizes"]))),
            stage_ranges(row["stages"]),
            ", ".join(row["shipped"]) or "-",
        )
        for row in found
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row, entry in zip((head, *rows), (None, *found), strict=True):
        cells = [
            f"{cell:>{width}}" if number in (1, 2) else f"{cell:<{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
        if entry is not None:
            lines += textwrap.wrap(
                entry["summary"], WIDTH, initial_indent="    ", subsequent_indent="    "
            )
    return "\n".join([*lines, "", "Counted with ten classes and pictures of 28 x 28 pixels."])


def stage_ranges(stages: list[str]) -> str:
    """The stages in short, "stem, stage1-3, head" for stem, stage1, stage2, stage3 and head."""
    parts: list[str] = []
    first = 0
    for index, stage in enumerate(stages):
        name, number = _split(stage)
        follows = _split(stages[index + 1]) if index + 1 < len(stages) else None
        if number is not None and follows == (name, number + 1):
            continue
        begin = _split(stages[first])[1]
        parts.append(stage if first == index else f"{name}{begin}-{number}")
        first = index + 1
    return ", ".join(parts)


def _split(stage: str) -> tuple[str, int | None]:
    """A stage's name and number: ("stage", 2), or ("head", None)."""
    match = re.fullmatch(r"(\D+)(\d+)", stage)
    return (match[1], int(match[2])) if match else (stage, None)
