"""`indicdigits export`: a run becomes one file that reads pictures anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from indicdigits.cli.common import Json, Quiet, emit, reporter


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    format: Annotated[Literal["onnx"], typer.Option("--format", help="Kind of graph.")] = "onnx",
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; in the run folder by default."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a bundle, after its graph answered like the network on the whole test set."""
    from indicdigits.export.onnx import export_run
    from indicdigits.runtime import bundle as bundles
    from indicdigits.training.device import keep_compilations

    keep_compilations()
    path = export_run(run, output, reporter(quiet))
    parity = bundles.read(path).parity
    answer = {
        "bundle": path,
        "format": format,
        "bytes": path.stat().st_size,
        "pictures_compared": parity.pictures,
        "max_difference": parity.max_difference,
    }
    emit(answer, json, str(path))
