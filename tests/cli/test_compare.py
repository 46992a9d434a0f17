"""`indicdigits compare` as a user meets it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.cli.app import main
from indicdigits.data.source import Data, Split
from indicdigits.evaluation import pictures

pytestmark = pytest.mark.integration

RUNS = ("runs/a", "runs/b", "runs/c")


def noise(start: int, count: int, classes: int = 10) -> Split:
    """Pictures of noise, number `start` and on; a number is always the same picture."""
    numbers = np.arange(start, start + count)
    images = [np.random.default_rng(n).integers(0, 256, (28, 28)) for n in numbers]
    return Split(
        images=np.array(images, np.uint8),
        labels=numbers % classes,
        keys=np.array([str(n) for n in numbers], "S32"),
    )


def make_run(
    folder: Path, seed: int, epochs: int, *, finished: bool = True, script: str | None = None
) -> None:
    """A run with fresh weights and a history; without final weights if not finished."""
    from indicdigits.models import create, surgery
    from indicdigits.training import checkpoint
    from indicdigits.training.weights import save_weights

    changes = [f"seed={seed}"]
    if script:
        changes += [f'script="{script}"', f'data.sources=[{{dataset="cmaterdb/{script}"}}]']
    recipe = recipes.load(recipes.find("mnist-linear"), changes)
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(recipes.resolved_toml(recipe), encoding="utf-8")
    (folder / "run.json").write_text('{"seconds": 61.5}' if finished else "{}", encoding="utf-8")
    records: list[dict[str, Any]] = [
        {
            "phase": "probe" if epoch < 2 else "finetune",
            "epoch": epoch,
            "train_loss": 1 / (epoch + 1),
            "train_accuracy": 0.8,
            "seconds": 2.0,
        }
        | ({"validation_accuracy": 0.9} if seed else {})
        for epoch in range(epochs)
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    _, weights = surgery.split(create(recipe, seed=seed))
    if finished:
        save_weights(folder / "checkpoints" / "final", weights, recipe, seconds=61.5)
        return
    average = {"params": weights.params, "stats": weights.stats}
    info = {"kind": "training", "step": 12, "phase": 0, "backbone": "linear"}
    checkpoint.save(folder / "checkpoints" / "step_00000012", {"average": average}, info)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of untrained networks, the third unfinished, and one with other classes."""
    folder = tmp_path_factory.mktemp("made")
    make_run(folder / "a", 0, 1)
    make_run(folder / "b", 1, 4)
    make_run(folder / "c", 2, 3, finished=False)
    make_run(folder / "other", 3, 1, script="devanagari")
    return folder


@pytest.fixture
def workplace(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with those runs, which are tested on 40 pictures of noise."""
    shutil.copytree(made, tmp_path / "runs")
    data = Data(train=noise(0, 20), validation=noise(20, 10), test=noise(30, 40))
    monkeypatch.setattr(pictures, "load_data", lambda *_, **__: data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *words])
    return int(stopped.value.code or 0)


def test_compare_writes_and_tells(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three runs with histories of different shapes become one table, one picture, one page."""
    assert compare(*RUNS, "--json", "--quiet") == 0
    printed = json.loads(capsys.readouterr().out)
    folder = workplace / "runs" / "compare"
    assert printed == json.loads((folder / "compare.json").read_text("utf-8"))
    assert {path.name for path in folder.iterdir()} == {
        "compare.json", "compare.png", "compare.html"
    }  # fmt: skip
    assert (printed["schema"], printed["n"], len(printed["pairs"])) == (2, 40, 3)
    assert [run["name"] for run in printed["runs"]] == ["a", "b", "c"]
    assert [run["epochs"] for run in printed["runs"]] == [1, 4, 3]
    assert [run["seconds"] for run in printed["runs"]] == [61.5, 61.5, 6.0]
    assert [run["validation_accuracy"] for run in printed["runs"]] == [None, 0.9, 0.9]
    assert [run["weights"] for run in printed["runs"]] == [
        "averaged, final", "averaged, final", "averaged, step 12"
    ]  # fmt: skip
    first = printed["runs"][0]
    assert (first["parameters"], first["multiply_adds"]) == (7850, 7840)
    assert first["interval"][0] <= first["accuracy"] <= first["interval"][1]
    page = (folder / "compare.html").read_text("utf-8")
    assert not re.search("https?:", page)
    assert "c is not finished" in page


def test_compare_for_people(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: a table, a sentence for each pair, and what an unfinished run is."""
    assert compare("runs/a", "runs/c", "-o", "out") == 0
    printed = capsys.readouterr()
    assert "errors / 40" in printed.out
    assert "* c is not finished: its weights are averaged, step 12" in printed.out
    assert "read right by a alone" in printed.out
    assert "McNemar's exact test" in printed.out
    assert "page: out/compare.html" in printed.out
    assert "--resume" in printed.err
    assert (workplace / "out" / "compare.json").is_file()
    assert not (workplace / "runs" / "compare").exists()


def test_a_shipped_backbone_is_compared_with_a_run(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever weights have a name can be compared: a shipped backbone, a checkpoint, a run."""
    assert compare("mnist-cnn", "runs/a/checkpoints/final", "--quiet", "--json") == 0
    shipped, linear = json.loads(capsys.readouterr().out)["runs"]
    assert (shipped["name"], shipped["backbone"], shipped["epochs"]) == ("mnist-cnn", "cnn", None)
    assert (linear["name"], linear["backbone"], linear["epochs"]) == ("final", "linear", 1)


def test_other_classes(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs with other classes are named, and nothing is written."""
    assert compare("runs/a", "runs/other", "--json") == 4
    error = json.loads(capsys.readouterr().out)
    assert (error["error"], error["where"]) == ("DataError", "other")
    assert "not the classes of a" in error["message"]
    assert not (workplace / "runs" / "compare").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["runs/a"], 2, "at least two"),
        ([], 2, "READER"),
        (["runs/a", "runs/b", "runs/a"], 2, "are the same"),
        (["runs/a", "runs/../runs/a/checkpoints/final"], 2, "are the same"),
        (["runs/a", "runs/nothing"], 2, "no run and no bundle is here"),
        (["runs/a", "runs"], 2, "no run is here"),
        (["runs/a", "mnist-cn"], 2, "did you mean 'mnist-cnn'"),
    ],
)
def test_what_cannot_be_compared(
    workplace: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run, the same run twice, or none there: said before anything is read or written."""
    assert compare(*words) == code
    assert said in capsys.readouterr().err
    assert not (workplace / "runs" / "compare").exists()


def test_other_pictures(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that were tested on other pictures are named, and nothing is written."""

    def load(recipe: recipes.Recipe, *_: object, **__: object) -> Data:
        test = noise(30 + 5 * (recipe.seed == 1), 40)
        return Data(train=noise(0, 20), validation=noise(20, 10), test=test)

    monkeypatch.setattr(pictures, "load_data", load)
    assert compare(*RUNS) == 4
    message = capsys.readouterr().err
    assert "not tested on the pictures of a: b (5 pictures are others)" in message
    assert not (workplace / "runs" / "compare").exists()


@pytest.mark.slow
def test_real_runs(
    bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs of one recipe, trained as a user trains them, are compared on its test split."""
    monkeypatch.chdir(bars.parent)
    monkeypatch.setenv("INDICDIGITS_HOME", str(bars.parent / "home"))
    for seed in ("0", "1"):
        words = ["finetune", "--recipe", "bars.toml", "--seed", seed, "-o", f"seed-{seed}", "-q"]
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert not stopped.value.code
    capsys.readouterr()
    assert compare("seed-0", "seed-1", "--json", "--quiet") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n"] == 24
    assert [run["epochs"] for run in printed["runs"]] == [3, 3]
    assert [run["seed"] for run in printed["runs"]] == [0, 1]
    assert all(run["validation_accuracy"] is not None for run in printed["runs"])
