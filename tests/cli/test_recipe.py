"""`indicdigits recipe`: ls, show, cp, check."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from indicdigits import recipe as recipes
from indicdigits.cli.app import main


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["recipe", *words])
    return int(stopped.value.code or 0)


def test_ls(capsys: pytest.CaptureFixture[str]) -> None:
    """Ls names every shipped recipe, with a sentence about it."""
    assert run("ls") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes.shipped())
    assert any("Devanagari numerals, fine-tuned" in line for line in lines)
    assert run("ls", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["script"] for row in rows}["scripts/tamil"] == "tamil"


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    """Show prints the file as it is; --resolved and --set print what comes of it."""
    assert run("show", "devanagari") == 0
    path = recipes.shipped()["scripts/devanagari"]
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")
    assert run("show", "devanagari", "--resolved", "--set", "seed=7") == 0
    table = tomllib.loads(capsys.readouterr().out)
    assert table["seed"] == 7
    assert table["training"]["batch_size"]
    assert run("show", "devanagari", "--json") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == recipes.load(path).digest()


def test_cp_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy of a shipped recipe passes the check at once, wherever it lies."""
    target = tmp_path / "deep" / "mine.toml"
    assert run("cp", "labelled-images", str(target)) == 0
    assert run("check", str(target)) == 0
    assert run("cp", "devanagari", str(tmp_path)) == 0
    assert (tmp_path / "devanagari.toml").is_file()


def test_cp_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cp leaves alone what is there, and asks for a name that a recipe can have."""
    target = tmp_path / "mine.toml"
    target.write_text("precious")
    assert run("cp", "devanagari", str(target)) == 2
    assert target.read_text() == "precious"
    assert "exists already" in capsys.readouterr().err
    assert run("cp", "devanagari", str(tmp_path / "mine")) == 2
    assert run("cp", "devanagri", str(tmp_path / "new.toml")) == 3
    assert list(tmp_path.iterdir()) == [target]


def test_check_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Check shows data, classes, phases, and each stage as frozen, trained or reset."""
    assert run("check", "devanagari") == 0
    text = capsys.readouterr().out
    assert "cmaterdb/devanagari" in text
    assert "10: ० १ २ ३ ४ ५ ६ ७ ८ ९" in text
    states = {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines()[-5:]}
    assert states["stem"] == "frozen"
    assert states["head"] == "trained, reset"


def test_check_of_class_means(capsys: pytest.CaptureFixture[str]) -> None:
    """Check says what the head is made of, and that nothing is trained without phases."""
    assert run("check", "devanagari", "--set", "start.head=prototype") == 0
    text = capsys.readouterr().out
    assert "from mnist-cnn, head: class means of the training pictures" in text
    assert text.splitlines()[-1].split(maxsplit=1) == ["head", "trained, class means"]
    assert run("check", "devanagari", "--set", "strategy=prototype") == 0
    assert "none: nothing is trained" in capsys.readouterr().out
    assert run("check", "devanagari", "--set", "strategy=prototype", "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert (answer["head"], answer["phases"]) == ("prototype", [])


def test_check_of_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check goes on after a bad recipe, says which it was, and ends with exit code 3."""
    bad = tmp_path / "bad.toml"
    bad.write_text('extends = "finetune"\nnam = "x"')
    assert run("check", "bengali", str(bad), "telugu") == 3
    printed = capsys.readouterr()
    assert "bengali: ok" in printed.out
    assert "telugu: ok" in printed.out
    assert printed.err.startswith(f"error: {bad}: unknown key 'nam'")
    assert run("check", "bengali", str(bad), "--json") == 3
    good, wrong = json.loads(capsys.readouterr().out)
    assert good["ok"]
    assert good["phases"][0]["stages"]["stem"] == "frozen"
    assert not wrong["ok"]
    assert (wrong["exit_code"], wrong["hint"]) == (3, "did you mean 'name'?")


def test_check_with_set(capsys: pytest.CaptureFixture[str]) -> None:
    """Check takes --set, so that a change can be tried before an hour of training."""
    assert run("check", "devanagari", "--set", "phases.finetune.epochs=2") == 0
    assert "finetune: 2 epochs" in capsys.readouterr().out
    assert run("check", "devanagari", "--set", "phases.finetune.epochs=many") == 3


@pytest.mark.parametrize(
    ("strokes", "expected"),
    [('[["0,0"]]', "too few points"), ('[["0,0 2,2"]]', "2,2"), ("[[]]", "no strokes")],
)
def test_check_reads_strokes(
    strokes: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check finds what is wrong with drawn digits, and names the class."""
    path = tmp_path / "drawn.toml"
    classes = 'classes = [{ text = "a", value = 0 }, { text = "b", value = 1 }]'
    drawn = f'[strokes]\na = {strokes}\nb = [["0,0 1,1"]]'
    data = 'data = { sources = [{ dataset = "strokes" }] }'
    path.write_text(f'extends = "finetune"\nname = "x"\n{classes}\n{data}\n{drawn}')
    assert run("check", str(path)) == 3
    message = capsys.readouterr().err
    assert expected in message
    assert "strokes.a" in message


@pytest.mark.parametrize(("script", "digit"), [("gurmukhi", "੭"), ("chakma", "𑄽"), ("urdu", "۷")])
def test_new(
    script: str, digit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """New writes a recipe that passes its check, for every script whose digits Unicode knows."""
    monkeypatch.chdir(tmp_path)
    assert run("new", script, "--json") == 0
    path = Path(json.loads(capsys.readouterr().out)["path"])
    assert digit in path.read_text(encoding="utf-8")
    assert [entry.value for entry in recipes.load(path).labels] == list(range(10))
    assert recipes.load(path).labels[7].text == digit
    assert run("new", script) == 2
    assert "exists already" in capsys.readouterr().err


def test_new_with_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures in the recipe's folder are named in it; elsewhere they cannot be."""
    (tmp_path / "here" / "pictures").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert run("new", "odia", "--images", "pictures") == 0
    assert recipes.load(Path("odia.toml")).data.sources[0].train == "pictures"
    assert run("new", "odia", "--images", "pictures", "-o", str(tmp_path / "there" / "o.toml")) == 2
    assert "outside the recipe's folder" in capsys.readouterr().err
    assert run("new", "odia", "--images", "nothing", "-o", "x.toml") == 2
    assert not Path("x.toml").exists()


def test_new_of_no_script(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that Unicode knows no digits of is refused, with what is known."""
    assert run("new", "klingon") == 2
    assert "devanagari" in capsys.readouterr().err
