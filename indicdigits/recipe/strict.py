"""Plain data -> frozen dataclasses, strictly: nothing unknown, nothing of another type."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from indicdigits.errors import RecipeError, did_you_mean

T = TypeVar("T")

LONGEST_SHOWN = 60


def build(kind: type[T], data: Any, *, source: str, key: str = "") -> T:
    """Makes a dataclass from a table, checking every key and type on the way.

    Args:
        kind: A dataclass; its fields may be str, int, float, bool, Literal, Optional,
            "str | X", tuple[X, ...], Mapping[str, X] or further dataclasses.
        data: What the TOML file says there.
        source: The file, named in errors.
        key: The dotted key of `data` in the file.

    Raises:
        RecipeError: An unknown or missing key, or a value of a wrong type.
    """
    if not isinstance(data, Mapping):
        raise _wrong(source, key, "a table", data)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    for name in data:
        if name not in fields:
            raise RecipeError(
                f"unknown key {name!r}",
                where=_place(source, key),
                allowed=", ".join(fields),
                hint=did_you_mean(str(name), fields),
            )
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], source, _join(key, name))
        elif field.default is dataclasses.MISSING and (
            field.default_factory is dataclasses.MISSING
        ):
            raise RecipeError(
                f"key {name!r} is missing", where=_place(source, key), hint=f"add {name} = …"
            )
    return kind(**values)


def _convert(kind: Any, value: Any, source: str, key: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        inner = [choice for choice in typing.get_args(kind) if choice is not type(None)]
        if isinstance(value, str) and str in inner:
            return value
        return _convert(inner[-1], value, source, key)
    if origin is typing.Literal:
        allowed = typing.get_args(kind)
        if value not in allowed:
            raise RecipeError(
                f"{shown(value)} is not allowed",
                where=_place(source, key),
                allowed=", ".join(map(repr, allowed)),
                hint=did_you_mean(str(value), [str(choice) for choice in allowed]),
            )
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise _wrong(source, key, "a list", value)
        inner_kind = typing.get_args(kind)[0]
        return tuple(
            _convert(inner_kind, item, source, _join(key, str(index)))
            for index, item in enumerate(value)
        )
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(source, key, "a table", value)
        inner_kind = typing.get_args(kind)[1]
        return {
            str(name): _convert(inner_kind, item, source, _join(key, str(name)))
            for name, item in value.items()
        }
    if dataclasses.is_dataclass(kind):
        return build(kind, value, source=source, key=key)  # type: ignore[arg-type]
    return _scalar(kind, value, source, key)


def _scalar(kind: Any, value: Any, source: str, key: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is an int to Python, never to a reader of a recipe
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    raise _wrong(source, key, names[kind], value)


def plain(value: Any, *, defaults: bool = True) -> Any:
    """Dataclasses -> tables and lists that TOML and JSON can hold; None is left out.

    Args:
        value: A dataclass, a mapping, a list, or something that these may hold.
        defaults: Whether fields that have their default are there.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        items = {f.name: getattr(value, f.name) for f in fields}
        usual = {} if defaults else {f.name: _default(f) for f in fields}
        return {
            name: plain(item, defaults=defaults)
            for name, item in items.items()
            if item is not None and not (name in usual and item == usual[name])
        }
    if isinstance(value, Mapping):
        return {name: plain(item, defaults=defaults) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, defaults=defaults) for item in value]
    return value


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default, or something that equals nothing."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def shown(value: object) -> str:
    """A value as an error message shows it: never longer than a line."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _place(source: str, key: str) -> str:
    return f"{source}, key {key}" if key else source


def _wrong(source: str, key: str, expected: str, value: Any) -> RecipeError:
    return RecipeError(
        f"{shown(value)} is of the wrong type", where=_place(source, key), allowed=expected
    )
