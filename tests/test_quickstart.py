"""What `make quickstart` does around the verbs; the verbs themselves are stood in for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "quickstart.sh"
STAND_IN = """#!/usr/bin/env bash
echo "$*" >> calls
[ "$1" = "$FAILS" ] && exit "$CODE"
exit 0
"""


def quickstart(folder: Path, fails: str, code: int) -> tuple[int, str, list[str]]:
    """Runs the script where the verb `fails` ends with `code`: exit code, output, verbs called."""
    stand_in = folder / "indicdigits"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    environment = os.environ | {"BIN": str(folder), "FAILS": fails, "CODE": str(code)}
    result = subprocess.run(
        ["bash", str(SCRIPT)], cwd=folder, env=environment, capture_output=True, text=True
    )
    return result.returncode, result.stdout, (folder / "calls").read_text().splitlines()


def test_the_way_through(tmp_path: Path) -> None:
    """Quickstart prepares, fine-tunes, evaluates, exports and reads, and echoes each command."""
    code, output, calls = quickstart(tmp_path, "nothing", 0)
    assert code == 0
    assert [call.split()[0] for call in calls] == [
        *("data", "finetune", "evaluate", "export", "predict")
    ]
    assert all(f"$ indicdigits {call}" in output for call in calls)
    assert "--data" not in calls[1]


def test_without_data(tmp_path: Path) -> None:
    """Without mirror and network it says so, and goes on with drawn digits."""
    code, output, calls = quickstart(tmp_path, "data", 4)
    assert code == 0
    assert "no mirror and no network" in output
    assert "--data strokes/devanagari" in calls[1]
    assert len(calls) == 5


@pytest.mark.parametrize(("verb", "code"), [("data", 1), ("finetune", 5), ("export", 6)])
def test_another_failure_stops_it(verb: str, code: int, tmp_path: Path) -> None:
    """Any other failure ends it at once, with the same exit code."""
    stopped, _, calls = quickstart(tmp_path, verb, code)
    assert stopped == code
    assert calls[-1].split()[0] == verb
