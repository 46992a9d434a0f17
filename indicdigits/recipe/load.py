"""Finding and reading recipes: TOML, inheritance, `--set`, and back to TOML."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from indicdigits.errors import RecipeError, did_you_mean
from indicdigits.recipe import negatives, strict
from indicdigits.recipe.check import check
from indicdigits.recipe.schema import Recipe
from indicdigits.recipe.sources import PATH_KEYS
from indicdigits.recipe.strategies import expand

LARGEST_FILE = 1_000_000  # bytes; a file beyond it is no recipe, whatever it is
LARGEST_INTEGER = 2**63 - 1  # what TOML promises, and all that a message may have to print


def shipped_folder() -> Path:
    """The folder of the recipes that ship with the package."""
    from importlib.resources import files

    return Path(str(files("indicdigits.recipes")))


def shipped() -> dict[str, Path]:
    """Name -> file of every shipped recipe, such as "scripts/devanagari"."""
    root = shipped_folder()
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for path in sorted(root.rglob("*.toml"))
    }


def find(name: str) -> Path:
    """A recipe file by shipped name, by the last part of a shipped name, or by path.

    Raises:
        RecipeError: There is no such recipe.
    """
    known = shipped()
    last_parts = Counter(PurePosixPath(full).name for full in known)
    short = {
        PurePosixPath(full).name: path
        for full, path in known.items()
        if last_parts[PurePosixPath(full).name] == 1
    }
    if name in known or name in short:
        return known.get(name) or short[name]
    if _is_file(name):
        return Path(name)
    if name.endswith(".toml"):
        raise RecipeError("no such recipe file", where=name, hint="indicdigits recipe ls")
    raise RecipeError(
        f"unknown recipe {strict.shown(name)}",
        allowed=", ".join(known),
        hint=did_you_mean(name, [*known, *short]) or "give the path of a .toml file",
    )


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # such as a name too long
        return False


def load(path: Path | str, changes: Iterable[str] = (), *, resolved: bool = False) -> Recipe:
    """Reads, resolves and checks a recipe.

    Args:
        path: The TOML file.
        changes: `key=value` texts from `--set`; a value is TOML, or a bare text.
        resolved: Whether the file was written by `resolved_toml`, as the one in a run folder:
            only then may it hold absolute paths, which came from a command line.

    Returns:
        The checked recipe.

    Raises:
        RecipeError: Anything about it is not as it must be; the error names file and key.
    """
    path, changes = Path(path), list(changes)
    table = _read_table(path)
    if not resolved:
        _refuse_absolute_paths(table, str(path))
    for change in changes:
        _apply(table, change)
    return _checked(table, " ".join([str(path), *(f"--set {change}" for change in changes)]))


def loads(text: str, *, source: str) -> Recipe:
    """The recipe in a text that `resolved_toml` wrote.

    Args:
        text: The text.
        source: Where it stood, named in errors.

    Raises:
        RecipeError: Anything about it is not as it must be.
    """
    return _checked(_parse(text.encode(), source), source)


def _checked(table: Mapping[str, Any], source: str) -> Recipe:
    whole = negatives.expand(expand(table, source=source), source=source)
    recipe = strict.build(Recipe, whole, source=source)
    check(recipe, source)
    return recipe


def _read_table(path: Path, heirs: tuple[str, ...] = ()) -> dict[str, Any]:
    """Reads a file and merges it over what it extends; `heirs` are the files that extend it."""
    heirs = (*heirs, str(path.absolute()))
    table = _parse(_read(path), str(path))
    base = table.pop("extends", None)
    if base is None:
        return table
    where = f"{path}, key extends"
    if not isinstance(base, str):
        raise RecipeError(
            f"{strict.shown(base)} is of the wrong type", where=where, allowed="a text"
        )
    known = shipped()
    if base not in known:
        raise RecipeError(
            f"extends unknown recipe {strict.shown(base)}",
            where=where,
            allowed=", ".join(known),
            hint=did_you_mean(base, known),
        )
    if str(known[base].absolute()) in heirs:
        raise RecipeError(f"extends {base!r}, which extends this recipe", where=where)
    return _merge(_read_table(known[base], heirs), table)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(
            f"cannot be read: {reason}", where=path, hint="indicdigits recipe ls"
        ) from error
    if len(content) > LARGEST_FILE:
        raise RecipeError(
            "is too large for a recipe", where=path, allowed=f"up to {LARGEST_FILE:,} bytes"
        )
    return content


def _parse(content: bytes, source: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(
            f"is not UTF-8: byte 0x{content[error.start]:02x} at line {line}",
            where=source,
            hint="save the file as UTF-8",
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"is not valid TOML: {error}", where=source) from error
    _refuse_large_integers(table, source)
    return table


def _refuse_large_integers(value: Any, source: str, key: str = "") -> None:
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in pairs:
            _refuse_large_integers(item, source, f"{key}.{name}" if key else str(name))
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise RecipeError(
            "the number is too large",
            where=f"{source}, key {key}",
            allowed="whole numbers of 64 bits",
        )


def _refuse_absolute_paths(table: Mapping[str, Any], source: str) -> None:
    """Looks at the raw table: after `--set`, nobody knows any more where a path came from."""
    data = table.get("data")
    entries = data.get("sources") if isinstance(data, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        for key in PATH_KEYS if isinstance(entry, dict) else ():
            path = entry.get(key)
            if isinstance(path, str) and (path.startswith("/") or PureWindowsPath(path).drive):
                raise RecipeError(
                    f"path {strict.shown(path)} is absolute",
                    where=f"{source}, key data.sources.{index}.{key}",
                    allowed="a path inside the recipe's folder",
                    hint=f"on the command line: --set data.sources.{index}.{key}={path}",
                )


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables merge, everything else replaces."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _apply(table: dict[str, Any], change: str) -> None:
    """Sets one dotted key; a list element goes by its index or its `name`."""
    key, equals, text = change.partition("=")
    where = f"--set {strict.shown(change)}"
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise RecipeError(
            "is not of the form key=value", where=where, hint="--set training.batch_size=64"
        )
    value = _value(text, where)
    node: Any = table
    for depth, part in enumerate(parts):
        if not isinstance(node, (dict, list)):
            raise RecipeError(f"{'.'.join(parts[:depth])} is not a table", where=where)
        place: Any = part if isinstance(node, dict) else _position(node, part, where)
        if depth == len(parts) - 1:
            node[place] = value
        else:
            node = node.setdefault(place, {}) if isinstance(node, dict) else node[place]


def _value(text: str, where: str) -> Any:
    """The value of a `--set`: TOML, or else a bare text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except RecursionError as error:
        raise RecipeError("is nested too deeply", where=where) from error
    except tomllib.TOMLDecodeError:
        return text.strip()
    except ValueError as error:  # a number with thousands of digits
        raise RecipeError("the number is too large", where=where) from error
    if set(parsed) != {"value"}:  # a line break in the text began another key
        raise RecipeError("sets more than one key", where=where)
    _refuse_large_integers(parsed["value"], where)
    return parsed["value"]


def _position(items: list[Any], part: str, where: str) -> int:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == part:
            return index
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    allowed = ", ".join([*(str(name) for name in names if name), *map(str, range(len(items)))])
    raise RecipeError(
        f"no element {part!r} in the list",
        where=where,
        allowed=allowed,
        hint=did_you_mean(part, [str(name) for name in names if name]),
    )


def resolved_toml(recipe: Recipe) -> str:
    """The recipe with every default spelled out, as TOML."""
    import tomli_w

    return tomli_w.dumps(strict.plain(recipe))


def differences(ours: Recipe, theirs: Recipe) -> list[str]:
    """The dotted keys in which two recipes differ, with both values."""

    def flat(value: Any, key: str = "") -> dict[str, Any]:
        if isinstance(value, (dict, list)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            result: dict[str, Any] = {}
            for name, item in pairs:
                result |= flat(item, f"{key}.{name}" if key else str(name))
            return result
        return {key: value}

    def side(values: dict[str, Any], key: str) -> str:
        return strict.shown(values[key]) if key in values else "nothing"

    left, right = flat(strict.plain(ours)), flat(strict.plain(theirs))
    return [
        f"{key}: {side(left, key)} here, {side(right, key)} there"
        for key in sorted(set(left) | set(right))
        if left.get(key) != right.get(key)
    ]
