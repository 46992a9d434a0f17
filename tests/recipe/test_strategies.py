"""Ways to transfer, as phases."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from indicdigits.recipe import STRATEGIES, Recipe, find, load, loads, resolved_toml
from indicdigits.registry import BACKBONES


def recipe_of(strategy: str, *changes: str) -> Recipe:
    return load(find("scripts/devanagari"), [f"strategy={strategy}", *changes])


def frozen(recipe: Recipe) -> list[list[str]]:
    paths = BACKBONES.get(recipe.model.backbone).paths(recipe.model.options)
    return [phase.frozen_stages(paths) for phase in recipe.phases]


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "prototype"])
def test_every_strategy_takes_as_many_epochs(strategy: str) -> None:
    """Strategies are compared at equal cost in passes over the data."""
    recipe = recipe_of(strategy, "phases.finetune.epochs=20")
    assert sum(phase.epochs for phase in recipe.phases) == 20


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("freeze", [["stem", "stage1"]]),
        ("probe", [["stem", "stage1", "stage2", "stage3"]]),
        ("probe-then-finetune", [["stem", "stage1", "stage2", "stage3"], []]),
        (
            "gradual",
            [
                ["stem", "stage1", "stage2", "stage3"],
                ["stem", "stage1", "stage2"],
                ["stem", "stage1"],
                ["stem"],
                [],
            ],
        ),
        ("layer-rates", [[]]),
        ("all", [[]]),
        ("scratch", [[]]),
        ("prototype", []),
    ],
)
def test_what_each_strategy_freezes(strategy: str, expected: list[list[str]]) -> None:
    """Phase by phase, the stages that stand still."""
    assert frozen(recipe_of(strategy)) == expected


def test_layer_rates_fall_towards_the_input() -> None:
    """The head has the full rate, each stage before it 2.6 times less."""
    rates = [rule.rate for rule in recipe_of("layer-rates").phases[0].rules]
    assert rates[-1] == 1.0
    for earlier, later in itertools.pairwise(rates):
        assert later / earlier == pytest.approx(2.6, rel=1e-3)


def test_the_pattern_is_what_the_recipe_and_the_command_line_say() -> None:
    """`--set` on the recipe's own phase reaches every phase that is made of it."""
    recipe = recipe_of("gradual", "phases.finetune.learning_rate=0.5")
    assert {phase.learning_rate for phase in recipe.phases} == {0.5}


def test_scratch_starts_from_nothing_and_only_scratch_does() -> None:
    """The control has fresh weights; a resolved recipe no longer says `strategy`."""
    starts = {name: recipe_of(name).start.weights for name in STRATEGIES}
    assert {name for name, weights in starts.items() if weights == "scratch"} == {"scratch"}


def test_a_strategy_written_out_by_hand_is_the_same_recipe() -> None:
    """The digest knows phases, not the word that they came from."""
    rules = '[{prefix="stem", frozen=true}, {prefix="stage1", frozen=true}, {prefix=""}]'
    written = load(find("scripts/devanagari"), [f"phases.finetune.rules={rules}"])
    assert recipe_of("freeze").digest() == written.digest()


def test_prototype_trains_nothing_and_needs_no_pattern(tmp_path: Path) -> None:
    """The phases of the recipe go, and one that has none is whole all the same."""
    recipe = recipe_of("prototype", "phases.finetune.epochs=9")
    assert (recipe.phases, recipe.start.head) == ((), "prototype")
    assert recipe.start.weights == "mnist-cnn"
    written = load(find("scripts/devanagari"), ["start.head=prototype", "phases=[]"])
    assert written.digest() == recipe.digest()
    assert loads(resolved_toml(recipe), source="here") == recipe
    path = tmp_path / "bare.toml"
    sources = '[data]\nsources = [{ dataset = "cmaterdb/telugu" }]\n'
    head = 'name = "bare"\ntask = "finetune"\nscript = "telugu"\nstrategy = "prototype"\n'
    path.write_text(head + sources, encoding="utf-8")
    assert load(path).phases == ()


def test_from_scratch_everything_is_fresh() -> None:
    """The control takes no class means, even if the recipe does; its digest is what it was."""
    assert recipe_of("scratch", "start.head=prototype") == recipe_of("scratch")
