from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.words import interval, percent
from indicdigits.recipe import Start

from .conftest import Make, recipe_of

SECTIONS = (
    "Intended use", "Data and licences", "Results", "Class by class", "Limits", "Training",
    "Contact",
)  # fmt: skip


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_every_figure_stands_in_the_card(make: Make) -> None:
    """The card's numbers are the report's."""
    metrics = make().metrics
    card = card_markdown(recipe_of(), metrics)
    rest, macro = metrics["without_leaked"], metrics["macro"]
    for part in (metrics, rest, metrics["validation"]):
        row = f"| {part['n']} | {part['errors']} | {percent(part['accuracy'])} | "
        assert plain(row + interval(part["interval"])) in card
    for key in ("precision", "recall", "f1"):
        assert plain(percent(macro[key])) in card
    for entry in metrics["per_class"]:
        assert f"| {entry['text']} ({entry['value']}) | {entry['support']} |" in card
    assert "seed 3" in card
    assert "41 seconds on x86_64, 2 cores, cpu" in card
    assert metrics["recipe_digest"] in card
    assert "frozen: `stem`" in card


def test_sections(make: Make) -> None:
    """A card has the sections of Mitchell et al., a contact among them."""
    card = card_markdown(recipe_of(), make(info={}).metrics)
    for section in SECTIONS:
        assert f"\n## {section}\n" in card
    assert "Training took: not recorded." in card
    assert "None" not in card
    contact = make(info={"contact": "a@b.example"}).metrics
    assert "a@b.example" in card_markdown(recipe_of(), contact)


def test_what_else_was_measured(make: Make, everything: dict[str, Any]) -> None:
    """Groups, calibration, thresholds and corruptions stand in the card once there are any."""
    card = card_markdown(recipe_of(), make(**everything).metrics)
    for heading in ("Group by group", "When it is not sure", "Worse pictures"):
        assert f"\n## {heading}\n" in card
        assert heading not in card_markdown(recipe_of(), make().metrics)
    assert "| anil | 50 | 5 | 90.00 % |" in card
    assert "| not given | 50 | 0 | 100.00 % |" in card
    assert "ECE) 0.41 %" in card
    assert "not calibrated" not in card
    assert "not calibrated" in card_markdown(recipe_of(), make().metrics)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"seconds": 3600, "machine": "x86_64, 2 cores, cpu"}, "Energy: about 30 Wh, estimated"),
        ({"seconds": 3600, "machine": "x86_64, 2 cores, gpu"}, "Energy: not known."),
        ({"machine": "x86_64, 2 cores, cpu"}, "Energy: not known."),
        ({}, "Energy: not known."),
    ],
)
def test_energy_is_an_estimate_or_not_known(make: Make, info: dict[str, Any], said: str) -> None:
    """Energy is said with its assumption, and of what nobody can estimate nothing is claimed."""
    card = card_markdown(recipe_of(), make(info=info).metrics)
    assert said in card
    assert ("15 W a core; nothing measured it" in card) == ("30 Wh" in card)


def test_licences_of_both_data_sets(make: Make) -> None:
    """The card names the licence of the data, and of what the backbone was trained on."""
    card = card_markdown(recipe_of(), make().metrics)
    assert "`cmaterdb/devanagari`" in card
    assert "free for non-commercial uses" in card
    assert "`mnist-cnn`" in card
    assert "CC BY-SA 3.0" in card


def test_how_a_head_of_class_means_was_made(make: Make) -> None:
    """Whoever gets the file knows that nothing was trained, or that it was trained further."""
    start = Start(weights="mnist-cnn", head="prototype")
    recipe = dataclasses.replace(recipe_of(), start=start)
    assert "training pictures, then trained." in card_markdown(recipe, make().metrics)
    alone = dataclasses.replace(recipe, phases=())
    assert "and not trained any further." in card_markdown(alone, make().metrics)
    assert "class means" not in card_markdown(recipe_of(), make().metrics)


def test_unknown_start_is_named(make: Make) -> None:
    """Weights of unknown origin are not passed off as free."""
    recipe = dataclasses.replace(
        recipe_of(), start=dataclasses.replace(recipe_of().start, weights="runs/mine")
    )
    card = card_markdown(recipe, make().metrics)
    assert "`runs/mine`" in card
    assert "does not know" in card


def test_drawn_digits(make: Make) -> None:
    """A reader trained on drawn digits says so first, and again under its limits."""
    recipe = recipe_of("tamil", "strokes/tamil")
    card = card_markdown(recipe, make(recipe).metrics)
    statement = "Trained on drawn digits only, and never tested on handwriting."
    assert statement in card
    assert card.index(statement) < card.index("## Intended use")
    assert "Never tested on handwriting" in card[card.index("## Limits") :]
    real = card_markdown(recipe_of(), make().metrics)
    assert "drawn" not in real.lower()


def test_untested_classes(make: Make) -> None:
    """Classes without test pictures are limits."""
    card = card_markdown(recipe_of(), make(n=8, mistakes={}, leaked=()).metrics)
    assert "No test pictures of: ८ (8), ९ (9)." in card
