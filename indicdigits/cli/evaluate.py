"""`indicdigits evaluate`: measures a run on its whole test split and writes its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Json, Quiet, emit, reporter


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder, such as runs/devanagari.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure a run on the whole test split; write RUN/report/."""
    from indicdigits.evaluation import report, words
    from indicdigits.training.device import keep_compilations

    keep_compilations()
    evaluation = report.evaluate_run(run, reporter(quiet))
    page = report.write_report(run / "report", evaluation)
    emit(evaluation.metrics, json, f"{words.summary(evaluation.metrics)}\nreport: {page}")
