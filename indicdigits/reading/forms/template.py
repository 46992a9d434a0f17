"""The template of a form: TOML, read strictly.

name = "cheque"
size = [2000, 900]                # width and height of the form, in any unit
marks = [[60, 60], [1940, 60], [1940, 840], [60, 840]]   # centres of solid squares
mark_size = 36                    # their side; without marks, the corners of the sheet count
script = "devanagari"

[fields.amount]
box = [1420, 400, 480, 90]        # left, top, width, height
validator = "amount"
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indicdigits.errors import UsageError, did_you_mean

_KEYS = ("name", "size", "marks", "mark_size", "script", "printed", "fields")
_FIELD_KEYS = ("box", "script", "pattern", "validator")
_HEX = frozenset("0123456789abcdef.")

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a form.

    Attributes:
        name: Its key in the record.
        box: Left, top, width and height in the template's unit.
        script: Which reader reads it.
        pattern: What it may say, or None.
        validator: What checks it, or None.
    """

    name: str
    box: tuple[Number, Number, Number, Number]
    script: str
    pattern: str | None = None
    validator: str | None = None


@dataclass(frozen=True, kw_only=True)
class Template:
    """A form.

    Attributes:
        name: Of the form.
        size: Its width and height in the unit of all that follows.
        marks: Centres of its registration marks, solid squares: four at least, or none.
        mark_size: Their side; 0 without marks.
        fields: In the order of the file.
        printed: How much of each cell of a grid the empty form covers with ink, rows of
            hexadecimal digits ("." where a field is); () where nothing tells it from others.
        sha256: Of the file.
    """

    name: str
    size: tuple[Number, Number]
    marks: tuple[tuple[Number, Number], ...] = ()
    mark_size: Number = 0
    fields: tuple[Field, ...]
    printed: tuple[str, ...] = ()
    sha256: str = ""


def load_template(path: str | Path, *, script: str | None = None) -> Template:
    """Reads a template.

    Args:
        path: The file.
        script: As `parse` takes it.

    Raises:
        UsageError: There is no such file, or it does not say what it must; file and key are named.
    """
    try:
        data = Path(path).read_bytes()
        table = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(
            f"the template cannot be read ({error.strerror})",
            where=path,
            hint="`indicdigits template new IMAGE` makes one",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"this is no TOML: {error}", where=path) from error
    sha256 = hashlib.sha256(data).hexdigest()
    return parse(table, where=str(path), sha256=sha256, script=script)


def parse(
    table: Mapping[str, Any], *, where: str, sha256: str = "", script: str | None = None
) -> Template:
    """Checks a template that was read from TOML.

    Args:
        table: Its content.
        where: The file that errors name.
        sha256: Of that file.
        script: Takes the place of the form's own; fields that name theirs keep it.

    Raises:
        UsageError: A key is unknown, missing or of a wrong type, a box lies outside the form, or
            no field is of the form's script.
    """
    _only(table, _KEYS, where)
    size = _numbers(table.get("size"), 2, f"{where}, key size")
    marks = tuple(
        _numbers(mark, 2, f"{where}, key marks") for mark in _list(table.get("marks", []), where)
    )
    if marks and len(marks) < 4:
        raise UsageError(
            f"{len(marks)} marks do not hold a form",
            where=f"{where}, key marks",
            allowed="4 or more",
        )
    mark_size = table.get("mark_size", 0)
    if marks and not (isinstance(mark_size, Number) and mark_size > 0):
        raise UsageError("marks have no size", where=f"{where}, key mark_size", allowed="above 0")
    fields = table.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        raise UsageError(
            "the form has no fields",
            where=f"{where}, key fields",
            allowed="a table [fields.NAME] with a box for each field",
        )
    own = _text(table, "script", where)
    if script and all(isinstance(one, Mapping) and "script" in one for one in fields.values()):
        raise UsageError(
            "every field names a script of its own, so that another one for the form says nothing",
            where=f"{where}, script {script!r}",
            hint="change the scripts of the fields, or leave the form's away",
        )
    script = script or own or "devanagari"
    return Template(
        name=_text(table, "name", where) or Path(where).stem,
        size=(size[0], size[1]),
        marks=tuple((mark[0], mark[1]) for mark in marks),
        mark_size=mark_size,
        fields=tuple(_field(name, field, script, size, where) for name, field in fields.items()),
        printed=_printed(table.get("printed", []), where),
        sha256=sha256,
    )


def _field(name: str, table: Any, script: str, size: tuple[Number, ...], where: str) -> Field:
    where = f"{where}, key fields.{name}"
    if not isinstance(table, Mapping):
        raise UsageError("a field is a table", where=where, allowed=", ".join(_FIELD_KEYS))
    _only(table, _FIELD_KEYS, where)
    left, top, width, height = _numbers(table.get("box"), 4, f"{where}.box")
    inside = left >= 0 and top >= 0 and left + width <= size[0] and top + height <= size[1]
    if not inside or width <= 0 or height <= 0:
        raise UsageError(
            f"the box {[left, top, width, height]} does not lie in the form",
            where=f"{where}.box",
            allowed=f"left, top, width and height within {size[0]} by {size[1]}",
        )
    return Field(
        name=name,
        box=(left, top, width, height),
        script=_text(table, "script", where) or script,
        pattern=_text(table, "pattern", where),
        validator=_text(table, "validator", where),
    )


def _only(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise UsageError(
                f"unknown key {key!r}",
                where=where,
                allowed=", ".join(allowed),
                hint=did_you_mean(key, allowed),
            )


def _numbers(value: Any, count: int, where: str) -> tuple[Number, ...]:
    numbers = value if isinstance(value, list) else []
    plain = all(isinstance(one, Number) and not isinstance(one, bool) for one in numbers)
    if len(numbers) != count or not plain:
        raise UsageError(
            f"{value!r} is not {count} numbers", where=where, allowed=f"{count} numbers"
        )
    return tuple(numbers)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError("marks are a list of points", where=f"{where}, key marks")
    return value


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{value!r} is no text", where=f"{where}, key {key}", allowed="a text")
    return value


def _printed(rows: Any, where: str) -> tuple[str, ...]:
    fits = isinstance(rows, list) and all(isinstance(row, str) and set(row) <= _HEX for row in rows)
    if not fits or len({len(row) for row in rows}) > 1:
        raise UsageError(
            "the printed matter is no grid",
            where=f"{where}, key printed",
            allowed="rows of equal length, of 0 to f and dots",
            hint="`indicdigits template new IMAGE` measures it",
        )
    return tuple(rows)
