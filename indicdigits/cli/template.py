"""`indicdigits template`: templates of forms. Imports no JAX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from indicdigits.cli.common import Json, emit

app = typer.Typer(
    help="Templates of forms: where the fields stand.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("new")
def new(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A picture of the form, best an empty one.")
    ],
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file [default: IMAGE.html].")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Write a local page on which the fields are drawn, and which gives the TOML."""
    from indicdigits.imaging.decode import read_picture
    from indicdigits.reading.forms.drawing import drawing_page

    path = output or image.with_suffix(".html")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawing_page(read_picture(image)), encoding="utf-8")
    emit({"page": path}, json, f"{path}: open it in a browser, and draw a box around each field")
    if show:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


@app.command("check")
def check(
    template: Annotated[Path, typer.Argument(metavar="TOML", help="A template.")],
    json: Json = False,
) -> None:
    """Say what a template holds, or what is wrong with it."""
    from indicdigits.reading.forms.template import load_template

    found = load_template(template)
    fields = [
        {"name": field.name, "box": field.box, "script": field.script, "pattern": field.pattern,
         "validator": field.validator}
        for field in found.fields
    ]  # fmt: skip
    held = f"{len(found.marks)} marks" if found.marks else "the corners of the sheet"
    rows = [f"{found.name}: {found.size[0]} by {found.size[1]}, held by {held}"]
    rows += [f"  {field.name}  {field.script}  {list(field.box)}" for field in found.fields]
    emit({"name": found.name, "size": found.size, "fields": fields}, json, "\n".join(rows))
