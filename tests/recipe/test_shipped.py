"""The recipes that ship, and a new one beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from indicdigits import recipe as recipes
from indicdigits.recipe import summary
from indicdigits.recipe.heads import count_heads
from indicdigits.scripts import SCRIPTS as KNOWN

SHIPPED = recipes.shipped()
SCRIPTS = ("bengali", "devanagari", "tamil", "telugu")


def test_what_ships() -> None:
    """There is a recipe for the backbone, for each script, and a pattern for one's own pictures."""
    expected = {"pretrain/mnist-cnn", "labelled-images", *(f"scripts/{name}" for name in SCRIPTS)}
    assert expected <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_passes_its_own_check(name: str) -> None:
    """Every shipped recipe is a good one, and is called as its file is."""
    recipe = recipes.load(SHIPPED[name])
    assert recipe.name == name.rpartition("/")[2]


@pytest.mark.parametrize("name", SHIPPED)
def test_header(name: str) -> None:
    """The first comment block gives the command and speaks of the data and what to expect."""
    header = SHIPPED[name].read_text(encoding="utf-8").partition("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert "#   indicdigits " in header
    assert "# Data: " in header
    if name not in ("finetune", "pretrain"):
        assert "# Expect: " in header


@pytest.mark.parametrize("name", SCRIPTS)
def test_early_layers_are_frozen(name: str) -> None:
    """The default fine-tuning recipe freezes at least the stem and the first stage."""
    recipe = recipes.load(SHIPPED[f"scripts/{name}"])
    states = summary.stage_states(recipe, recipe.phases[0], first=True)
    assert states["stem"] == states["stage1"] == "frozen"
    assert states["head"] == "trained, reset"
    assert recipe.script == name


def test_stage_states_of_a_parted_stage() -> None:
    """Where rules part a stage, the table says so."""
    rules = 'phases.0.rules=[{prefix="stage2/conv1", frozen=true}, {prefix="", rate=0.5}]'
    recipe = recipes.load(recipes.find("devanagari"), [rules])
    states = summary.stage_states(recipe, recipe.phases[0], first=False)
    assert states["stage2"] == "conv1 frozen, norm1 conv2 norm2 trained x0.5"
    assert states["head"] == "trained x0.5"


def test_the_indic_backbone_learns_every_script() -> None:
    """Its classes are the digits of all scripts, a head for each, and each has drawn pictures."""
    recipe = recipes.load(recipes.find("indic-cnn"))
    assert recipe.scripts == tuple(KNOWN)
    assert (len(recipe.labels), count_heads(recipe)) == (160, 16)
    sources = [source.dataset for source in recipe.data.sources]
    assert sources == ["mnist", *(f"strokes/{name}" for name in KNOWN)]
    text = "\n".join(summary.lines(recipe))
    assert "classes   160 in 16 heads: 0 1 2" in text
    assert recipes.loads(recipes.resolved_toml(recipe), source="run") == recipe


CHAKMA = """
extends = "finetune"
name = "chakma"
script = "chakma"
licence = "CC BY 4.0"
classes = [
  { text = "𑄶", value = 0 }, { text = "𑄷", value = 1 }, { text = "𑄸", value = 2 },
  { text = "𑄹", value = 3 }, { text = "𑄺", value = 4 }, { text = "𑄻", value = 5 },
  { text = "𑄼", value = 6 }, { text = "𑄽", value = 7 }, { text = "𑄾", value = 8 },
  { text = "𑄿", value = 9 }, { text = "not a digit" },
]

[data]
sources = [{ dataset = "labelled_images", format = "folder", train = "pictures" }]
"""


def test_new_script_needs_a_recipe_only(tmp_path: Path) -> None:
    """A script that the package has never heard of is added by a recipe and no code."""
    path = tmp_path / "chakma.toml"
    path.write_text(CHAKMA, encoding="utf-8")
    recipe = recipes.load(path)
    assert [entry.value for entry in recipe.labels] == [*range(10), None]
    about = summary.summarise(recipe)
    assert about["script"] == "chakma"
    assert about["data"] == [
        {"dataset": "labelled_images", "train": "pictures", "licence": "CC BY 4.0"}
    ]
    assert recipes.loads(recipes.resolved_toml(recipe), source="run") == recipe
