"""`indicdigits verify`: does a bundle still answer as on the day it was made? Imports no JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from indicdigits.cli.common import Json, emit


def verify(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE|SCRIPT", help="A bundle file, or a script's name.")
    ],
    json: Json = False,
) -> None:
    """Check a bundle: its digests, and its golden vectors in every runtime that is here."""
    from indicdigits.errors import VerificationError
    from indicdigits.runtime import bundle as bundles
    from indicdigits.runtime.engines import replay
    from indicdigits.runtime.reader import Reader
    from indicdigits.runtime.shipped import find

    path = find(bundle)
    found = bundles.read(path)
    off = Reader(found, where=path).check_golden()
    replays = list(replay(found))
    failed = [one for one in replays if not one.passed]
    about = {
        "path": path,
        "name": found.name,
        "pictures": len(found.golden.pictures),
        "grey_levels_off": off,
        "engines": [one.as_dict() for one in replays],
    }
    if failed:
        raise VerificationError(
            "; ".join(_line(one.as_dict()) for one in failed),
            where=path,
            allowed="the probabilities of the trained network, to 1e-4",
            hint="update that runtime, or use one that agrees: "
            + (", ".join(one.engine for one in replays if one.passed) or "none here does"),
        )
    emit(about, json, "\n".join(_lines(about)))


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
