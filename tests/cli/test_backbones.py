"""`indicdigits backbones`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from indicdigits.cli.app import main
from indicdigits.cli.backbones import stage_ranges
from indicdigits.registry import BACKBONES
from indicdigits.registry.shipped import MANIFEST, shipped_weights


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["backbones", *words])
    assert not stopped.value.code


def test_json_has_every_backbone(capsys: pytest.CaptureFixture[str]) -> None:
    """--json is a list with name, parameters, multiply-adds and stages of each registry entry."""
    run("--json")
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(BACKBONES)
    cnn = next(row for row in rows if row["name"] == "cnn")
    assert cnn["stages"] == ["stem", "stage1", "stage2", "stage3", "head"]
    assert (cnn["parameters"], cnn["multiply_adds"]) == (165_370, 4_701_120)
    assert cnn["shipped"] == ["indic-cnn", "mnist-cnn"]
    for row in rows:
        assert row["parameters"] > 0
        assert row["multiply_adds"] > 0
        assert row["stages"][-1] == "head"
        assert row["input_sizes"][0] <= 28 <= row["input_sizes"][1]


def test_table_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a line of figures and one about each backbone, none over 100 columns."""
    run()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    starts = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert starts == ["name", *BACKBONES, "Counted"]
    figures = next(line for line in lines if line.startswith("cnn "))
    assert figures.split()[1:3] == ["165,370", "4,701,120"]
    end = lines[0].index("parameters") + len("parameters")
    assert figures[:end].endswith("165,370")


@pytest.mark.parametrize(
    ("stages", "text"),
    [
        ("stem stage1 stage2 stage3 head", "stem, stage1-3, head"),
        ("stage1 head", "stage1, head"),
        ("stage1 stage2 head", "stage1-2, head"),
        ("stem stage1 stage3 block4 head", "stem, stage1, stage3, block4, head"),
        ("head", "head"),
    ],
)
def test_stages_in_short(stages: str, text: str) -> None:
    """Stages that follow each other are named as a range, others one by one."""
    assert stage_ranges(stages.split()) == text


def test_shipped_weights_are_checkpoints() -> None:
    """What is listed as shipped is what training finds under that name."""
    from indicdigits.training import checkpoint
    from indicdigits.training.weights import find_weights

    assert checkpoint.MANIFEST == MANIFEST
    assert "mnist-cnn" in shipped_weights()
    for name, folder in shipped_weights().items():
        assert find_weights(name) == folder
