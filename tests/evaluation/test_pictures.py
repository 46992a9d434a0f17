"""Which pictures a reader is measured on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.data.parts import Split
from indicdigits.data.source import load_split
from indicdigits.data.strokes import corpus
from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.measure import measure
from indicdigits.evaluation.picture_set import Pictures, set_apart
from indicdigits.evaluation.pictures import choose
from indicdigits.evaluation.subject import Subject
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe

QUIET = Reporter(quiet=True)


def reader_of(recipe: Recipe) -> Subject:
    """Answers every digit right, and takes every second picture of no digit for a digit."""

    def answers(split: Split) -> np.ndarray:
        found = np.where(split.labels == 10, 10 * (np.arange(len(split)) % 2), split.labels)
        return np.asarray(np.eye(11)[found], np.float32)

    return Subject(
        name="tamil",
        source=Path("tamil"),
        recipe=recipe,
        root=Path(),
        weights="none",
        answers=answers,
        training={},
    )


def test_ink_is_needed_to_be_accepted() -> None:
    """Blank pictures of digits count apart; blank ones of no digit are refused, rightly."""
    path = recipes.find("scripts/tamil")
    subject = reader_of(recipes.load(path, ["data.negatives=2"]))
    images = np.full((12, 28, 28), 255, np.uint8)
    images[[1, 9]] = 0  # a digit, and no digit that its network is sure is one
    labels = np.array([0, 1, 2, 3, 4, 5, 6, 7, 10, 10, 10, 10])
    split = Split(images=images, labels=labels, keys=np.arange(12).astype("S32"))
    whole = Pictures(
        split=split, part="test", sources=(), of_recipe=True, seen=None, counts={"test": [1] * 11}
    )
    metrics = measure(subject, set_apart(whole, subject.recipe.labels, {}), QUIET).metrics
    assert (metrics["n"], metrics["errors"], metrics["negatives"]["n"]) == (7, 0, 4)
    assert metrics["negatives"]["accepted"] == 1  # of two that its network takes for digits
    assert metrics["data"]["without_ink"] == 2
    assert [one["id"] for one in metrics["data"]["apart"]] == ["pictures/test/00001"]


@pytest.mark.integration
def test_pictures_of_no_digit_are_measured_where_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no part of the test split: what is not drawn here is left out, and said."""
    monkeypatch.setenv("INDICDIGITS_HOME", str(tmp_path))
    monkeypatch.setattr(corpus, "WRITERS", {"train": range(4), "test": range(4, 6)})
    path = recipes.find("scripts/tamil")
    mine = recipes.load(path, ["data.negatives=2"])
    strokes, blank = (
        next(s for s in mine.data.sources if s.dataset == name)
        for name in ("strokes/tamil", "not_digits/blank")
    )
    mine = dataclasses.replace(mine, data=dataclasses.replace(mine.data, sources=(strokes, blank)))
    subject = reader_of(mine)

    metrics = measure(subject, choose(subject, (), None, QUIET), QUIET).metrics
    assert (metrics["n"], metrics["errors"], metrics["negatives"]) == (40, 0, None)
    card = card_markdown(mine, metrics)
    assert "how it takes what is no digit has not been measured" in card

    load_split(blank, "test", size=28, classes=mine.labels, root=Path(), reporter=QUIET)
    metrics = measure(subject, choose(subject, (), None, QUIET), QUIET).metrics
    assert (metrics["n"], metrics["errors"], metrics["pictures"]) == (40, 0, "drawn digits")
    negatives = metrics["negatives"]
    assert (negatives["n"], negatives["accepted"]) == (16, 8)
    assert [row["kind"] for row in negatives["kinds"]] == ["blank"]
    card = card_markdown(mine, metrics)
    assert "one of the 10 classes below, or of no digit" in card
    assert "No digits: 8 of 16 taken for one" in card
    assert "No test pictures of" not in card
