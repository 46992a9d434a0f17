"""`indicdigits verify`: does what was exported still answer as on the day it was made?

Imports no JAX for a bundle; a folder is run by what its format is made for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from indicdigits.cli.common import Json, emit
from indicdigits.errors import UsageError

ALLOWED = "the answers of the day it was made, to "


def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|SCRIPT|FOLDER|FILE.onnx|FILE.indiclines",
            help="A bundle file, a script's name, or what else was exported.",
        ),
    ],
    json: Json = False,
) -> None:
    """Check an export: its digests, and its golden vectors in every runtime that is here."""
    from indicdigits.runtime.shipped import LINES

    path = Path(what)
    if path.suffix == ".onnx":
        about = _graph(path)
        golden = "a bare graph holds no golden pictures to be asked about: its bundle does"
        whole = f"{path}: {about['name']}, whole: its SHA-256 is the one in its metadata"
        return emit(about, json, f"{whole}\n  {golden}")
    if path.suffix == LINES:
        return _line_reader(path, json=json)
    about = _folder(path) if path.is_dir() else _bundle(what)
    return emit(about, json, "\n".join(_lines(about)))


def _line_reader(path: Path, *, json: bool) -> None:
    from indicdigits.runtime import line_bundle

    bundle = line_bundle.read(path)
    count = line_bundle.check_golden(bundle, where=path)
    text = f"{path}: lines of {bundle.script}, whole: every member has its digest\n"
    text += f"  {count} golden lines are answered as then"
    emit({"path": path, "name": bundle.name, "lines": count}, json, text)


def _graph(path: Path) -> dict[str, Any]:
    from indicdigits.runtime.archive import read_file
    from indicdigits.runtime.session import check_seal, graph_metadata

    data = read_file(path)
    digest = check_seal(data, where=path)
    said = graph_metadata(data, where=path)
    if digest is None:
        raise UsageError(
            "holds neither its own SHA-256 nor golden vectors to be asked about",
            where=path,
            allowed="a bundle, a script's name, an exported folder, a bare graph of today",
            hint="indicdigits export RUN --plain, with a new name",
        )
    return {"path": path, "name": said["name"], "sha256": digest}


def _bundle(what: str) -> dict[str, Any]:
    from indicdigits.errors import VerificationError
    from indicdigits.runtime import bundle as bundles
    from indicdigits.runtime.engines import replay
    from indicdigits.runtime.reader import Reader
    from indicdigits.runtime.shipped import find

    path = find(what)
    found = bundles.read(path)
    off = Reader(found, where=path).check_golden()
    replays = list(replay(found))
    failed = [one for one in replays if one.failed]
    if failed:
        raise VerificationError(
            "; ".join(_line(one.as_dict()) for one in failed),
            where=path,
            allowed=f"{ALLOWED}{found.parity.tolerance:g}",
            hint="update that runtime, or use one that agrees: "
            + (", ".join(one.engine for one in replays if one.passed) or "none here does"),
        )
    return {
        "path": path,
        "name": found.name,
        "pictures": len(found.golden.pictures),
        "grey_levels_off": off,
        "engines": [one.as_dict() for one in replays],
    }


def _folder(path: Path) -> dict[str, Any]:
    import numpy as np

    from indicdigits.errors import VerificationError
    from indicdigits.export import folder as folders
    from indicdigits.export.formats import open_folder
    from indicdigits.imaging.normalise import normalise
    from indicdigits.runtime.engines import Replay
    from indicdigits.runtime.reader import check_prepared

    found = folders.read(path, whole=True)
    prepared = [normalise(picture, found.size) for picture in found.golden.pictures]
    off = check_prepared(np.stack(prepared), found.golden, where=path)
    engine, run = open_folder(found)
    difference = float(np.abs(run(found.golden.inputs) - found.golden.probabilities).max())
    name, _, version = engine.partition(" ")
    tolerance = found.parity.tolerance
    replay = Replay(engine=name, version=version, difference=difference, tolerance=tolerance)
    if replay.failed:
        raise VerificationError(
            _line(replay.as_dict()),
            where=path,
            allowed=f"{ALLOWED}{tolerance:g}",
            hint=f"it was made with {found.about['engine']}; export it again",
        )
    return {
        "path": path,
        "name": found.about["name"],
        "pictures": len(found.golden.pictures),
        "grey_levels_off": off,
        "engines": [replay.as_dict()],
    }


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    yield f"{about['path']}: {about['name']}, whole: every member has its digest"
    prepared = "exactly" if about["grey_levels_off"] == 0 else "nearly"
    off = f", up to {about['grey_levels_off']} grey levels off" if about["grey_levels_off"] else ""
    yield f"  {about['pictures']} golden pictures are prepared {prepared} as then{off}"
    for engine in about["engines"]:
        yield f"  {_line(engine)}"


def _line(engine: Mapping[str, Any]) -> str:
    name = f"{engine['engine']} {engine['version']}"
    if engine["error"]:
        return f"{name} cannot run the graph: {engine['error']}"
    return f"{name} answers them to within {engine['difference']:.1e}"
