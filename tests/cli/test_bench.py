"""`indicdigits bench`: a table of how fast this machine is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
from PIL import Image

from indicdigits.evaluation import bench
from indicdigits.evaluation.bench_bundle import TEXTBOOK, Row, measured, table
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.container import sha256
from indicdigits.runtime.shipped import find

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


@pytest.fixture(scope="module")
def of_bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What `bench BUNDLE --quick` says and draws."""
    plot = tmp_path_factory.mktemp("bench") / "plot.png"
    words = ["bench", "devanagari-nano", "--quick", "--threads", "1", "--json", "-o", str(plot)]
    line = [sys.executable, "-m", "indicdigits", *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), plot


def test_bundle_in_every_runtime(of_bundle: tuple[dict[str, Any], Path]) -> None:
    """A bundle is measured in each runtime, beside the textbook network, and drawn."""
    answer, plot = of_bundle
    rows = {(row["network"], row["runtime"]): row for row in answer["rows"]}
    ours, textbook = (
        rows["devanagari-nano", "ONNX Runtime"],
        rows["textbook network", "ONNX Runtime"],
    )
    assert ("devanagari-nano", "OpenCV") in rows
    for row in answer["rows"]:
        assert row["error"] is None
        assert 0 < row["p50_us"] <= row["p99_us"]
        assert row["per_second"] > 0
        assert 20 < row["memory_mb"] < 2000
    assert ours["bytes"] < 100_000 < textbook["bytes"]
    assert ours["per_second"] > textbook["per_second"]  # a tenth of the multiply-adds
    with Image.open(plot) as image:
        assert image.width > 800


def test_rows() -> None:
    """Ratios are to the textbook network of as many threads; what cannot run says why."""
    row = partial(Row, threads=1, bytes=1000, start_ms=1.0, p99_us=900.0, per_second=1e4)
    rows = [
        row(network="mine", runtime="OpenCV", p50_us=100.0, memory_mb=50.0),
        row(network=TEXTBOOK, runtime="ONNX Runtime", p50_us=420.0, memory_mb=80.0),
        row(network=TEXTBOOK, runtime="ONNX Runtime", threads=2, p50_us=50.0, memory_mb=80.0),
        Row(network="mine", runtime="OpenVINO", threads=1, bytes=1000, error="no such operator"),
    ]
    lines = table(rows).splitlines()
    assert lines[2] == "| mine | OpenCV | 1 | 1 | 100 | 900 | 10,000 | 50 | 1 | 4.2 |"
    assert lines[4].endswith("| 1.0 |")
    assert "cannot run: no such operator" in lines[5]
    assert len({line.count("|") for line in lines}) == 1


def test_graph_that_does_not_run() -> None:
    """A runtime that refuses the graph becomes a row with its reason."""
    whole = bundles.read(find("devanagari-nano"))
    model = onnx.load_from_string(whole.graph)
    model.graph.node[-1].op_type = "NoSuchOperator"
    graph = model.SerializeToString()
    bundle = replace(whole, graph=graph, parity=replace(whole.parity, graph_sha256=sha256(graph)))
    row = next(measured(bundle, [1], 0.01, lambda _: None))
    assert row.runtime == "ONNX Runtime"
    assert "the graph cannot be run" in str(row.error)


@pytest.mark.parametrize("words", [["--threads", "0"], ["--threads", "two"], ["--threads", ""]])
def test_threads_are_checked(command: Callable[..., Any], words: list[str]) -> None:
    """Numbers of threads that are none are refused."""
    done = command("bench", "devanagari", *words)
    assert done.returncode == 2
    assert "--threads" in done.stderr


@pytest.mark.slow
@pytest.mark.integration
def test_everything_is_measured(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """With the kit, training, fine-tuning, preparation and reading are measured."""
    done = command("bench", "--quick", "--devices", "1", "--json", timeout=600)
    assert done.returncode == 0, done.stderr
    names = " ".join(figure["name"] for figure in json.loads(done.stdout)["figures"])
    for word in ("normalise", "augment", "training", "fine-tuning", "kept features", "reading"):
        assert word in names
