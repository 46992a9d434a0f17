"""How sure the shipped readers may be: calibration, what they refuse, and what is no digit.

    python benchmarks/calibration.py [--readers devanagari-all runs/weights/x/x.indicdigits …]

Without names: of every script the reader that `load` takes, where it is calibrated. Reads bundles,
as `predict` does, at their default thresholds; nothing is fitted here.

calibration  the whole test split of each reader, digits alone, before and after its temperature.
refused      real test digits that are refused, and wrong ones that are accepted; CMATERdb pooled.
no digit     the test parts of not_digits by kind, and the real test digits of other scripts but for
             those that look like a digit of the reader: how many are taken for one.

Writes benchmarks/results/calibration.json and prints the tables of docs/calibration.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.audit import leaked
from indicdigits.data.parts import Split
from indicdigits.data.source import load_data, load_split
from indicdigits.errors import UsageError
from indicdigits.evaluation.calibration import (
    among_digits,
    ece,
    ece_if_perfect,
    ece_interval,
    nll,
)
from indicdigits.evaluation.metrics import true_digits
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Recipe, Source
from indicdigits.registry import DATASETS
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import NOT_A_DIGIT, Acceptance, calibrated
from indicdigits.runtime.doubt import Judge
from indicdigits.runtime.reader import Reader
from indicdigits.runtime.shipped import find
from indicdigits.scripts import SCRIPTS, look_alikes

BATCH = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a reader answers to N pictures.

    Attributes:
        raw: float32 (N,C), uncalibrated.
        best: (N,) the answers.
        accepted: bool (N,).
    """

    raw: np.ndarray
    best: np.ndarray
    accepted: np.ndarray


class Asked:
    """A reader whose answers are wanted before and after calibration.

    Args:
        file: The bundle.
    """

    def __init__(self, file: Path) -> None:
        self.bundle = bundles.read(file)
        self.acceptance = self.bundle.acceptance
        self._plain = Reader(replace(self.bundle, acceptance=Acceptance()), threads=2)
        self._judge = Judge(self.bundle.classes, self.acceptance)

    def __call__(self, images: np.ndarray) -> Answers:
        """Answers to network inputs, uint8 (N,S,S)."""
        starts = range(0, len(images), BATCH)
        raw = np.concatenate([self._plain.probabilities(images[at : at + BATCH]) for at in starts])
        judged = self._judge(calibrated(raw, self.acceptance.temperature))
        inked = images.reshape(len(images), -1).any(axis=1)
        return Answers(raw=raw, best=judged.best, accepted=self._judge.accepted(judged) & inked)

    def recipe(self) -> Recipe:
        """The shipped recipe it was made by."""
        recipe = recipes.load(recipes.find(f"scripts/{self.bundle.name}"))
        if recipe.digest() != self.bundle.recipe["digest"]:
            raise SystemExit(
                f"{self.bundle.name} was made by another recipe than the one that ships"
            )
        return recipe


def measure(asked: Asked) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record of one reader, and the columns that are pooled."""
    recipe = asked.recipe()
    data = load_data(recipe, common.ROOT / "recipes" / "scripts", Reporter())
    test = data.test.take(true_digits(data.test.labels, recipe.labels))
    leaks = leaked(data.train, test)
    answers = asked(test.images)
    before, truth = among_digits(answers.raw, test.labels, recipe.labels)
    after = calibrated(before, asked.acceptance.temperature)
    sets = test.groups["dataset"].astype(str)
    columns = {
        "confidence": after.max(axis=1).astype(np.float64),
        "right": answers.best == test.labels,
        "accepted": answers.accepted,
        "drawn": np.array([DATASETS.get(name.split("/")[0]).drawn for name in sets]),
        "cmaterdb": np.char.startswith(sets, "cmaterdb/"),
        "leaked": leaks,
    }
    record = {
        "script": recipe.script,
        "recipe_digest": recipe.digest(),
        "temperature": asked.acceptance.temperature,
        "threshold": asked.acceptance.threshold,
        "error_rate": asked.acceptance.error_rate,
        "uncalibrated": {
            "ece": ece(before.max(axis=1).astype(np.float64), columns["right"]),
            "nll": nll(before, truth),
        },
        "nll": nll(after, truth),
        **calibration(columns),
        "sets": {str(name): outcome(columns, sets == name) for name in np.unique(sets)},
        "no_digit": {
            name: {"n": len(kind), "accepted": int(asked(kind.images).accepted.sum())}
            for name, kind in negatives(recipe, common.ROOT / "recipes" / "scripts")
            if len(kind)
        },
    }
    return record, columns


def calibration(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """ECE with its interval, beside that of perfectly calibrated readers."""
    confidence, right = columns["confidence"], columns["right"]
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "ece": ece(confidence, right),
        "ece_interval": ece_interval(confidence, right),
        "ece_if_perfect": ece_if_perfect(confidence),
        "ece_equal_width": ece(confidence, right, "equal width"),
    }


def outcome(columns: dict[str, np.ndarray], of: np.ndarray) -> dict[str, int]:
    """Of these digits: how many, refused, and wrong ones that were accepted."""
    wrong = of & columns["accepted"] & ~columns["right"]
    return {
        "n": int(of.sum()),
        "refused": int((of & ~columns["accepted"]).sum()),
        "wrong": int(wrong.sum()),
        "wrong_without_leaked": int((wrong & ~columns["leaked"]).sum()),
        "wrong_without_refusing": int((of & ~columns["right"]).sum()),
    }


def negatives(recipe: Recipe, root: Path) -> Iterator[tuple[str, Split]]:
    """Name and test pictures of each kind of what is no digit of the reader."""

    def test(dataset: str, classes: Sequence[ClassEntry]) -> Split:
        return load_split(
            Source(dataset=dataset),
            "test",
            size=recipe.data.input_size,
            classes=tuple(classes),
            root=root,
            reporter=Reporter(),
            strokes=recipe.strokes,
        )

    classes = dict.fromkeys((*recipe.labels, ClassEntry(text=NOT_A_DIGIT)))
    for config in DATASETS.get("not_digits").scripts:
        pictures = test(f"not_digits/{config}", [*classes])
        kinds = pictures.groups.get("kind", np.full(len(pictures), "all"))
        for kind in np.unique(kinds):
            yield f"{config}, {kind}", pictures.take(kinds == kind)
    mine = {entry.text for entry in recipe.labels}
    for script, datasets in common.REAL.items():
        digits = [ClassEntry(text=t, value=v) for v, t in enumerate(SCRIPTS[script].digits)]
        foreign = np.array([not mine & {d.text, *look_alikes(d.text)} for d in digits])
        for dataset in datasets if foreign.any() else ():
            part = test(dataset, digits)
            yield f"digits of {dataset}", part.take(foreign[part.labels])


def pool(columns: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The same columns of several readers, one behind the other."""
    several = list(columns)
    return {name: np.concatenate([one[name] for one in several]) for name in several[0]}


def pooled(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """What holds over all readers."""
    everything = np.ones(len(columns["right"]), bool)
    found: dict[str, Any] = {"all": calibration(columns), "refused": outcome(columns, everything)}
    real = ~columns["drawn"]
    if real.any():
        handwriting = {name: column[real] for name, column in columns.items()}
        found["handwriting"] = calibration(handwriting)
        found["refused_handwriting"] = outcome(columns, real)
    found["cmaterdb"] = outcome(columns, columns["cmaterdb"])
    return found


def kinds(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """What is no digit, by kind, over all readers."""
    total: dict[str, dict[str, int]] = {}
    for record in records:
        for name, row in record["no_digit"].items():
            one = total.setdefault(name, {"n": 0, "accepted": 0})
            for key in one:
                one[key] += row[key]
    return total


def share(part: int, whole: int) -> str:
    """A count and its percentage."""
    return f"{part:,} / {whole:,} ({100 * part / whole:.2f} %)" if whole else "none"


def tables(content: dict[str, Any]) -> Iterator[str]:
    """The tables of docs/calibration.md."""
    yield "| reader | T | n | right | ECE before | after | perfect (95 %) | NLL before | after |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, r in content["records"].items():
        perfect, before = r["ece_if_perfect"], r["uncalibrated"]
        yield (
            f"| {name} | {r['temperature']:.2f} | {r['n']:,} | {100 * r['accuracy']:.2f} % "
            f"| {100 * before['ece']:.2f} % | {100 * r['ece']:.2f} % "
            f"| {100 * perfect['mean']:.2f} % ({100 * perfect['high']:.2f}) "
            f"| {before['nll']:.4f} | {r['nll']:.4f} |"
        )
    for name in ("all", "handwriting"):
        if name in content["pooled"]:
            p = content["pooled"][name]
            low, high = (100 * value for value in p["ece_interval"])
            yield (
                f"\npooled, {name}: {p['n']:,} pictures, {100 * p['accuracy']:.2f} % right, ECE "
                f"{100 * p['ece']:.2f} % ({low:.2f} to {high:.2f}; equal width "
                f"{100 * p['ece_equal_width']:.2f}), a perfect reader's "
                f"{100 * p['ece_if_perfect']['mean']:.2f} % "
                f"(up to {100 * p['ece_if_perfect']['high']:.2f})"
            )
    yield "\n| digits of | refused | wrong among all | accepted and wrong | without leaked |"
    yield "|---|---|---|---|---|"
    rows = [
        (f"{dataset}, {name}", row)
        for name, record in content["records"].items()
        for dataset, row in record["sets"].items()
    ]
    for name, row in [*rows, ("CMATERdb, pooled", content["pooled"]["cmaterdb"])]:
        n = row["n"]
        yield (
            f"| {name} | {share(row['refused'], n)} | {share(row['wrong_without_refusing'], n)} "
            f"| {share(row['wrong'], n)} | {row['wrong_without_leaked']} |"
        )
    yield "\n| no digit | accepted |"
    yield "|---|---|"
    for name, row in content["no_digit"].items():
        yield f"| {name} | {share(row['accepted'], row['n'])} |"


def chosen(names: Sequence[str]) -> dict[str, Path]:
    """Reader -> bundle of those asked for, or of the best of each script."""
    found = {}
    for name in names or SCRIPTS:
        try:
            file = find(name)
        except UsageError:
            if names:
                raise
            continue
        found[bundles.read(file).name] = file
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", nargs="+", default=[])
    readers = {name: Asked(file) for name, file in chosen(parser.parse_args().readers).items()}
    calibrated_ones = {k: a for k, a in readers.items() if a.acceptance.fitted_on is not None}
    if not calibrated_ones:
        raise SystemExit(f"none of {', '.join(readers)} is calibrated: indicdigits calibrate RUN")
    measured = {name: measure(asked) for name, asked in calibrated_ones.items()}
    records = {name: record for name, (record, _) in measured.items()}
    content = {
        "command": "python benchmarks/calibration.py",
        "machine": common.machine(),
        "records": records,
        "pooled": pooled(pool(columns for _, columns in measured.values())),
        "no_digit": kinds(records.values()),
    }
    file = common.RESULTS / "calibration.json"
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(tables(content)))


if __name__ == "__main__":
    main()
