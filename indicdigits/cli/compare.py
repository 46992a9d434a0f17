"""`indicdigits compare`: which of several readers is better, and whether that may be chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Json, Quiet, complain, emit, reporter
from indicdigits.cli.evaluate import Data, Part, Script
from indicdigits.errors import UsageError


def compare(
    readers: Annotated[
        list[str],
        typer.Argument(
            metavar="READER READER...",
            help="Runs, bundles, names of what ships, or a .csv of another tool's predictions.",
        ),
    ],
    data: Data = None,
    part: Part = None,
    script: Script = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write; replaces an earlier comparison.")
    ] = Path("runs/compare"),
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Compare readers on the same pictures: table, McNemar's test, what changed, curves."""
    if len(readers) < 2:
        raise UsageError(
            "a comparison needs at least two readers",
            hint=f"indicdigits compare {readers[0]} ANOTHER",
        )
    from indicdigits.evaluation import comparison_page
    from indicdigits.evaluation.candidates import load_candidates
    from indicdigits.evaluation.compare import compare as compare_candidates

    candidates = load_candidates(
        readers, reporter(quiet), data=data or (), part=part, script=script
    )
    result = compare_candidates(candidates)
    page = comparison_page.write(out, result, candidates)
    emit(result, json, f"{comparison_page.summary(result)}\n\npage: {page}")
    return complain(one.error for each in candidates for one in each.apart if one.error)
