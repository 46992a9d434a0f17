"""`indicdigits compare`: which of several runs is better, and whether that may be chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Json, Quiet, emit, reporter
from indicdigits.errors import UsageError


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN...", help="Run folders, or names of shipped backbones."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write; replaces an earlier comparison.")
    ] = Path("runs/compare"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs on one test split: table, McNemar's test, curves."""
    if len(runs) < 2:
        raise UsageError(
            "a comparison needs at least two runs",
            hint=f"indicdigits compare {runs[0]} ANOTHER_RUN",
        )
    from indicdigits.evaluation import comparison_page
    from indicdigits.evaluation.compare import compare as compare_candidates
    from indicdigits.evaluation.compare import load_runs
    from indicdigits.training.device import keep_compilations

    keep_compilations()
    candidates = load_runs(runs, reporter(quiet))
    result = compare_candidates(candidates)
    page = comparison_page.write(out, result, candidates)
    emit(result, json, f"{comparison_page.summary(result)}\n\npage: {page}")
