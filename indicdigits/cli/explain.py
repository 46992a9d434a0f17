"""`indicdigits explain`: what in a picture speaks for the digit that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Json, emit, png_file


def explain(
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CHECKPOINT|BUNDLE|SCRIPT",
            help="A run or checkpoint folder, a shipped backbone, a bundle, or a script's name.",
        ),
    ],
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="An image of one digit.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="PNG file to write; replaced if there.")
    ] = Path("why.png"),
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="grad-cam, attention-rollout, integrated-gradients or occlusion; what fits the "
            "network best by default.",
            show_default=False,
        ),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--class", help="The class to explain, such as १ or 1; the answer by default."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw what in a picture speaks for the digit that is read."""
    from indicdigits.data.storage import storage_errors, write_whole
    from indicdigits.evaluation import explain as why
    from indicdigits.evaluation.explainable import METHODS, open_network
    from indicdigits.evaluation.explanation_figure import explanation_png
    from indicdigits.evaluation.words import certainty, class_name, scripts_told_apart, share

    png_file(out)
    explanation = why.explain(open_network(network), picture, method=method, of=of)
    with storage_errors(out, "name another file: --out"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, explanation_png(explanation))
    best, method_name = explanation.answers[0], METHODS[explanation.method].title
    read = f"{class_name(best.text, best.value)}, {certainty(best.probability)}"
    if explanation.refused is not None:
        read = f"not accepted: {explanation.refused} (best guess {read})"
    asked = explanation.explained
    if of is not None:
        scripts = scripts_told_apart(entry.text for entry in explanation.network.classes)
        name = f"{scripts.get(asked.text, '')} {class_name(asked.text, asked.value)}".lstrip()
        read += f"\nwhat speaks for {name}, {share(asked.probability)}"
    text = f"{picture}  {read}\n{method_name}: {out}"
    emit({"path": picture, "out": out, **explanation.as_dict()}, json, text)
