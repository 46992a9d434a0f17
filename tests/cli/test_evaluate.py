"""`indicdigits evaluate`, `card` and `compare` with readers that ship and pictures of one's own."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indicdigits.cli.app import main
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.shipped import find

pytestmark = pytest.mark.integration

READER, MANY = "devanagari", "every-script"


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's golden pictures three times, with what it reads as labels, as folders and CSV.

    Of every three one is bigger, one smaller; pen and school are columns, and a few schools are
    not given. One picture is all paper and one all ink.
    """
    folder = tmp_path_factory.mktemp("own")
    bundle = bundles.read(find(READER))
    answers = bundle.golden.probabilities.argmax(axis=1)
    rows = []
    for copy in range(3):
        for number, (picture, answer) in enumerate(
            zip(bundle.golden.pictures, answers.tolist(), strict=True)
        ):
            if np.ptp(picture) == 0:
                continue  # the blank one
            path = folder / "folders" / str(answer) / f"{copy}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(picture)
            image.resize([round(side * (1 + 0.5 * copy)) for side in image.size]).save(path)
            school = "" if number == 3 else "AB"[number % 2]
            rows.append([path.relative_to(folder), answer, copy, school])
    for name, grey in (("paper", 255), ("ink", 0)):
        path = folder / "folders" / "0" / f"{name}.png"
        Image.new("L", (40, 40), grey).save(path)
        rows.append([path.relative_to(folder), 0, 0, ""])
    with (folder / "own.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "label", "pen", "school"], *rows])
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INDICDIGITS_HOME", str(tmp_path / "home"))  # nothing is prepared there
    return tmp_path


def test_own_pictures(here: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user's own pictures are read where they lie, and their columns are groups."""
    assert (
        call(
            "evaluate", READER, "--data", str(pictures / "own.csv"), "--worse", "0", "--json", "-q"
        )
        == 0
    )
    metrics = json.loads(capsys.readouterr().out)
    folder = here / "report-devanagari-all-own.csv"
    assert json.loads((folder / "metrics.json").read_text("utf-8")) == metrics
    assert (metrics["part"], metrics["of_recipe"], metrics["n"]) == ("all", False, 33)
    assert metrics["errors"] <= 1  # the reader's own answers, at other sizes
    assert metrics["without_leaked"] is None  # its training pictures are not here
    assert metrics["data"]["without_ink"] == 2
    assert {one["id"]: one["reason"] for one in metrics["data"]["apart"]} == dict.fromkeys(
        ("folders/0/paper.png", "folders/0/ink.png"), "no ink found"
    )
    assert not {one["id"] for one in metrics["mistakes"]} & {"folders/0/paper.png"}
    assert metrics["reject"]["n"] == 33
    assert {table["column"] for table in metrics["groups"]} == {"pen", "school"}
    school = next(table for table in metrics["groups"] if table["column"] == "school")
    assert (school["n"], school["missing"]) == (30, 3)
    rows = list(csv.DictReader((folder / "predictions.csv").open(encoding="utf-8")))
    unread = [row["id"] for row in rows if not row["prediction"]]
    assert unread == ["folders/0/paper.png", "folders/0/ink.png"]
    assert len(rows) == 35
    page = (folder / "report.html").read_text("utf-8")
    assert "Results by school" in page
    assert "without a value" in page
    assert "Counted apart" in page
    assert "folders/0/paper.png" in page


def metrics_right(folder: Path) -> int:
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    return int(metrics["n"] - metrics["errors"])


def test_folders(here: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with a subfolder a class does as well; a class without one is said to be absent."""
    words = ["evaluate", READER, "--data", str(pictures / "folders"), "--worse", "8", "-o", "out"]
    assert call(*words) == 0
    printed = capsys.readouterr().out
    assert "33 pictures read right" in printed
    assert "2 pictures that any reader refuses, \u201cno ink found\u201d" in printed
    share = f"{100 * metrics_right(here / 'out') / 35:.2f}\u00a0% right"
    assert f"as errors they would leave {share}" in printed
    assert "report: out/report.html" in printed
    metrics = json.loads((here / "out" / "metrics.json").read_text("utf-8"))
    absent = [row for row in metrics["per_class"] if not row["support"]]
    assert all(row["recall"] is None for row in absent)
    assert ("have no picture in the test" in (here / "out" / "report.html").read_text("utf-8")) == (
        len(absent) > 1
    )


def test_a_broken_picture_is_named_and_left_out(
    here: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file that is no picture stops nothing: it is named, counted and told by the exit code."""
    shutil.copytree(pictures / "folders", here / "mine")
    page = Image.new("L", (900, 300), 255)  # a line of five digits, in the folder of the zeros
    for place in range(5):
        page.paste(0, (60 + 160 * place, 100, 90 + 160 * place, 200))
    page.save(here / "mine" / "0" / "line.png")
    for name in ("note.txt", "cut.png"):
        (here / "mine" / "0" / name).write_bytes(b"\x89PNG no more")
    words = ["--data", "mine", "-q"]
    assert call("evaluate", READER, *words, "--worse", "0", "-o", "out") == 4
    told = capsys.readouterr()
    assert "33 pictures read right" in told.out
    assert "2 files left out, no pictures: 0/cut.png (" in told.out
    assert "1 picture that any reader refuses, \u201cmore than one digit\u201d" in told.out
    assert "repair or remove" in told.err
    assert "note.txt" in told.err
    metrics = json.loads((here / "out" / "metrics.json").read_text("utf-8"))
    broken = [one["id"] for one in metrics["data"]["apart"] if one["broken"]]
    assert broken == ["0/cut.png", "0/note.txt"]
    assert sum(metrics["data"]["counts"]["all"]) == 38
    assert "2 files left out" in (here / "out" / "report.html").read_text("utf-8")
    assert "2 files left out" in (here / "out" / "card.md").read_text("utf-8")
    ours = "out/predictions.csv"  # has a row for each picture, read or not
    assert call("compare", READER, ours, *words, "-o", "both", "--json") == 4
    told = capsys.readouterr()
    assert "note.txt" in told.err
    result = json.loads(told.out)
    assert [run["errors"] for run in result["runs"]] == [metrics["errors"]] * 2
    assert [one["id"] for one in result["apart"]] == [one["id"] for one in metrics["data"]["apart"]]
    assert "2 files left out" in (here / "both" / "compare.html").read_text("utf-8")


def test_nothing_that_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where not one picture can be read there is nothing to report."""
    (here / "mine" / "3").mkdir(parents=True)
    Image.new("L", (40, 40), 255).save(here / "mine" / "3" / "paper.png")
    assert call("evaluate", READER, "--data", "mine", "-q") == 4
    assert "none of the 1 pictures can be read, the first for this: no ink" in (
        capsys.readouterr().err
    )
    assert not list(here.glob("report*"))


def test_labels_of_a_reader_of_several_scripts(
    here: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose digits 0 to 9 are is asked for, never guessed, and what was taken is said."""
    words = ["evaluate", MANY, "--data", str(pictures / "folders"), "--worse", "0", "-q"]
    assert call(*words) == 4
    error = capsys.readouterr().err
    assert "may be a digit of 16 scripts" in error
    assert "--script NAME" in error
    assert "devanagari" in error
    assert not list(here.glob("report*"))
    assert call(*words, "--script", "hindi", "-o", "out") == 0
    told = capsys.readouterr().out
    assert "labels 0 to 9 were taken for Devanagari digits" in told
    if "most often confused" in told:
        assert "most often confused: Devanagari" in told
    metrics = json.loads((here / "out" / "metrics.json").read_text("utf-8"))
    assert metrics["data"]["script_of_labels"] == "devanagari"
    tested = {row["text"] for row in metrics["per_class"] if row["support"]}
    assert tested <= set("०१२३४५६७८९")
    assert metrics["errors"] <= metrics["n"] // 2
    page = (here / "out" / "report.html").read_text("utf-8")
    assert "Labels 0 to 9 were taken for Devanagari digits" in page


def test_labels_with_their_script(here: Path, pictures: Path) -> None:
    """Folders called devanagari-3 or ३ say by themselves whose digits they hold."""
    folders = sorted((pictures / "folders").iterdir())
    for place, folder in enumerate(folders):
        name = "०१२३४५६७८९"[int(folder.name)] if place % 2 else f"devanagari-{folder.name}"
        shutil.copytree(folder, here / "named" / name)
    words = ["evaluate", "--data", "named", "--worse", "0", "-q"]
    assert call(*words, MANY, "-o", "many") == 0
    assert call(*words, READER, "-o", "one") == 0
    many, one = (
        json.loads((here / name / "metrics.json").read_text("utf-8")) for name in ("many", "one")
    )
    assert {row["text"]: row["support"] for row in many["per_class"] if row["support"]} == {
        row["text"]: row["support"] for row in one["per_class"] if row["support"]
    }
    assert many["data"]["script_of_labels"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([MANY, "--data", "own", "--script", "klingon"], 2, "unknown script 'klingon'"),
        ([READER, "--data", "own", "--script", "bengali"], 2, "reads no digits of that script"),
        ([MANY, "--script", "hindi"], 2, "beside --data FOLDER"),
        ([MANY, "--data", "own", "--script", "tamil"], 4, "SCRIPT-0 to SCRIPT-9"),
        (["devanagri"], 2, "did you mean 'devanagari'"),
        (["nothing/here"], 2, "no run and no bundle is here"),
        (["."], 2, "no run is here"),
        ([READER, "--data", "dhdc"], 4, "did you mean 'dhcd'"),
        ([READER, "--data", "none.csv"], 4, "no data set and no pictures"),
        ([READER, "--data", "strange"], 4, "is no class"),
        ([READER, "--data", "cmaterdb/bengali"], 4, "reads none of them"),
        ([READER, "--data", "bad.csv"], 4, "none of the 1 pictures can be read"),
        ([READER, "--data", "odd.csv"], 4, "no such file: (empty)"),
        ([READER, "--data", "strange", "--part", "test"], 2, "read whole"),
        ([READER, "--data", "dhcd", "--part", "validation"], 2, "belongs to a recipe"),
    ],
)
def test_what_cannot_be_measured(
    here: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not there or does not fit is said with what to try, and nothing is written."""
    (here / "strange" / "eleven").mkdir(parents=True)
    (here / "own" / "12").mkdir(parents=True)
    (here / "bad.csv").write_text("path,label\nx.png,1\n")
    (here / "odd.csv").write_text("path,label\n,1\n")
    assert call("evaluate", *words, "-q") == code
    error = capsys.readouterr().err
    assert said in error
    assert "recipe" not in error or "--part" in words  # whoever uses a reader has none
    assert not list(here.glob("report*"))


def test_a_bundle_needs_no_jax(here: Path, pictures: Path) -> None:
    """A bundle is measured by ONNX Runtime: JAX is never imported."""
    program = (
        "import sys; sys.modules['jax'] = None; sys.modules['flax'] = None\n"
        "sys.modules['tensorflow_datasets'] = None\n"
        "from indicdigits.cli.app import main\n"
        f"main(['evaluate', '{READER}', '--data', {str(pictures / 'own.csv')!r}, '-q',"
        " '--worse', '2'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_another_tools_predictions(
    here: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader is compared with another tool's CSV, by the ids of predictions.csv."""
    data = ["--data", str(pictures / "own.csv")]
    assert call("evaluate", READER, *data, "--worse", "0", "-q", "-o", "ours") == 0
    capsys.readouterr()
    with (here / "ours" / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ours = [row["prediction"] == row["truth"] for row in rows if row["prediction"]]
    with (here / "tool.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "prediction"])
        for number, row in enumerate(reversed([row for row in rows if row["prediction"]])):
            writer.writerow([row["id"], "" if number < 10 else row["truth"]])
    assert call("compare", "tool.csv", READER, *data, "-o", "both", "--json", "-q") == 0
    result = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in result["runs"]] == ["tool.csv", READER]
    assert [run["errors"] for run in result["runs"]] == [10, ours.count(False)]
    (pair,) = result["pairs"]
    assert pair["only_second_right"] == sum(ours[-10:])
    low, high = pair["difference_interval"]
    assert low <= pair["difference"] <= high
    page = (here / "both" / "compare.html").read_text("utf-8")
    assert "answered differently" in page
    assert "own.csv, all of them (33 pictures)" in page
    assert 'alt="folders/' in page
    (here / "tool.csv").write_text("id,prediction\nelsewhere.png,1\n")
    assert call("compare", READER, "tool.csv", *data, "-q") == 4
    assert "1 id is unknown: elsewhere.png" in capsys.readouterr().err
    assert call("compare", "tool.csv", "other.csv", *data, "-q") == 2
    assert "nothing says what is right" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "said"),
    [("mnist-cnn", "mnist-cnn/card.md"), (".", "no run is here"), ("gone.zip", "a reader's name")],
)
def test_what_has_no_figures_for_a_card(
    here: Path, what: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card is made from figures: where there are none, it is said what has some."""
    assert call("card", what, "--check") == 2
    assert said in capsys.readouterr().err


def test_card_of_figures_of_another_version(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle whose figures another version wrote is refused by name, not misread."""
    real = bundles.read

    def old(path: Path) -> bundles.Bundle:
        import dataclasses

        bundle = real(path)
        return dataclasses.replace(bundle, metrics={**bundle.metrics, "schema": 1})

    monkeypatch.setattr(bundles, "read", old)
    assert call("card", READER, "--check") == 4
    error = capsys.readouterr().err
    assert "another version" in error
    assert "schema 2" in error
    assert f"try: indicdigits evaluate {READER}, which" in error
