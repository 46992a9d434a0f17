"""`indicdigits lines`: a reader of whole lines, from a recipe to a bundle that `read` takes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.cli.app import main
from indicdigits.data import lines as composed
from indicdigits.data.lines import hands_of, number_of, symbols_of
from indicdigits.errors import Interrupted
from indicdigits.export import lines as exporting
from indicdigits.imaging.lettering import lettered
from indicdigits.progress import Reporter
from indicdigits.runtime import line_bundle
from indicdigits.runtime.reader import load
from indicdigits.training import checkpoint, ctc
from indicdigits.training.loop import Runtime

pytestmark = pytest.mark.integration
QUIET = Reporter(quiet=True)
RECIPE = """
extends = "finetune"
name = "numbers"
script = "devanagari"
[data]
sources = [{ dataset = "labelled_images", format = "npz", train = "numbers.npz" }]
"""


@pytest.fixture
def numbers(tmp_path: Path, training_home: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe over forty pictures of each Devanagari digit, drawn by the project."""
    rng = np.random.default_rng(0)
    images, labels = [], np.arange(400) % 10
    for label in labels.tolist():
        glyph = 255 - np.asarray(lettered("०१२३४५६७८९"[label], 20).convert("L"))
        picture = np.zeros((40, 40), np.uint8)
        top, left = rng.integers(2, 8, 2)
        picture[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
        images.append(picture)
    np.savez(tmp_path / "numbers.npz", images=np.stack(images), labels=labels)
    recipe = tmp_path / "numbers.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr(composed, "WIDTH", composed.WIDEST)  # one shape to compile, not four
    monkeypatch.setattr(exporting, "FIT_LINES", 6)
    monkeypatch.setattr(exporting, "TEST_LINES", 2)
    return recipe


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_from_a_recipe_to_a_bundle_that_reads(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained, joined with the reader of digits, measured, sealed; and `read` asks it."""
    folder = numbers.parent / "run"
    assert run("lines", "--recipe", numbers, "--steps", 2, "--out", folder, "--json", "-q") == 0
    said = json.loads(capsys.readouterr().out)
    path = Path(said["bundle"])
    assert path == folder / "devanagari.indiclines"
    assert set(said["lines"]["labelled_images"]) == {"apart", "touching", "overlapping"}

    bundle = line_bundle.read(path)
    assert line_bundle.check_golden(bundle, where=path) == 6
    assert "".join(s.text for s in bundle.symbols) == "०१२३४५६७८९,.-/₹"
    assert bundle.mixture.reader == load("devanagari").name
    assert "mnist: commonly listed as CC BY-SA 3.0" in bundle.licence  # of the backbone's start
    assert "six digits, composed of test digits" in bundle.card
    assert run("inspect", path) == run("verify", path) == 0
    shown = capsys.readouterr().out
    assert "read with devanagari-all" in shown
    assert "6 golden lines are answered as then" in shown

    sheet = np.full((60, 220, 3), 235, np.uint8)
    digits = np.hstack(list(load("devanagari").bundle.golden.inputs[1:4]))
    sheet[16:44, 44:128] = (235 - (0.8 * digits).astype(np.uint8))[..., None]
    cv2.imwrite(str(numbers.parent / "page.png"), sheet)
    assert run("read", numbers.parent / "page.png", "--lines", path, "--json", "-q") == 0
    (line,) = json.loads(capsys.readouterr().out)["lines"]
    assert 0 <= line["probability"] <= 1

    assert run("lines", "--resume", folder, "--json", "-q") == 0  # nothing is trained twice
    assert json.loads(capsys.readouterr().out)["lines"] == said["lines"]


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    numbers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four steps are four steps, whether or not somebody stopped it after two."""
    recipe = recipes.load(numbers)
    hands = hands_of(recipe, numbers.parent, "learn", QUIET)
    settings = ctc.LineSettings(steps=4, batch_size=4)

    def train(name: str) -> dict[str, np.ndarray]:
        runtime = Runtime(run=numbers.parent / name, reporter=QUIET)
        ctc.train(recipe, numbers.parent, hands, settings, runtime)
        return checkpoint.load(numbers.parent / name / "checkpoints" / "final")[0]

    whole = train("whole")
    with monkeypatch.context() as patched:
        patched.setattr(ctc, "stop_signals", stopping_after(2))
        with pytest.raises(Interrupted, match="stopped at step 2"):
            train("stopped")
    gone_on = train("stopped")
    assert whole.keys() == gone_on.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, gone_on[name], err_msg=name)


def stopping_after(steps: int) -> Callable[[], object]:
    @contextmanager
    def signals() -> Iterator[Callable[[], int | None]]:
        asked = iter([None] * (steps - 1))
        yield lambda: next(asked, signal.SIGINT)

    return signals


def test_early_layers_stay_as_they_were(numbers: Path) -> None:
    """Frozen stages keep parameters and statistics to the bit; the others are trained."""
    recipe = recipes.load(numbers)
    hands = hands_of(recipe, numbers.parent, "learn", QUIET)
    settings = ctc.LineSettings(steps=2, batch_size=4)
    runtime = Runtime(run=numbers.parent / "run", reporter=QUIET)
    weights = ctc.train(recipe, numbers.parent, hands, settings, runtime)
    before = ctc.load_weights(settings.start).weights
    for stage in ("stem", "stage1", "stage2"):
        for ours, theirs in ((weights.params, before.params), (weights.stats, before.stats)):
            same = [bool((ours[p] == theirs[p]).all()) for p in ours if p.startswith(f"{stage}/")]
            assert all(same) == (stage != "stage2"), stage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--script", "devanagari", "--resume", "x"], "give one of"),
        (["--resume", "nowhere"], "holds no run of a sequence reader"),
        (["--resume", "nowhere", "--steps", "3"], "goes on as it was begun"),
        (["--recipe", "bars"], "unknown recipe"),
        (["--script", "klingon"], "klingon"),
    ],
)
def test_what_cannot_be_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("lines", *words) in (2, 3)
    assert said in capsys.readouterr().err


def test_a_start_of_another_kind_is_refused(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--recipe", numbers, "--from", "mnist-vit", "--out", numbers.parent / "run")
    assert run("lines", *words) == 5
    assert "cannot start from a 'vit'" in capsys.readouterr().err


def test_the_reader_of_digits_is_there_before_anything_is_trained(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ", ".join(f'{{ text = "{chr(0x11136 + n)}", value = {n} }}' for n in range(10))
    recipe = numbers.read_text(encoding="utf-8")
    recipe = recipe.replace('script = "devanagari"', f'script = "chakma"\nclasses = [{classes}]')
    numbers.write_text(recipe, encoding="utf-8")
    assert run("lines", "--recipe", numbers, "--out", numbers.parent / "run") == 2
    assert "--reader mine.indicdigits" in capsys.readouterr().err
    assert not (numbers.parent / "run").exists()


def test_a_line_bundle_is_no_reader_of_digits_and_the_other_way_round(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "page.png"
    cv2.imwrite(str(picture), np.full((40, 40), 255, np.uint8))
    from indicdigits.runtime.shipped import find

    assert run("read", picture, "--lines", find("devanagari")) == 6
    assert "is of another kind" in capsys.readouterr().err


def test_symbols_are_a_recipes_digits_and_the_marks() -> None:
    recipe = recipes.load(recipes.find("scripts/tamil-old"))
    assert "".join(symbol.ascii for symbol in symbols_of(recipe)).endswith(",.-/₹")
    assert all(len(symbol.ascii) == 1 for symbol in symbols_of(recipe))


def test_numbers_are_of_every_kind() -> None:
    rng = np.random.default_rng(0)
    made = [number_of(rng, longest=9, marked=0.7) for _ in range(400)]
    for sign in (",", ".", "/", "-", "₹", " "):
        assert any(sign in number for number in made), sign
    assert any(number.isdigit() for number in made)
