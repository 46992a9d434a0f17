"""`indicdigits reread`: reads the numbers of another OCR's answer again. Imports no JAX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from indicdigits.cli.common import ErrorRate, Json, Native, emit


def reread(
    picture: Annotated[
        str, typer.Argument(metavar="PICTURE", help="The page, as the OCR was given it.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What the OCR made of it: hOCR or ALTO.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write.")],
    script: Annotated[
        str, typer.Option("--script", "-s", help="A script's name, or a bundle file.")
    ] = "devanagari",
    native: Native = True,
    every: Annotated[
        bool,
        typer.Option("--every-word", help="Also those that the OCR took for letters."),
    ] = False,
    error_rate: ErrorRate = None,
    json: Json = False,
) -> None:
    """Read the numeric words of an hOCR or ALTO file again; what is not sure enough stays."""
    from indicdigits.imaging.decode import read_picture
    from indicdigits.reading.reread import reread as read_again
    from indicdigits.reading.strings import LineReader
    from indicdigits.reading.words import MAX_BYTES
    from indicdigits.runtime.archive import read_file, write_file
    from indicdigits.runtime.reader import load

    reader = LineReader(load(script, error_rate=error_rate))
    content, found = read_again(
        read_file(file, MAX_BYTES),
        read_picture(picture),
        reader,
        native=native,
        every=every,
        where=file,
    )
    write_file(out, content)
    about = {"path": out, "words": [one.as_dict() for one in found]}
    emit(about, json, "\n".join(_lines(about)))


def _lines(about: dict[str, Any]) -> list[str]:
    words = about["words"]
    changed = sum(word["reason"] is None for word in words)
    lines = [f"{about['path']}: {changed} of {len(words)} words read again"]
    for word in words:
        left, top = word["box"][:2]
        kept = f"  kept: {word['reason']}" if word["reason"] else f"  {word['probability']:.1%}"
        lines.append(f"  {left:5d} {top:5d}  {word['before']} → {word['text']}{kept}")
    return lines
