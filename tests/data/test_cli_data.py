from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.cli.app import main
from indicdigits.data import contact
from indicdigits.registry import DATASETS
from tests.data.conftest import COUNTS, digit_pictures

RECIPE = """
extends = "finetune"
name = "mine"
script = "gujarati"
[data]
sources = [{ dataset = "labelled_images", format = "npz", train = "d.npz" }]
"""


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_ls(fake_mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`data ls` lists every configuration with its script and licence, and what is prepared."""
    assert run("data", "prepare", "cmaterdb/telugu", "--quiet") == 0
    capsys.readouterr()
    assert run("data", "ls", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == sum(len(DATASETS.get(name).scripts) for name in DATASETS)
    prepared = {(row["name"], row["config"]): row["prepared"] for row in rows}
    assert prepared["cmaterdb", "telugu"] is True
    assert prepared["cmaterdb", "bengali"] is False
    assert prepared["labelled_images", None] is None
    assert run("data", "ls") == 0
    assert "cmaterdb/telugu" in capsys.readouterr().out


def test_prepare(fake_mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`data prepare` takes several names, and a set's name for all of its configurations."""
    assert run("data", "prepare", "mnist", "cmaterdb", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows][:2] == ["mnist", "cmaterdb/bengali"]
    assert len(rows) == 4
    assert {(row["train"], row["test"]) for row in rows} == {(COUNTS["train"], COUNTS["test"])}


def test_show(fake_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`data show` writes a PNG of the expected size, named after the set unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    assert run("data", "show", "cmaterdb/bengali", "--samples", "2", "--split", "test") == 0
    with Image.open(tmp_path / "cmaterdb-bengali.png") as sheet:
        assert sheet.size == contact.sheet_size(10, 2, 1, "both")
    assert run("data", "show", "mnist", "-o", "deep/er.png", "--view", "raw") == 0
    assert (tmp_path / "deep" / "er.png").is_file()


def test_show_a_recipes_own_pictures(
    data_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`data show` takes a recipe, and finds its pictures beside it."""
    images, labels = digit_pictures(60, 30)
    (tmp_path / "mine").mkdir()
    np.savez(tmp_path / "mine" / "d.npz", images=images, labels=labels)
    (tmp_path / "mine" / "mine.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    assert run("data", "show", "mine/mine.toml", "-o", "sheet.png") == 0
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("prepare", "cmaterdb/telegu"), 2, "cmaterdb/telugu"),
        (("show", "labelled_images"), 2, "path of that recipe"),
        (("show", "mnist", "-o", "sheet.gif"), 2, "PNG"),
        (("show", "absent.toml"), 3, "absent.toml"),
    ],
)
def test_errors(
    fake_mirror: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    """A wrong name or output is an error with its exit code and what would be right."""
    assert run("data", *words) == code
    assert message in capsys.readouterr().err
