"""`indicdigits bench`: a table of how fast this machine is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from indicdigits.evaluation import bench

WITHOUT_THE_KIT = (
    "import sys; sys.modules['jax'] = None;"  # as if it were not installed
    "from indicdigits.cli.app import main; main(sys.argv[1:])"
)


def light(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", WITHOUT_THE_KIT, "bench", "--quick", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def test_light_install_measures_reading() -> None:
    """Without the extra `train` reading is measured, and what is left out is said."""
    done = light("--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    names = [figure["name"] for figure in answer["figures"]]
    assert any(name.startswith("reading") for name in names)
    assert not any("training" in name for name in names)
    assert all(figure["value"] > 0 for figure in answer["figures"])
    assert "pip install 'indicdigits[train]'" in answer["notes"][0]
    assert "pip install 'indicdigits[train]'" in done.stderr


def test_table_can_be_pasted() -> None:
    """The answer is Markdown: the machine, the versions, a row a figure."""
    done = light("--quiet")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("**")
    assert "cores" in lines[0]
    assert "python" in lines[2]
    assert lines[4:6] == ["| what | figure |", "|---|---|"]
    assert sum(line.startswith("| ") for line in lines) == 5
    assert done.stderr == ""


def test_numbers_have_three_digits() -> None:
    """A figure shows no more digits than can be trusted."""
    figures = [bench.Figure("x", value, "u") for value in (12345.6, 123.4, 12.34, 1.234, 0.01234)]
    rows = bench.table({"processor": "P", "cores": "2"}, figures).splitlines()[-5:]
    assert [row.split("|")[2].split()[0] for row in rows] == [
        "12,300",
        "123",
        "12.3",
        "1.23",
        "0.0123",
    ]


def test_rate_repeats() -> None:
    """A figure is the median of several measurements, after one that does not count."""
    calls: list[int] = []

    def work() -> int:
        calls.append(1)
        return 10

    assert bench.rate(work, bench.Budget(seconds=0.0, pictures=1, repeats=5)) > 0
    assert len(calls) == 6


def test_devices_are_checked(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A number of devices that is none is refused before anything is measured."""
    done = command("bench", "--devices", "many")
    assert done.returncode == 2
    assert "--devices" in done.stderr


@pytest.mark.slow
@pytest.mark.integration
def test_everything_is_measured(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """With the kit, training, fine-tuning, preparation and reading are measured."""
    done = command("bench", "--quick", "--devices", "1", "--json", timeout=600)
    assert done.returncode == 0, done.stderr
    names = " ".join(figure["name"] for figure in json.loads(done.stdout)["figures"])
    for word in ("normalise", "augment", "training", "fine-tuning", "kept features", "reading"):
        assert word in names
