"""`indicdigits export`: a run becomes what reads pictures anywhere, in one of eight formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from indicdigits.cli.common import Json, Quiet, emit, reporter

FormatName = Literal[
    "onnx", "onnx-int8", "stablehlo", "tflite", "tflite-int8", "savedmodel", "openvino", "triton"
]


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BUNDLE|NAME",
            help="A run folder; of those made from the ONNX graph, also a bundle or a script.",
        ),
    ],
    format: Annotated[
        FormatName,
        typer.Option("--format", help="onnx and onnx-int8 are bundles, the others folders."),
    ] = "onnx",
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="What to write; in the run folder by default, or here."),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="The bare .onnx, metadata inside, and no bundle.")
    ] = False,
    layout: Annotated[
        Literal["nhwc", "nchw"],
        typer.Option("--layout", help="Channels last or first (--plain, openvino, triton)."),
    ] = "nhwc",
    channels: Annotated[
        Literal["1", "3"],
        typer.Option("--channels", help="Grey, or red, green, blue (--plain, openvino, triton)."),
    ] = "1",
    with_preprocessing: Annotated[
        bool,
        typer.Option(
            "--with-preprocessing",
            help="The graph takes any picture, uint8, and prepares it (--plain, triton).",
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a reader in a format, after it answered like the network on the whole test set."""
    from indicdigits.export.formats import Wanted
    from indicdigits.export.graphs import Ends
    from indicdigits.export.writer import export as write
    from indicdigits.training.device import keep_compilations

    ends = Ends(
        layout="NCHW" if layout == "nchw" else "NHWC",
        channels=int(channels),
        preprocessing=with_preprocessing,
    )
    wanted = Wanted(format=format, plain=plain, ends=ends)
    keep_compilations()
    made = write(what, wanted, output, reporter(quiet))
    answer: dict[str, Any] = {
        "path": made.path,
        "format": format,
        "bytes": made.size,
        "model_bytes": made.model,
        **_proof(made.parity.table(format)),
        "preprocessing": made.agreement.as_dict() if made.agreement else None,
    }
    emit(answer, json, str(made.path))


def _proof(parity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "pictures_compared": parity["pictures"],
        "batches": parity["batches"],
        "max_difference": parity["max_difference"],
        "int8": parity.get("int8"),
    }
