"""`indicdigits inspect`: says what a bundle holds. Imports no JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from indicdigits.cli.common import Json, emit


def inspect(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE|SCRIPT", help="A bundle file, or a script's name.")
    ],
    card: Annotated[bool, typer.Option("--card", help="Print its card, Markdown.")] = False,
    json: Json = False,
) -> None:
    """Say what is in a bundle: classes, data and their licence, what it was measured at."""
    from indicdigits.runtime import bundle as bundles
    from indicdigits.runtime.shipped import find

    path = find(bundle)
    found = bundles.read(path)
    if card:
        return emit({"path": path, "card": found.card}, json, found.card)
    sets = found.metrics.get("sets") or []
    about = {
        "path": path,
        "bytes": path.stat().st_size,
        "name": found.name,
        "script": found.script,
        "classes": [{"text": entry.text, "value": entry.value} for entry in found.classes],
        "input_size": found.input_size,
        "licence": found.licence,
        "metrics": {
            key: found.metrics.get(key)
            for key in ("dataset", "pictures", "n", "errors", "accuracy", "interval", "sets")
        },
        **found.acceptance.tables(),
        "created_by": found.created_by,
        "recipe_digest": found.recipe.get("digest"),
    }
    return emit(about, json, "\n".join(_lines(about, sets)))


def _lines(about: Mapping[str, Any], sets: list[Mapping[str, Any]]) -> Iterator[str]:
    texts = [entry["text"] for entry in about["classes"]]
    shown = " ".join(texts if len(texts) <= 20 else [*texts[:19], "…"])
    yield f"{about['path']}: {about['name']}, {about['bytes'] / 1000:,.0f} kB"
    yield f"  script    {about['script']}"
    yield f"  classes   {len(texts)}: {shown}"
    yield f"  input     {about['input_size']} pixels square"
    yield f"  licence   {about['licence']}"
    figures = about["metrics"]
    if figures["n"]:
        yield f"  measured  {_score(figures)} ({figures['pictures']})"
    for one in sets if len(sets) > 1 else []:
        note = "" if one["trained_on"] else ", never trained on"
        yield f"            {_score(one)} of {one['dataset']}{note}"
    if figures["pictures"] == "drawn digits":
        yield "            trained and tested on drawn digits only, never on handwriting"
    yield from _acceptance(about)
    yield f"  made by   {about['created_by']}, recipe {str(about['recipe_digest'])[:12]}"
    yield "  card      printed by --card"


def _acceptance(about: Mapping[str, Any]) -> Iterator[str]:
    """What is refused, and how the thresholds for that were found."""
    calibration, reject = about["calibration"], about["reject"]
    outside, threshold = about["out_of_distribution"], reject["threshold"]
    yield "  refuses   pictures without ink"
    if outside:
        share = f"{outside['digits_refused']:.1%} of digits"
        yield f"            what is no digit: probability from {outside['threshold']:.4f} ({share})"
    if threshold is not None:
        yield f"            what is not sure: probability below {threshold:.4f}"
    for point in reject.get("points", ()):
        used = ", the default" if point["error_rate"] == reject["error_rate"] else ""
        refused = f"{1 - point['coverage']:.1%} refused"
        yield (
            f"            --error-rate {point['error_rate']:g}: "
            f"below {point['threshold']:.4f}, {refused}{used}"
        )
    if calibration["temperature"] is not None:
        fitted = calibration.get("fitted_on", "")
        yield f"  sure      temperature {calibration['temperature']:.3f}; fitted on {fitted}"


def _score(figures: Mapping[str, Any]) -> str:
    right = figures["n"] - figures["errors"]
    return f"{right:,} of {figures['n']:,} read right, {figures['accuracy']:.2%}"
