"""`indicdigits inspect` says what a bundle holds."""

from __future__ import annotations

import json

import pytest

from indicdigits.cli.app import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", *words])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_a_shipped_reader(capsys: pytest.CaptureFixture[str]) -> None:
    """Script, classes, the licence of the data and of the backbone, and the figures."""
    code, text = run(capsys, "tamil")
    assert code == 0
    assert "௦ ௧ ௨" in text
    assert "Apache-2.0 (drawn by this project)" in text
    assert "read right" in text


def test_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as JSON, and the card by itself."""
    about = json.loads(run(capsys, "tamil", "--json")[1])
    assert [entry["value"] for entry in about["classes"]] == list(range(10))
    assert about["metrics"]["n"] == 1000
    assert run(capsys, "tamil", "--card")[1].startswith("# Tamil digits")


def test_no_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    """What is no reader's name is a usage error."""
    assert run(capsys, "tamill")[0] == 2
