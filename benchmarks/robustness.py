"""How networks read pictures that something has happened to: MNIST-C, paper and scanner.

    python benchmarks/robustness.py [--only mnist-cnn devanagari] [--published] [--limit 2000]

Reads all 10,000 test pictures of MNIST under the fifteen corruptions of MNIST-C (2,000 of them at
other strengths than the published one) with the shipped backbones `mnist-cnn` and
`mnist-cnn-robust`, and CMATERdb's Devanagari test pictures under all effects with the shipped
reader. `--published` measures the fifteen as they are at the published strength alone, `--limit`
on fewer pictures. Nothing is chosen here.
Writes benchmarks/results/robustness.json and prints the tables of docs/robustness.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.parts import Split
from indicdigits.data.source import load_data
from indicdigits.evaluation.robustness import (
    STRENGTHS,
    Predict,
    at,
    measure_robustness,
    trained_effects,
)
from indicdigits.evaluation.robustness_figure import robustness_png
from indicdigits.imaging.degrade import EFFECTS, STRENGTH
from indicdigits.models import freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.training import weights
from indicdigits.training.prediction import make_predict, predict_all

NETWORKS = ("mnist-cnn", "mnist-cnn-robust")
READERS = {"devanagari": "scripts/devanagari-all"}
CORRUPTIONS = [name for name, effect in EFFECTS.items() if effect.family == "MNIST-C"]
FURTHER = 2000
PICTURES = common.ROOT / "docs" / "pictures"


def of_network(name: str, **how: Any) -> dict[str, Any]:
    """A network's rows over MNIST-C, on the test split of its recipe."""
    loaded = weights.load_model(name)
    test = load_data(loaded.recipe, Path(), Reporter(quiet=True)).test
    freeze.set_modes(loaded.model, None)
    graph, arrays = surgery.split(loaded.model)
    predict = make_predict(graph)
    return measure(
        lambda inputs: predict_all(predict, arrays, inputs),
        test,
        trained_with=trained_effects(loaded.recipe),
        effects=CORRUPTIONS,
        **how,
    )


def of_reader(name: str, **how: Any) -> dict[str, Any]:
    """A shipped reader's rows over all effects, on the test split of the recipe that made it."""
    file = recipes.find(READERS[name])
    recipe, reader = recipes.load(file), indicdigits.load(name)
    test = load_data(recipe, file.parent, Reporter(quiet=True)).test
    mine = test.take(test.groups["dataset"] == f"cmaterdb/{name}")
    return measure(reader.probabilities, mine, trained_with=trained_effects(recipe), **how)


def measure(
    predict: Predict, test: Split, *, published: bool, limit: int | None, **options: Any
) -> dict[str, Any]:
    """Every picture at the default strength, a fifth of 10,000 at the others."""
    options |= {"reporter": Reporter()}
    if published:
        options |= {"prepared": ()}
    record = measure_robustness(
        predict, test.images, test.labels, strengths=(STRENGTH,), limit=limit, **options
    )
    if published:
        return record
    others = [strength for strength in STRENGTHS if strength != STRENGTH]
    further = measure_robustness(
        predict,
        test.images,
        test.labels,
        strengths=others,
        limit=min(limit or FURTHER, FURTHER),
        **(options | {"prepared": ()}),
    )
    for row, more in zip(record["rows"], further["rows"], strict=True):
        points = [*row["strengths"], *more["strengths"]]
        row["strengths"] = sorted(points, key=lambda point: point["strength"])
    return record


def table(record: Mapping[str, Any]) -> str:
    """Effects by strengths as Markdown, percentages read right."""
    heads = [f"{point['strength']:g}" for point in record["rows"][0]["strengths"]]
    lines = [
        f"| effect | trained with | {' | '.join(heads)} | 0.5, through `normalise` |",
        "|---|---|" + "---:|" * (len(heads) + 1),
    ]
    for row in record["rows"]:
        points = [f"{100 * point['accuracy']:.2f}" for point in row["strengths"]]
        through = at(row["prepared"] if row["of"] == "MNIST-C" else row["strengths"])
        mark = "yes" if row["trained_with"] else ""
        lines.append(
            f"| {row['effect'].replace('_', ' ')} | {mark} | {' | '.join(points)} "
            f"| {percent(through)} |"
        )
    return "\n".join(lines)


def summary(name: str, record: Mapping[str, Any]) -> str:
    """The means of one network, as a row."""
    keys = ("mean_mnist_c", "mean_never_trained")
    cells = [percent(record[key + suffix]) for suffix in ("", "_prepared") for key in keys]
    return f"| `{name}` | {percent(record['clean']['accuracy'])} | {' | '.join(cells)} |"


def percent(accuracy: float | None) -> str:
    """Two decimals, or nothing where it was not measured."""
    return "" if accuracy is None else f"{100 * accuracy:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*NETWORKS, *READERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--published", action="store_true", help="strength 0.5, as they are")
    parser.add_argument("--limit", type=int, help="pictures, evenly spread over the split")
    arguments = parser.parse_args()
    common.start()
    results = common.Results("robustness", "python benchmarks/robustness.py")
    for name in arguments.only:
        started = time.monotonic()
        how = {"published": arguments.published, "limit": arguments.limit}
        record = of_network(name, **how) if name in NETWORKS else of_reader(name, **how)
        print(f"\n{name}: {record['n']} pictures, {time.monotonic() - started:.0f} s\n")
        print(table(record) + "\n")
        print("| | without | MNIST-C | never trained | MNIST-C, prepared | never, prepared |")
        print("|---|---:|---:|---:|---:|---:|")
        print(summary(name, record))
        results.content["records"][name] = record
        results.save()
        picture = robustness_png(record)
        assert picture is not None
        (PICTURES / f"robustness-{name}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
