"""`indicdigits card`: the model card of a run or a bundle, and whether its figures are true."""

from __future__ import annotations

from typing import Annotated

import typer

from indicdigits.cli.common import Json, emit
from indicdigits.errors import VerificationError


def card(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|BUNDLE|SCRIPT",
            help="An evaluated run, a bundle file, or a reader's name.",
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Fail where the card and the figures differ.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the model card, made from the figures; with --check compare it with the one there."""
    from indicdigits.evaluation.card import difference
    from indicdigits.evaluation.card_file import open_card

    found = open_card(what)
    if not check:
        return emit({"path": found.path, "card": found.expected}, json, found.expected)
    wrong = difference(found.written, found.expected)
    if wrong:
        raise VerificationError(
            f"the card does not say what the figures say: {wrong}",
            where=found.path,
            hint=found.repair,
        )
    return emit({"path": found.path, "same": True}, json, f"{found.path}: as its figures say")
