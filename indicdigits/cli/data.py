"""`indicdigits data`: which data sets there are, getting them ready, looking at them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from indicdigits.cli.common import Json, Quiet, emit, png_file, reporter
from indicdigits.errors import IndicDigitsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from indicdigits.recipe import ClassEntry, Source

app = typer.Typer(help="Data sets: ls, prepare, show.", rich_markup_mode=None, no_args_is_help=True)

NAME_HELP = "A data set, such as cmaterdb/devanagari, or the path of a recipe (its data)."


@dataclass(frozen=True, kw_only=True)
class _Named:
    """What a name on the command line stands for."""

    source: Source
    classes: tuple[ClassEntry, ...]
    root: Path
    size: int = 28
    strokes: Any = None


@app.command("ls")
def ls(json: Json = False) -> None:
    """Lists the data sets: script, licence, and whether they are ready for use."""
    from indicdigits.registry import DATASETS

    words = {True: "prepared", False: "-", None: "from a recipe"}
    found, table = [], []
    for name in _names():
        dataset, _, config = name.partition("/")
        entry, prepared = DATASETS.get(dataset), _is_prepared(name)
        script = entry.scripts[config]
        found.append(
            {
                "name": dataset,
                "config": config or None,
                "script": script,
                "licence": entry.licence,
                "summary": entry.summary,
                "prepared": prepared,
            }
        )
        table.append((name, script or "any", words[prepared], entry.licence))
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), row[3]]) for row in table]
    emit(found, json, "\n".join(lines))


@app.command("prepare")
def prepare(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=NAME_HELP)],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Downloads data sets (a mirror in INDICDIGITS_MIRROR first) and normalises them once."""
    from indicdigits.data.source import load_split

    done = []
    for name in names:
        for item in _resolve(name, all_configs=True):
            count = {
                part: len(
                    load_split(
                        item.source,
                        part,
                        size=item.size,
                        classes=item.classes,
                        root=item.root,
                        reporter=reporter(quiet),
                        strokes=item.strokes,
                    )
                )
                for part in ("train", "test")
            }
            done.append({"name": item.source.dataset, **count})
    text = [f"{row['name']}: {row['train']:,} to train, {row['test']:,} to test" for row in done]
    emit(done, json, "\n".join(text))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)],
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="PNG file [default: NAME.png].")
    ] = None,
    split: Annotated[Literal["train", "test"], typer.Option(help="Which part.")] = "train",
    samples: Annotated[int, typer.Option(min=1, max=100, help="Pictures a class.")] = 12,
    view: Annotated[
        Literal["both", "raw", "network"],
        typer.Option(help="As they come, as the network sees them, or both."),
    ] = "both",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draws a contact sheet: a labelled row of pictures for each class."""
    from indicdigits.data.contact import contact_sheet, stacked

    path = png_file(
        output or Path(name.removesuffix(".toml").replace("/", "-").strip("-.") + ".png")
    )
    items = _resolve(name, all_configs=False)
    sheets = [
        contact_sheet(
            item.source,
            split,
            classes=item.classes,
            root=item.root,
            reporter=reporter(quiet),
            samples=samples,
            size=item.size,
            view=view,
            strokes=item.strokes,
        )
        for item in items
    ]
    _save(stacked(sheets), path)
    emit({"sheet": path, "data": [item.source.dataset for item in items]}, json, str(path))


def _save(sheet: Any, path: Path) -> None:
    from indicdigits.data.storage import RUN_HINT, storage_errors

    with storage_errors(path, RUN_HINT):
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)


def _names() -> list[str]:
    from indicdigits.registry import DATASETS

    return [
        f"{name}/{config}" if config else name
        for name in DATASETS
        for config in DATASETS.get(name).scripts
    ]


def _is_prepared(name: str) -> bool | None:
    from indicdigits.data.source import is_prepared

    try:
        (item,) = _resolve(name, all_configs=False)
    except UsageError:  # whatever a recipe names
        return None
    try:
        return is_prepared(item.source, classes=item.classes, root=item.root)
    except (IndicDigitsError, ImportError):
        return False


def _resolve(name: str, *, all_configs: bool) -> list[_Named]:
    """The sources that a data set's name, or a recipe, stands for."""
    from indicdigits import recipe as recipes
    from indicdigits.registry import DATASETS
    from indicdigits.scripts import SCRIPTS

    if name.endswith(".toml"):
        recipe = recipes.load(name)
        return [
            _Named(
                source=source,
                classes=recipe.labels,
                root=Path(name).resolve().parent,
                size=recipe.data.input_size,
                strokes=recipe.strokes,
            )
            for source in recipe.data.sources
        ]
    found = [known for known in _names() if known == name]
    if not found and all_configs:
        found = [known for known in _names() if known.partition("/")[0] == name]
    if not found:
        raise UsageError(
            f"unknown data set {name!r}",
            allowed=", ".join(_names()) + ", or the path of a recipe",
            hint=did_you_mean(name, _names()),
        )
    items = []
    for known in found:
        dataset, _, config = known.partition("/")
        entry = DATASETS.get(dataset)
        script = entry.scripts[config]
        if script is None and not entry.texts:
            raise UsageError(
                f"{known} is whatever a recipe names: give the path of that recipe",
                hint="indicdigits recipe ls shows the recipes that can be copied",
            )
        classes = tuple(recipes.ClassEntry(text=text) for text in entry.texts)
        if script is not None:
            digits = enumerate(SCRIPTS[script].digits)
            classes = tuple(recipes.ClassEntry(text=text, value=value) for value, text in digits)
        source = recipes.Source(dataset=known)
        items.append(_Named(source=source, classes=classes, root=Path()))
    return items
