"""`data.negatives`: a class for what is no digit, and the pictures to learn it from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indicdigits.cli.app import main
from indicdigits.errors import RecipeError
from indicdigits.recipe import Recipe, find, load, loads, resolved_toml

KINDS = ["scribbles", "blank", "foreign", "own-letters"]
MINE = """
extends = "finetune"
name = "mine"
script = "mine"
classes = [{ text = "𑄶", value = 0 }, { text = "𑄷", value = 1 }]
[data]
sources = [{ dataset = "strokes" }]
negatives = 2
[strokes]
"𑄶" = [["0.2,0.2 0.8,0.2! 0.8,0.8! 0.2,0.8"]]
"𑄷" = [["0.5,0.1 0.2,0.5 0.8,0.5 0.4,0.9"]]
"""


def telugu(*changes: str) -> Recipe:
    return load(find("scripts/telugu"), changes)


def named(recipe: Recipe) -> list[str]:
    return [source.dataset for source in recipe.data.sources]


def test_one_key_is_a_class_and_its_pictures() -> None:
    """The class stands after all digits; each kind has the weight, and none is tested on."""
    recipe = telugu("data.negatives=0.3")
    assert [entry.text for entry in recipe.labels] == [*"౦౧౨౩౪౫౬౭౮౯", "not a digit"]
    assert [entry.value for entry in recipe.labels] == [*range(10), None]
    assert named(recipe) == ["cmaterdb/telugu", *(f"not_digits/{kind}" for kind in KINDS)]
    real, *drawn = recipe.data.sources
    assert real.tested
    assert {(source.weight, source.tested) for source in drawn} == {(0.3, False)}


def test_written_out_it_is_the_same_recipe() -> None:
    """A resolved recipe names class and sources, no longer the key, and reads back unchanged."""
    recipe = telugu("data.negatives=0.3")
    text = resolved_toml(recipe)
    assert "negatives" not in text
    assert loads(text, source="run") == recipe


def test_without_it_a_recipe_is_what_it_was() -> None:
    """No key, or a weight of 0: ten classes and the same digest."""
    assert telugu("data.negatives=0") == telugu()
    assert len(telugu().labels) == 10
    assert telugu().digest() == telugu("data.negatives=0").digest()
    assert telugu("data.negatives=1").digest() != telugu().digest()


def test_what_the_recipe_names_itself_stands() -> None:
    """A source and a class that are there already are neither doubled nor changed."""
    mine = '{dataset="not_digits/blank", weight=7}'
    recipe = telugu(
        f'data.sources=[{{dataset="cmaterdb/telugu"}}, {mine}]',
        'classes=[{text="not a digit"}, {text="౦", value=0}, {text="౧", value=1}]',
        "data.negatives=0.3",
        "strokes={}",
    )
    assert [entry.text for entry in recipe.labels] == ["not a digit", "౦", "౧"]
    assert sorted(named(recipe)[1:]) == sorted(f"not_digits/{kind}" for kind in KINDS)
    assert recipe.data.sources[1].weight == 7


def test_several_scripts() -> None:
    """Of a recipe over several scripts, the class stands after the digits of all."""
    recipe = telugu('scripts=["telugu", "kannada"]', "script=south", "data.negatives=1")
    assert [entry.text for entry in recipe.labels][-2:] == ["೯", "not a digit"]
    assert len(recipe.labels) == 21


def test_a_script_of_ones_own(tmp_path: Path) -> None:
    """Strokes are enough; letters are left out where no one knows the script's."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    assert named(load(path)) == ["strokes", *(f"not_digits/{kind}" for kind in KINDS[:-1])]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("data.negatives=-1", "out of range"),
        ("data.negatives=101", "out of range"),
        ("data.negatives=true", "of the wrong type"),
        ("data.negatives=often", "of the wrong type"),
        ("data.negatives=nan", "out of range"),
        ("data.negatvies=1", "unknown key 'negatvies'"),
    ],
)
def test_bad_weight(change: str, problem: str) -> None:
    """What is no weight is refused, by name."""
    with pytest.raises(RecipeError, match=problem):
        telugu(change)


@pytest.mark.parametrize(
    "classes",
    [
        '[{text="0", value=0}, {text="1", value=1}]',
        '[{text="𑄶", value=0}, {text="𑄷", value=1}]',
    ],
)
def test_unknown_shapes_are_refused(classes: str) -> None:
    """Nothing can be chosen unlike a class that no strokes and no shipped script describe."""
    words = [f"classes={classes}", 'data.sources=[{dataset="fonts"}]', "strokes={}"]
    with pytest.raises(RecipeError, match="nothing says how that is written") as caught:
        telugu("script=mine", *words, "data.negatives=1")
    assert "not_digits/scribbles" in str(caught.value)


def test_something_must_be_tested_on() -> None:
    """A recipe that tests on nothing is refused."""
    with pytest.raises(RecipeError, match="no source is tested on"):
        telugu('data.sources=[{dataset="cmaterdb/telugu", tested=false}]')


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: object) -> None:
    """`recipe check` shows eleven classes, of a recipe with strokes too."""
    with pytest.raises(SystemExit) as caught:
        main(["recipe", "check", "telugu", "--set", "data.negatives=0.5", "--json"])
    assert caught.value.code in (0, None)
    (answer,) = json.loads(capsys.readouterr().out)
    assert (answer["ok"], len(answer["classes"])) == (True, 11)
