"""What a reader does with pictures of no digit of its script: shares refused and accepted.

    python benchmarks/not_digits.py bengali-all … [--bundles] [--development]

The true digits are those of the reader's real sets, or the drawn ones where it has none. Beside
them it is shown each kind of `not_digits` (other writers, and for letters other font families,
than it was trained on) and real handwriting of other scripts, without the digits that look like one
of its own: `foreign.unlike` says which, and the record names those that are left out.

The reading is the most probable digit; the score is 1 - p("not a digit"), and where a reader has no
such class, the digit's probability. A picture is accepted from a threshold up that keeps 98 % of
the true digits of the same part, as such scores are compared (false positives at so many true
ones); the other figures are without a threshold, by the most probable class alone. With
--development all is measured on validation and training parts; weights of the sources were chosen
by that. Reads runs/weights/NAME, or with --bundles what ships. Writes
benchmarks/results/not_digits.json and prints a table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import common
import numpy as np
import numpy.typing as npt

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.parts import Split
from indicdigits.data.request import Request
from indicdigits.data.source import load_data, load_split
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.datasets.not_digits.foreign import unlike
from indicdigits.datasets.not_digits.request import own_digits, scripts_of
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Recipe, Source
from indicdigits.registry import DATASETS
from indicdigits.scripts import SCRIPTS
from indicdigits.training import weights

REAL = {dataset: script for script, sets in common.REAL.items() for dataset in sets}
KINDS = ("scribbles", "blank", "foreign", "own-letters")
REFUSED = 0.02  # of the true digits
MOST = 3000  # pictures of each foreign set
QUIET = Reporter(quiet=True)

Answer = Callable[[Split], npt.NDArray[np.float32]]
Row = dict[str, Any]


def measure(name: str, answer: Answer, *, development: bool) -> Row:
    """Everything about one reader.

    Args:
        name: Its recipe.
        answer: Gives (N, C) probabilities, the digits first.
        development: Whether to leave the test parts alone.
    """
    file = recipes.find(f"scripts/{name}")
    recipe = recipes.load(file, ["data.negatives=1"])
    data = load_data(recipe, file.parent, QUIET)
    digits = sum(entry.value is not None for entry in recipe.labels)

    def read(split: Split) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], Any]:
        """The best digit, how surely it is one, and whether no digit is more probable."""
        found = answer(split)
        own = found[:, :digits]
        sure = 1 - found[:, digits:].sum(1) if found.shape[1] > digits else own.max(1)
        return own.argmax(1), sure, found.argmax(1) >= digits

    part: Literal["train", "test"] = "train" if development else "test"
    true = true_digits(data.validation if development else data.test, digits)
    best, sure, refused = read(true)
    threshold = float(np.quantile(sure, REFUSED))
    wrong = best != true.labels

    def accepted(split: Split) -> Row:
        _, sure, refused = read(split)
        return {
            "n": len(split),
            "accepted": float((sure >= threshold).mean()),
            "accepted_without_threshold": float((~refused).mean()),
        }

    kinds = {
        kind: data.validation.take(data.validation.groups["dataset"] == f"not_digits/{kind}")
        if development
        else load(f"not_digits/{kind}", part, recipe.labels, recipe)
        for kind in KINDS
    }
    request = Request(
        source=Source(dataset=""), classes=recipe.labels, root=Path(), strokes=recipe.strokes
    )
    kept = unlike(own_digits(request))
    real = foreign(kept, set(scripts_of(request)), part, recipe)
    return {
        "threshold": threshold,
        "digits": {
            "n": len(true),
            "wrong": int(wrong.sum()),
            "called_no_digit": int(refused.sum()),
            "accepted_and_wrong": int((wrong & (sure >= threshold)).sum()),
        },
        "drawn": {kind: accepted(split) for kind, split in kinds.items()},
        "handwriting": {dataset: accepted(split) for dataset, split in real.items()},
        "left_out": {
            name: "".join(text for text in script.digits if text not in kept.get(name, {}))
            for name, script in SCRIPTS.items()
            if name not in scripts_of(request)
        },
    }


def true_digits(split: Split, digits: int) -> Split:
    """The pictures of digits: the real ones where there are any."""
    real = [not DATASETS.get(str(n).partition("/")[0]).drawn for n in split.groups["dataset"]]
    is_digit = split.labels < digits
    return split.take(is_digit & np.array(real) if any(real) else is_digit)


def foreign(
    kept: Mapping[str, Shapes], own: set[str], part: Literal["train", "test"], recipe: Recipe
) -> dict[str, Split]:
    """Real pictures of the digits of other scripts that look like no own one, set by set."""
    found = {}
    for dataset, script in REAL.items():
        if script in own or script not in kept:
            continue
        texts = SCRIPTS[script].digits
        classes = tuple(ClassEntry(text=text, value=value) for value, text in enumerate(texts))
        split = load(dataset, part, classes, recipe)
        chosen = np.flatnonzero(np.isin(split.labels, [texts.index(text) for text in kept[script]]))
        some = np.random.default_rng(0).permutation(chosen)[:MOST]
        found[dataset] = split.take(np.sort(some))
    return found


def load(
    dataset: str,
    part: Literal["train", "test"],
    classes: tuple[ClassEntry, ...],
    recipe: Recipe,
) -> Split:
    """A part of a data set, of the recipe's picture size."""
    return load_split(
        Source(dataset=dataset),
        part,
        size=recipe.data.input_size,
        classes=classes,
        root=Path(),
        reporter=QUIET,
        strokes=recipe.strokes,
    )


def reader(name: str, run: Path, *, bundle: bool) -> Answer:
    """What gives probabilities: the network of a run, or the reader that ships."""
    if bundle:
        ships = indicdigits.load(name)
        return lambda split: ships.probabilities(np.asarray(split.images))
    loaded = weights.load_model(run)
    return lambda split: weights.answers(loaded, split)


def line(name: str, row: Row) -> str:
    """A row of the table: shares in percent, with the threshold and without."""
    real = row["handwriting"].values()
    n = sum(one["n"] for one in real)

    def shares(rows: Any, n: int) -> str:
        both = [
            100 * sum(one[key] * one["n"] for one in rows) / max(n, 1)
            for key in ("accepted", "accepted_without_threshold")
        ]
        return "{:.2f} ({:.2f})".format(*both)

    true = row["digits"]
    kinds = " | ".join(shares([one], one["n"]) for one in row["drawn"].values())
    return (
        f"| {name} | {true['wrong']} / {true['n']:,} | {true['called_no_digit']} | "
        f"{true['accepted_and_wrong']} | {kinds} | {shares(real, n)} |"
    )


def main() -> None:
    """Measures the readers named, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", help="recipes; RECIPE=RUN names the folder of a run")
    parser.add_argument("--bundles", action="store_true", help="read with what ships")
    parser.add_argument("--development", action="store_true", help="leave test parts alone")
    options = parser.parse_args()
    path = common.RESULTS / f"not_digits{'-development' if options.development else ''}.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    print(
        "| reader | wrong digit | called no digit | accepted and wrong |",
        " | ".join(KINDS),
        "| real |",
    )
    for spec in options.names:
        name, _, run = spec.partition("=")
        folder = Path(run) if run else common.ROOT / "runs" / "weights" / name
        answer = reader(name, folder, bundle=options.bundles)
        row = measure(name, answer, development=options.development)
        record[folder.name] = row | {"machine": common.machine()}
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(line(folder.name, row), flush=True)


if __name__ == "__main__":
    main()
