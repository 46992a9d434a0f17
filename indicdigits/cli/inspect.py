"""`indicdigits inspect`: says what an export holds. Imports no JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from indicdigits.cli.common import Json, emit
from indicdigits.errors import UsageError

UNSAID = ("format", "schema", "recipe", "members")  # too long for a screen, or nothing to a person


def inspect(
    what: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|SCRIPT|FOLDER|FILE.onnx|FILE.indiclines",
            help="A bundle file, a script's name, or what else was exported.",
        ),
    ],
    card: Annotated[bool, typer.Option("--card", help="Print its card, Markdown.")] = False,
    json: Json = False,
) -> None:
    """Say what is in an export: classes, data and their licence, what it was measured at."""
    from indicdigits.runtime.shipped import LINES, find

    path = Path(what)
    if path.suffix == LINES:
        return _line_reader(path, card=card, json=json)
    if path.is_dir():
        said, text = _folder(path)
    elif path.suffix == ".onnx":
        said, text = _graph(path), None
    else:
        path = find(what)
        said, text = _bundle(path)
    if card:
        if text is None:
            raise UsageError("a bare graph has no card", where=path, allowed="a bundle or a folder")
        return emit({"path": path, "card": text}, json, text)
    about = {"path": path, **{k: v for k, v in said.items() if k not in UNSAID}, **_known(said)}
    return emit(about, json, "\n".join(_lines(about)))


def _line_reader(path: Path, *, card: bool, json: bool) -> None:
    """The same of a reader of lines, which has symbols for classes and lines for pictures."""
    from indicdigits.runtime import line_bundle

    bundle = line_bundle.read(path)
    if card:
        return emit({"path": path, "card": bundle.card}, json, bundle.card)
    said = line_bundle.describe(bundle)
    about = {"path": path, **{k: v for k, v in said.items() if k not in UNSAID}}
    rows = [f"{path}: lines of {bundle.script}, {path.stat().st_size / 1000:,.0f} kB"]
    rows.append(f"  symbols   {' '.join(symbol.text for symbol in bundle.symbols)}")
    rows.append(f"  read with {bundle.mixture.reader}, the reader of single digits")
    rows.append(f"  licence   {bundle.licence}")
    for dataset, spacings in said["metrics"]["lines"].items():
        for spacing, one in spacings.items():
            rows.append(
                f"  measured  {dataset}, {spacing}: {one['exact']} of {one['n']} lines of six "
                f"digits exact, {one['refused']} refused, {one['wrong_and_accepted']} wrong "
                "and accepted"
            )
    rows += [*_proof(said["parity"]), f"  made by   {bundle.created_by}"]
    rows.append("  card      printed by --card")
    return emit(about, json, "\n".join(rows))


def _bundle(path: Path) -> tuple[dict[str, Any], str]:
    """What a bundle says, and its card."""
    from indicdigits.runtime import bundle as bundles

    found = bundles.read(path)
    int8 = "" if found.parity.int8 is None else "-int8"
    parity = found.parity.table("onnx")
    said = bundles.describe(found) | {"parity": parity, "kind": f"bundle, onnx{int8}"}
    return said | {"bytes": path.stat().st_size}, found.card


def _folder(path: Path) -> tuple[dict[str, Any], str]:
    """The same of a folder."""
    from indicdigits.export import folder as folders
    from indicdigits.runtime.archive import read_file
    from indicdigits.runtime.bundle import CARD, LIMITS

    found = folders.read(path, whole=True)
    size = sum(member["bytes"] for member in found.about["members"].values())
    card = read_file(path / CARD, LIMITS[CARD]).decode()
    return {**found.about, "bytes": size}, card


def _graph(path: Path) -> dict[str, Any]:
    """What a bare graph says in its metadata."""
    from indicdigits.runtime.archive import read_file
    from indicdigits.runtime.session import graph_metadata

    data = read_file(path)
    return {**graph_metadata(data, where=path), "kind": "onnx, bare", "bytes": len(data)}


def _known(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are printed, whatever the format."""
    figures = said.get("metrics") or {}
    keys = ("dataset", "pictures", "n", "errors", "accuracy", "interval", "sets")
    return {
        "input_size": said["input"]["size"],
        "metrics": {key: figures.get(key) for key in keys},
        "recipe_digest": said["recipe"].get("digest"),
    }


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    texts = [entry["text"] for entry in about["classes"]]
    shown = " ".join(texts if len(texts) <= 20 else [*texts[:19], "…"])
    yield f"{about['path']}: {about['name']}, {about['kind']}, {about['bytes'] / 1000:,.0f} kB"
    yield f"  script    {about['script']}"
    yield f"  classes   {len(texts)}: {shown}"
    yield f"  input     {_input(about['input'])}"
    yield f"  licence   {about['licence']}"
    figures = about["metrics"]
    sets = figures["sets"] or []
    if figures["n"]:
        yield f"  measured  {_score(figures)} ({figures['pictures']})"
    for one in sets if len(sets) > 1 else []:
        note = "" if one["trained_on"] else ", never trained on"
        yield f"            {_score(one)} of {one['dataset']}{note}"
    if figures["pictures"] == "drawn digits":
        yield "            trained and tested on drawn digits only, never on handwriting"
    yield from _proof(about.get("parity"))
    yield from _acceptance(about)
    yield f"  made by   {about['created_by']}, recipe {str(about['recipe_digest'])[:12]}"
    if not about["kind"].endswith("bare"):
        yield "  card      printed by --card"


def _input(given: Mapping[str, Any]) -> str:
    """How pictures come in."""
    size = given["size"]
    if given.get("preprocessing"):
        return f"any picture, uint8, {given['channels']} channels, {given['layout']}"
    shown = f"{size} pixels square"
    if "layout" in given:
        shown += f", {given['layout']}, channels: {given['channels']}"
    return shown


def _proof(parity: Mapping[str, Any] | None) -> Iterator[str]:
    """What the parity gate found."""
    if parity is None:
        return
    yield (
        f"  parity    differs from the network by {parity['max_difference']:.1e} at most, "
        f"on {parity['pictures']:,} pictures"
    )
    int8 = parity.get("int8")
    if int8:
        yield (
            f"            eight bits: {int8['int8_errors']} errors in {int8['pictures']:,}, "
            f"not {int8['errors']}; {len(int8['changed'])} pictures are read differently"
        )


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
