"""`indicdigits predict`: reads pictures with a bundle. Imports no JAX."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indicdigits.cli.common import ErrorRate, Json, Native, emit
from indicdigits.errors import DataError

if TYPE_CHECKING:
    from indicdigits.runtime.reader import Reading


def predict(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE|SCRIPT", help="A bundle file, or a script's name.")
    ],
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURE...", help="Image files.")],
    native: Native = True,
    error_rate: ErrorRate = None,
    json: Json = False,
) -> None:
    """Read pictures of one digit each; what is not sure enough is refused, with its best guess."""
    from indicdigits.runtime.reader import load

    reader = load(bundle, error_rate=error_rate)
    answers: list[dict[str, Any]] = []
    failed: DataError | None = None
    for path in pictures:
        try:
            reading = reader(path)
        except DataError as error:  # one bad picture does not stop the others
            failed = error
            print(f"error: {error}", file=sys.stderr)
            answers.append({"path": path, "error": error.as_dict()})
            continue
        answers.append({"path": path, **reading.as_dict()})
        if not json:
            emit(None, False, _line(path, reading, native=native))
    if json:
        emit(answers, True, "")
    if failed:
        raise typer.Exit(failed.exit_code)


def _line(path: str, reading: Reading, *, native: bool) -> str:
    """One line for people: path, digit, probability, and why it is not accepted."""
    from indicdigits.runtime.reading import NO_INK

    text = reading.text if native or reading.value is None else str(reading.value)
    if not reading.accepted:  # a dash, so that nobody takes the guess for an answer
        guess = f" (best guess {text}, {reading.probability:.1%})"
        return (
            f"{path}  –  not accepted: {reading.reason}{'' if reading.reason == NO_INK else guess}"
        )
    return f"{path}  {text}  {reading.probability:.1%}"
