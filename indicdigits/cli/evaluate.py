"""`indicdigits evaluate`: measures a run or a bundle on labelled pictures and writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from indicdigits.cli.common import Json, Quiet, complain, emit, reporter

Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="SET|FOLDER|FILE",
        help="Other pictures: a prepared set, a folder with a subfolder a class, a .csv or .npz; "
        "repeatable.",
    ),
]
Part = Annotated[
    Literal["test", "validation", "train"] | None,
    typer.Option("--part", help="Which part of the data; own pictures are read whole."),
]
Script = Annotated[
    str | None,
    typer.Option(
        "--script",
        help="Whose digits the labels 0 to 9 of own pictures are, for a reader of several scripts.",
        show_default=False,
    ),
]


def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BUNDLE|SCRIPT", help="A run folder, a bundle file, or a reader's name."
        ),
    ],
    data: Data = None,
    part: Part = None,
    script: Script = None,
    worse: Annotated[
        int,
        typer.Option(
            "--worse", min=0, help="Pictures to read again under each corruption; 0 leaves it out."
        ),
    ] = 200,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; RUN/report or report-NAME by default."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Measure a reader on its whole test split, or on other pictures; write a report."""
    from indicdigits.evaluation import measure, report
    from indicdigits.evaluation.summary import summary

    evaluation = measure.evaluate(
        what,
        reporter(quiet),
        data=data or (),
        part=part,
        maps=True,
        worse=worse,
        script=script,
    )
    folder = output or measure.default_folder(what, evaluation.metrics)
    page = report.write_report(folder, evaluation)
    emit(evaluation.metrics, json, f"{summary(evaluation.metrics)}\nreport: {page}")
    return complain(one.error for one in evaluation.apart if one.error)
