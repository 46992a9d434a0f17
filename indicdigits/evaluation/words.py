"""The same figures in words, for the page, the card and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from indicdigits.recipe import Recipe
from indicdigits.recipe.sources import OWN
from indicdigits.registry import DATASETS
from indicdigits.scripts import SCRIPTS

TOLD = "told for each picture: an answer is one of its own script's classes"


class MixUp(NamedTuple):
    """Two classes that were confused: indices of truth and answer, and how often it happened."""

    truth: int
    answer: int
    times: int


def kind_of_pictures(recipe: Recipe) -> str:
    """What the recipe trains and tests on: handwritten digits, drawn digits, or pictures."""
    names = {source.dataset.partition("/")[0] for source in recipe.data.sources}
    if OWN in names:
        return "pictures"  # of whatever the user has
    drawn = {DATASETS.get(name).drawn for name in names}
    if len(drawn) > 1:
        return "handwritten and drawn digits"
    return "drawn digits" if True in drawn else "handwritten digits"


def trained_on_drawn(recipe: Recipe) -> bool:
    """Whether every picture that the recipe trains on is drawn by the project."""
    names = {source.dataset.partition("/")[0] for source in recipe.data.sources if source.weight}
    return all(DATASETS.get(name).drawn for name in names)


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
    """Whether the classes, or those of each script, are the ten digits and nothing else."""
    values = [row["value"] for row in metrics["per_class"]]
    return all([values[index] for index in head] == list(range(10)) for head in heads(metrics))


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


def summary(metrics: Mapping[str, Any]) -> str:
    """A run's result in a few lines of plain text, for the command line."""
    m, rest = metrics, metrics["without_leaked"]
    lines = [
        f"{m['name']}: {m['n'] - m['errors']} of {m['n']} {m['pictures']} read right, "
        f"{percent(m['accuracy'])} (95\u00a0% interval {interval(m['interval'])}), "
        f"{count(m['errors'], 'error')}"
    ]
    if m.get("look_alikes"):
        lines.append(
            f"where digits of several scripts that look alike count as one: "
            f"{percent(m['look_alikes']['accuracy'])}, "
            f"{count(m['look_alikes']['errors'], 'error')}"
        )
    if rest["leaked_n"]:
        lines.append(
            f"without the {rest['leaked_n']} that stand in the training set too: "
            f"{percent(rest['accuracy'])} ({interval(rest['interval'])}), "
            f"{count(rest['errors'], 'error')} in {rest['n']}"
        )
    if len(m["sets"]) > 1:
        lines += [
            f"{one['dataset']}: {percent(one['accuracy'])} ({interval(one['interval'])}), "
            f"{count(one['errors'], 'error')} in {one['n']}{_alike(one)}{_not_trained_on(one)}"
            for one in m["sets"]
        ]
    if m.get("heads"):
        lines.append(f"script: {TOLD}")
    macro = m["macro"]
    lines.append(
        f"mean over the classes: precision {percent(macro['precision'])}, "
        f"recall {percent(macro['recall'])}, F1 {percent(macro['f1'])}"
    )
    names = [class_name(row["text"], row["value"]) for row in m["per_class"]]
    pairs = [f"{names[t]} read as {names[a]}, {c} times" for t, a, c in mix_ups(m["confusion"])]
    if pairs:
        lines.append("most often confused: " + "; ".join(pairs))
    if m["pictures"] == "drawn digits":
        lines.append("trained and tested on drawn digits only, never on handwriting")
    return "\n".join(lines)


def _alike(one: Mapping[str, Any]) -> str:
    alike = one.get("look_alikes")
    return f"; {percent(alike['accuracy'])} where look-alikes count as one" if alike else ""


def _not_trained_on(one: Mapping[str, Any]) -> str:
    return "" if one["trained_on"] else ", a set that it was not trained on"
