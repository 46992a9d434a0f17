"""`indicdigits recipe`: ls, show, cp, new, check."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indicdigits.cli.common import Json, Set, emit
from indicdigits.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from indicdigits.recipe import Recipe

app = typer.Typer(
    help="Recipes: ls, show, cp, new, check.", rich_markup_mode=None, no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="A shipped recipe's name, or a recipe file.")]


@app.command()
def ls(json: Json = False) -> None:
    """List the recipes that ship."""
    from indicdigits import recipe as recipes

    rows: list[dict[str, Any]] = []
    for name, path in recipes.shipped().items():
        recipe = recipes.load(path)
        rows.append(
            {
                "name": name,
                "task": recipe.task,
                "script": recipe.script,
                "data": [source.dataset for source in recipe.data.sources],
                "about": _first_comment(path),
                "path": path,
            }
        )
    width = max(len(row["name"]) for row in rows)
    emit(rows, json, "\n".join(f"{row['name']:<{width}}  {row['about']}" for row in rows))


@app.command()
def show(
    name: Name,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="With all it extends and every default.")
    ] = False,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Print a recipe."""
    from indicdigits import recipe as recipes
    from indicdigits.recipe import strict

    path = recipes.find(name)
    recipe = recipes.load(path, changes or [])
    data = {"path": path, "digest": recipe.digest(), "recipe": strict.plain(recipe)}
    whole = resolved or changes
    text = recipes.resolved_toml(recipe) if whole else path.read_text(encoding="utf-8-sig")
    emit(data, json, text)


@app.command()
def cp(
    name: Name,
    destination: Annotated[Path, typer.Argument(help="A new file, or a folder.")],
    json: Json = False,
) -> None:
    """Copy a recipe, to edit it."""
    from indicdigits import recipe as recipes

    source = recipes.find(name)
    target = _free(destination / source.name if destination.is_dir() else destination)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    emit({"path": target}, json, f"{target}\nnext: indicdigits recipe check {target}")


@app.command()
def new(
    script: Annotated[str, typer.Argument(help="Any script whose digits Unicode knows.")],
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Your pictures: a folder with one for each digit, a CSV or an npz.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The new file; SCRIPT.toml here without it."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a recipe for a script, from Unicode facts alone."""
    from indicdigits.recipe import new as recipe_new
    from indicdigits.scripts import find_script

    found = find_script(script)
    target = _free(out if out is not None else Path(f"{found.name}.toml"))
    text = recipe_new.draft(found, target, images)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    emit({"path": target}, json, f"{target}\nnext: indicdigits finetune --recipe {target}")


def _free(target: Path) -> Path:
    """The name of a new recipe.

    Raises:
        UsageError: It is taken, or no name for a recipe.
    """
    if target.exists():
        raise UsageError("exists already", where=target, hint="name another file")
    if target.suffix != ".toml":
        raise UsageError(
            "is no name for a recipe",
            where=target,
            allowed="a name that ends with .toml, or a folder that exists",
        )
    return target


@app.command()
def check(
    names: Annotated[list[str], typer.Argument(help="Recipe files, or names of shipped ones.")],
    changes: Set = None,
    json: Json = False,
) -> None:
    """Check recipes whole, and say what they would do."""
    from indicdigits import recipe as recipes
    from indicdigits.recipe import summary

    answers: list[dict[str, Any]] = []
    failed = False
    for name in names:
        try:
            recipe = _load(name, changes or [])
        except RecipeError as error:
            failed = True
            answers.append({"file": name, "ok": False, **error.as_dict()})
            print(f"error: {error}", file=sys.stderr)
            continue
        answers.append({"file": name, "ok": True, **summary.summarise(recipe)})
        if not json:
            missing = _missing(recipe, recipes.find(name).parent)
            notes = [f"  note      {path}: not there yet" for path in missing]
            emit(None, False, "\n".join([f"{name}: ok", *summary.lines(recipe), *notes]))
    if json:
        emit(answers, True, "")
    if failed:
        raise typer.Exit(RecipeError.exit_code)


def _missing(recipe: Recipe, root: Path) -> list[Path]:
    """The user's own files that a recipe names and that are not there."""
    return [
        root / path
        for source in recipe.data.sources
        for path in (source.train, source.train_labels, source.test, source.test_labels)
        if path is not None and not (root / path).exists()
    ]


def _load(name: str, changes: list[str]) -> Recipe:
    """Reads and checks a recipe, its strokes too."""
    from indicdigits import recipe as recipes
    from indicdigits.data.strokes import shapes

    path = recipes.find(name)
    recipe = recipes.load(path, changes)
    if recipe.strokes:
        shapes.parse(recipe.strokes, recipe.written, where=path)
    return recipe


def _first_comment(path: Path) -> str:
    """The first sentence of the comment that a recipe begins with."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if not line.startswith("#") or not line.strip("# "):
            break
        words.append(line.strip("# "))
    sentence, stop, _ = " ".join(words).partition(". ")
    return sentence + stop.strip()
