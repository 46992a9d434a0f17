"""metrics.json: its schema number, reading it, and what a file of another version is told.

The schema is metrics.schema.json beside this file (JSON Schema, draft 7). Schema 2 counts true
digits alone where a reader has the class "not a digit", and says of which part and data set the
figures are. Keys may be added to a schema; what a key means never changes within one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from indicdigits.errors import DataError

SCHEMA = 2
AGAIN = "indicdigits evaluate"
NAME = "metrics.json"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of metrics.json."""
    text = (files("indicdigits.evaluation") / "metrics.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def read_metrics(path: Path, *, hint: str = AGAIN) -> dict[str, Any]:
    """Reads a metrics.json.

    Args:
        path: The file.
        hint: The command that writes it.

    Raises:
        DataError: There is none, it is no JSON, another version wrote it, or figures are missing.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("no figures are here", where=path, hint=hint) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", where=path, hint=hint) from error
    found = checked(metrics, path, hint=hint)
    missing = [key for key in json_schema()["required"] if key not in found]
    if missing:
        raise DataError(f"has no {', '.join(missing)}", where=path, hint=hint)
    return found


def checked(metrics: Any, where: object, *, hint: str = AGAIN) -> dict[str, Any]:
    """The figures, if this version knows what they mean.

    Args:
        metrics: The content of a metrics.json.
        where: The file, named in errors.
        hint: What gives figures that it knows.

    Raises:
        DataError: It does not.
    """
    found = metrics.get("schema") if isinstance(metrics, Mapping) else None
    if found != SCHEMA:
        age = "a newer version" if isinstance(found, int) and found > SCHEMA else "another version"
        raise DataError(
            f"the figures were written by {age} of indicdigits (schema {found})",
            where=where,
            allowed=f"schema {SCHEMA}",
            hint=hint,
        )
    return dict(metrics)
