"""From a run folder to its report, through the command line."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.cli import app
from indicdigits.data.source import Data, Split
from indicdigits.evaluation import calibrate, measure, pictures
from indicdigits.evaluation.card import card_markdown
from indicdigits.runtime.acceptance import Acceptance

from .conftest import Make, recipe_of

pytestmark = pytest.mark.integration


def blots(start: int, count: int) -> Split:
    """Pictures of noise, number `start` and on; a number is always the same picture."""
    numbers = np.arange(start, start + count)
    images = [np.random.default_rng(n).integers(0, 256, (28, 28)) for n in numbers]
    return Split(
        images=np.array(images, np.uint8),
        labels=numbers % 10,
        keys=np.array([str(n) for n in numbers], "S32"),
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose untrained network is tested on 40 pictures, 5 of them seen in training."""
    from indicdigits.models import create, surgery
    from indicdigits.training.weights import save_weights

    recipe = recipe_of()
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.toml").write_text(recipes.resolved_toml(recipe), encoding="utf-8")
    _, weights = surgery.split(create(recipe, seed=0))
    save_weights(folder / "checkpoints" / "final", weights, recipe, seconds=1.0)
    data = Data(train=blots(0, 60), validation=blots(60, 20), test=blots(75, 40))
    monkeypatch.setattr(pictures, "load_data", lambda *_, **__: data)
    return folder


def test_evaluate_writes_and_tells(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`evaluate RUN --json` prints what it wrote to report/metrics.json."""
    with pytest.raises(SystemExit) as ended:
        app.main(["evaluate", str(run), "--json", "--quiet"])
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((run / "report" / "metrics.json").read_text("utf-8"))
    assert printed["n"] == 40
    assert printed["without_leaked"]["leaked_n"] == 5  # all in the validation part
    assert printed["validation"]["n"] == 20
    assert printed["weights"] == "averaged, final"
    assert (run / "report" / "report.html").is_file()


def test_the_card_that_ships_with_a_backbone(run: Path) -> None:
    """`make weights` puts a card with the report's figures beside an evaluated backbone."""
    with pytest.raises(SystemExit):
        app.main(["evaluate", str(run), "--quiet"])
    (run / "run.json").write_text('{"seconds": 41.0}')
    path = Path(__file__).parents[2] / "tools" / "weights.py"
    spec = importlib.util.spec_from_file_location("weights", path)
    assert spec is not None
    assert spec.loader is not None
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)
    figures = json.loads((run / "report" / "metrics.json").read_text("utf-8"))
    assert f"and {figures['errors']} wrong" in weights.card(run)


def test_evaluate_for_people(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --json a person reads the result and where the page is."""
    monkeypatch.setattr(measure, "evaluate", lambda what, reporter, **options: make())
    with pytest.raises(SystemExit) as ended:
        app.main(["evaluate", str(tmp_path), "-o", str(tmp_path / "report")])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "197 of 200 handwritten digits read right" in out
    assert f"report: {tmp_path / 'report' / 'report.html'}" in out


def test_card_and_figures_agree(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`card --check` is silent about the card that `evaluate` wrote, and fails once they differ."""

    def card(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            app.main(["card", str(run), *words])
        return int(ended.value.code or 0)

    assert card("--check") == 4  # nothing was measured yet
    with pytest.raises(SystemExit):
        app.main(["evaluate", str(run), "--quiet"])
    assert card("--check") == 0
    capsys.readouterr()
    assert card() == 0
    path = run / "report" / "card.md"
    assert capsys.readouterr().out == path.read_text("utf-8")
    figures = run / "report" / "metrics.json"
    metrics = json.loads(figures.read_text("utf-8"))
    figures.write_text(json.dumps(metrics | {"errors": metrics["errors"] - 1}))
    assert card("--check") == 6
    error = capsys.readouterr().err
    assert "the card does not say what the figures say: line 3" in error
    assert f"indicdigits evaluate {run}" in error
    figures.write_text(json.dumps(metrics))
    path.write_text(path.read_text("utf-8") + "And it is very good.\n")
    assert card("--check") == 6
    path.unlink()
    assert card("--check") == 4


def test_calibration_makes_the_card_stale_and_explain_less_sure(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once a run is calibrated its figures are to be measured again, and `explain` goes by it."""
    picture = Path(__file__).parents[2] / "docs" / "pictures" / "sample-devanagari.png"

    def said(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            app.main([*words])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    def surety() -> float:
        _, out = said("explain", str(run), str(picture), "-o", str(run / "why.png"), "--json")
        return float(json.loads(out)["answers"][0]["probability"])

    said("evaluate", str(run), "--quiet")
    before = surety()
    flat = Acceptance(temperature=100.0, fitted_on="a test")
    monkeypatch.setattr(calibrate, "read_acceptance", lambda *_: flat)
    code, error = said("card", str(run), "--check")
    assert code == 4
    assert "from before it was calibrated" in error
    assert f"indicdigits evaluate {run}" in error
    assert surety() < before


def test_parts_of_the_recipes_data(run: Path) -> None:
    """Another part than the test has a report of its own, and is never called a test."""
    for part, n in {"validation": 20, "train": 60}.items():
        with pytest.raises(SystemExit) as ended:
            app.main(["evaluate", str(run), "--quiet", "--part", part])
        assert ended.value.code == 0
        folder = run / f"report-{part}"
        assert json.loads((folder / "metrics.json").read_text("utf-8"))["n"] == n
        assert "Not a test." in (folder / "report.html").read_text("utf-8")
    assert not (run / "report").exists()


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is no run is a usage error that says what is."""
    with pytest.raises(SystemExit) as ended:
        app.main(["evaluate", str(tmp_path / "nothing"), "--json"])
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"] == "UsageError"


def test_a_head_for_each_script_is_told_the_script(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No answer is of another script than the picture, and whoever reads the report is told why."""
    from indicdigits.models import create, surgery
    from indicdigits.training.weights import save_weights

    recipe = dataclasses.replace(
        recipe_of(),
        script="both",
        scripts=("latin", "devanagari"),
        training=recipes.Training(heads="script"),
    )
    (run / "recipe.toml").write_text(recipes.resolved_toml(recipe), encoding="utf-8")
    shutil.rmtree(run / "checkpoints")
    _, weights = surgery.split(create(recipe, seed=0))
    save_weights(run / "checkpoints" / "final", weights, recipe, seconds=1.0)
    test = dataclasses.replace(blots(75, 40), labels=np.arange(40) % 20)
    data = Data(train=blots(0, 60), validation=blots(60, 20), test=test)
    monkeypatch.setattr(pictures, "load_data", lambda *_, **__: data)
    with pytest.raises(SystemExit) as ended:
        app.main(["evaluate", str(run), "--quiet"])
    assert ended.value.code == 0
    assert "script: told for each picture" in capsys.readouterr().out
    metrics = json.loads((run / "report" / "metrics.json").read_text("utf-8"))
    confusion = np.array(metrics["confusion"])
    assert (confusion[:10, 10:].sum(), confusion[10:, :10].sum()) == (0, 0)
    assert confusion.sum() == 40
    assert all(0.1 <= mistake["probability"] <= 1 for mistake in metrics["mistakes"])
    page = (run / "report" / "report.html").read_text("utf-8")
    assert page.count('<table class="matrix">') == 2
    assert "The script was told" in page
    assert "It does not tell scripts apart" in card_markdown(recipe, metrics)


def test_each_data_set_apart(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where several sets are tested on, each has its own figure; weight 0 says "not trained on"."""
    from indicdigits.models import surgery
    from indicdigits.training.weights import load_model, save_weights

    recipe = recipe_of()
    sources = (*recipe.data.sources, recipes.Source(dataset="dhcd", weight=0.0))
    two = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, sources=sources))
    loaded = load_model(run)
    (run / "recipe.toml").write_text(recipes.resolved_toml(two), encoding="utf-8")
    shutil.rmtree(run / "checkpoints")
    final = run / "checkpoints" / "final"
    save_weights(final, surgery.split(loaded.model)[1], two, seconds=1.0)
    names = np.array(["cmaterdb/devanagari", "dhcd"])[np.arange(40) % 2]
    test = dataclasses.replace(blots(75, 40), groups={"dataset": names})
    data = Data(train=blots(0, 60), validation=blots(60, 20), test=test)
    monkeypatch.setattr(pictures, "load_data", lambda *_, **__: data)
    with pytest.raises(SystemExit) as ended:
        app.main(["evaluate", str(run), "--quiet"])
    assert ended.value.code == 0
    assert "20, a set that it was not trained on" in capsys.readouterr().out
    metrics = json.loads((run / "report" / "metrics.json").read_text("utf-8"))
    assert [one["n"] for one in metrics["sets"]] == [20, 20]
    assert sum(one["errors"] for one in metrics["sets"]) == metrics["errors"]
    assert '<th scope="row">dhcd</th><td>no</td>' in (run / "report" / "report.html").read_text(
        "utf-8"
    )
