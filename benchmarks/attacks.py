"""What FGSM and PGD do to a plain network, to one trained with noise and to a distilled one.

    python benchmarks/attacks.py [--only plain noise distilled] [--pictures 200]

Trains `cnn-nano` three ways on 2,000 pictures a digit of MNIST's training part, a minute or two
each, all of them shifted by up to a pixel: as they are; with Gaussian noise of up to half of white
on four pictures of five; and by defensive distillation (Papernot et al. 2016), a teacher and a
student of the same form, both at temperature 20. Attacks 200 test pictures of MNIST, evenly spread.
Runs stay under
runs/attacks. Writes benchmarks/results/attacks.json and prints the table of docs/robustness.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import common
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.evaluation.adversarial import measure_attacks
from indicdigits.progress import Reporter
from indicdigits.training import run, weights
from indicdigits.training.loop import Runtime

RUNS = common.ROOT / "runs" / "attacks"
RECIPE = "mnist-cnn-nano"
SMALLER = [
    "data.shots=2000",
    "phases.pretrain.epochs=8",
    "augment.copies=4",
    "augment.transforms=[]",  # jitter alone, so that noise is the one difference
    "distill.teachers=[]",  # the recipe has one
]
TEMPERATURE = 20
NOISE = '{name="noise",std=0.5,probability=0.8}'
HOT = [f"training.temperature={TEMPERATURE}", "training.label_smoothing=0"]
# Network -> its changes to the recipe, in the order in which they are trained.
NETWORKS: dict[str, list[str]] = {
    "plain": [],
    "noise": [f"augment.transforms=[{NOISE}]"],
    "teacher": HOT,
    "distilled": [
        *HOT,
        f'distill.teachers=["{RUNS / "teacher"}"]',
        f"distill.temperature={TEMPERATURE}",
        "distill.weight=1.0",
    ],
}
EPSILONS = (0.1, 0.2, 0.3)


def trained(name: str) -> weights.LoadedModel:
    """The network of that name, trained now if it is missing."""
    file = recipes.find(RECIPE)
    folder, recipe = RUNS / name, recipes.load(file, [*SMALLER, *NETWORKS[name]])
    if not run.is_finished(folder):
        reporter = Reporter()
        prepared = run.prepare(recipe, file.parent, reporter)
        run.train(prepared, file.parent, Runtime(run=folder, reporter=reporter))
    return weights.load_model(folder)


def measure(name: str, pictures: int) -> dict[str, Any]:
    """Trains a network if need be, and attacks it on test pictures."""
    if name == "distilled":
        trained("teacher")
    loaded = trained(name)
    file = recipes.find(RECIPE)
    test = run.load_data(loaded.recipe, file.parent, Reporter(quiet=True)).test
    chosen = np.linspace(0, len(test) - 1, pictures).round().astype(int)
    part = test.take(chosen)
    found = measure_attacks(loaded.model, part.images, part.labels, epsilons=EPSILONS)
    return found | {"recipe_digest": loaded.recipe.digest()}


def table(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Attacks by networks as Markdown, percentages still read right."""
    lines = [
        f"| attack | loss | epsilon | {' | '.join(records)} |",
        "|---|---|---:|" + "---:|" * len(records),
    ]
    first = next(iter(records.values()))

    def line(head: str, values: list[float]) -> str:
        return f"| {head} | {' | '.join(f'{100 * value:.1f}' for value in values)} |"

    lines.append(line("none | | ", [record["clean"]["accuracy"] for record in records.values()]))
    for index, row in enumerate(first["rows"]):
        head = f"{row['attack']} | {row['loss']} | {row['epsilon']:g}"
        lines.append(line(head, [r["rows"][index]["accuracy"] for r in records.values()]))
    for index, row in enumerate(first["worst"]):
        head = f"the worst of them | | {row['epsilon']:g}"
        lines.append(line(head, [r["worst"][index]["accuracy"] for r in records.values()]))
    for loss in first["masked"]:
        shares = [record["masked"][loss] for record in records.values()]
        lines.append(line(f"no gradient at all, % of pictures | {loss} | ", shares))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [name for name in NETWORKS if name != "teacher"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    common.start()
    results = common.Results("attacks", "python benchmarks/attacks.py")
    for name in arguments.only:
        results.content["records"][name] = measure(name, arguments.pictures)
        results.save()
    print(table({name: results.content["records"][name] for name in arguments.only}))


if __name__ == "__main__":
    main()
