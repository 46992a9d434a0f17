"""The same figures in words, for the page, the card and the command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from indicdigits.recipe import Recipe
from indicdigits.recipe.sources import OWN
from indicdigits.registry import DATASETS
from indicdigits.runtime.doubt import NOT_A_DIGIT
from indicdigits.scripts import SCRIPTS, script_of

TOLD = "told for each picture: an answer is one of its own script's classes"


class MixUp(NamedTuple):
    """Two classes that were confused: indices of truth and answer, and how often it happened."""

    truth: int
    answer: int
    times: int


def kind_of_pictures(datasets: Iterable[str]) -> str:
    """What these data sets hold: handwritten digits, drawn digits, or pictures of whatever."""
    names = {name.partition("/")[0] for name in datasets}
    if OWN in names or not names <= set(DATASETS):
        return "pictures"  # of whatever the user has
    entries = [DATASETS.get(name) for name in names]
    drawn = {entry.drawn for entry in entries if not entry.texts}  # texts: no digits at all
    if len(drawn) > 1:
        return "handwritten and drawn digits"
    return "drawn digits" if True in drawn else "handwritten digits"


def is_drawn(dataset: str) -> bool:
    """Whether the project draws the pictures of a data set."""
    name = dataset.partition("/")[0]
    return name in DATASETS and DATASETS.get(name).drawn


def trained_on_drawn(recipe: Recipe) -> bool:
    """Whether every picture that the recipe trains on is drawn by the project."""
    return all(is_drawn(source.dataset) for source in recipe.data.sources if source.weight)


def script_name(script: str) -> str:
    """A script's name as people write it: "Ol Chiki" for "ol-chiki"."""
    known = SCRIPTS.get(script)
    return known.title if known else script.replace("-", " ").replace("_", " ").title()


def heads(metrics: Mapping[str, Any]) -> list[list[int]]:
    """The classes that an answer was chosen among, as indices: all, or those of each script."""
    of_class = metrics.get("heads") or [0] * len(metrics["per_class"])
    return [
        [index for index, other in enumerate(of_class) if other == head]
        for head in dict.fromkeys(of_class)
    ]


def only_digits(metrics: Mapping[str, Any]) -> bool:
    """Whether the classes, or those of each script, are the ten digits, beside "not a digit"."""
    rows = metrics["per_class"]
    return all(
        [rows[index]["value"] for index in head if rows[index]["text"] != NOT_A_DIGIT]
        == list(range(10))
        for head in heads(metrics)
    )


def title(metrics: Mapping[str, Any]) -> str:
    """What a report or card is about: "Devanagari digits"."""
    return f"{script_name(metrics['script'])} {'digits' if only_digits(metrics) else 'characters'}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 0 to 1 as "98.80 %"; None, where nothing was measured, as a dash."""
    return "–" if share is None else f"{100 * share:.{digits}f}\u00a0%"


def interval(bounds: Sequence[float] | None) -> str:
    """An interval as "97.41 to 99.45 %"."""
    if bounds is None:
        return "–"
    return f"{100 * bounds[0]:.2f} to {percent(bounds[1])}"


def certainty(probability: float) -> str:
    """A network's probability, never rounded up to certainty."""
    return ">\u00a099.9\u00a0%" if probability > 0.9994 else percent(probability, 1)


def share(probability: float) -> str:
    """A less probable class's probability: "0.4 %", never rounded to nothing or to certainty."""
    return "<\u00a00.1\u00a0%" if probability < 0.001 else certainty(probability)


def out_of(share: float) -> str:
    """A share as people count it: "7 in 100", or "3 in 1000" where it is small."""
    whole = 100 if share >= 0.0095 else 1000
    return f"{max(round(whole * share), 1)} in {whole}"


def duration(seconds: float) -> str:
    """Seconds as "41 seconds", "3.5 minutes" or "2.1 hours"."""
    for limit, unit, name in ((100, 1, "seconds"), (6000, 60, "minutes")):
        if seconds < limit:
            return f"{seconds / unit:.{0 if unit == 1 else 1}f} {name}"
    return f"{seconds / 3600:.1f} hours"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 error", "6 errors", "no errors"."""
    return f"{number or 'no'} {one if number == 1 else many or one + 's'}"


def class_name(text: str, value: int | None) -> str:
    """A class for a terminal or a card: "१ (1)", or only its text when that says it all."""
    return text if value is None or text == str(value) else f"{text} ({value})"


def scripts_told_apart(texts: Iterable[str]) -> dict[str, str]:
    """Text -> its script's name as people write it, where the classes are of several scripts."""
    found = {text: script.title for text in texts if (script := script_of(text))}
    return found if len(set(found.values())) > 1 else {}


def plain_name(text: str, value: int | None) -> str:
    """A class in ASCII, for where no font can draw its text: its value, else code points."""
    if text.isascii():
        return text
    return str(value) if value is not None else " ".join(f"U+{ord(char):04X}" for char in text)


def mix_ups(confusion: Sequence[Sequence[int]], most: int = 3) -> list[MixUp]:
    """The commonest confusions, those that happened at least twice, commonest first."""
    found = [
        MixUp(truth, answer, number)
        for truth, row in enumerate(confusion)
        for answer, number in enumerate(row)
        if truth != answer and number >= 2
    ]
    return sorted(found, key=lambda mix_up: -mix_up.times)[:most]


def confused(confusion: Sequence[Sequence[int]], head: Sequence[int], most: int = 24) -> list[int]:
    """The classes of a head that a matrix can show: all, or of many those most often confused.

    Args:
        confusion: (C, C) counts, rows truth, columns answer.
        head: Indices of the head's classes.
        most: How many fit.

    Returns:
        Indices in the order of `head`; none where a head is too large and nothing was confused.
    """
    if len(head) <= most:
        return list(head)
    counts = np.asarray(confusion)[np.ix_(head, head)]
    off = counts - np.diag(counts.diagonal())
    involved = off.sum(axis=0) + off.sum(axis=1)
    order = np.argsort(-involved, kind="stable")[:most]
    return [head[index] for index in sorted(order.tolist()) if involved[index]]


def capitalised(text: str) -> str:
    """The text with its first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]
