"""The record of a run's epochs: one JSON a line in metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from indicdigits.data.storage import storage_errors, write_whole

HISTORY = "metrics.jsonl"


def read_history(run: Path) -> list[dict[str, Any]]:
    """The records of a run's epochs so far; a line that a kill cut short is left out."""
    path = run / HISTORY
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def rewind(run: Path, step: int) -> None:
    """Leaves out the epochs after `step`, which will be done again."""
    records = [record for record in read_history(run) if record["step"] <= step]
    write_whole(run / HISTORY, "".join(json.dumps(record) + "\n" for record in records))


def append(run: Path, record: dict[str, Any], *, hint: str) -> None:
    """Adds an epoch.

    Raises:
        StorageError: The disk refused.
    """
    path = run / HISTORY
    with storage_errors(path, hint), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
