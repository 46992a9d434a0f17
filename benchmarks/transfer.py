"""What transfer brings: every strategy, three numbers of labels, three scripts, five seeds.

    python benchmarks/transfer.py [--backbones cnn] [--seeds 0 1 2 3 4] [--scripts bengali]

`cnn` goes through every strategy with five seeds, `vit`, `lenet5` and `cnn-nano` through three
with one. Two processes, each with its scripts and pinned to a core, take half the time of one.
Writes benchmarks/results/transfer.json and prints the tables of docs/transfer.md. A seed decides
the weights that are fresh, the order, the augmentation, the validation part and which labels of a
class are taken; the strategies see the same ones, and the same augmented copies.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import common

from indicdigits.recipe import STRATEGIES

SCRIPTS = ("devanagari", "bengali", "telugu")
# With few labels an epoch has few steps; their number was chosen on validation parts, of which none
# is needed here: looking at one after every epoch would take longer than the training.
FEW = ["data.validation_fraction=0.0", "data.train_on=train"]
LABELS = {
    "all": [],
    "100 a class": ["data.shots=100", *FEW],
    "10 a class": ["data.shots=10", "phases.finetune.epochs=150", *FEW],
}
CONTROLS = ("freeze", "all", "scratch")
PLAN = {"cnn": (tuple(STRATEGIES), 5)} | dict.fromkeys(("vit", "lenet5", "cnn-nano"), (CONTROLS, 1))


def record(
    results: common.Results,
    backbone: str,
    script: str,
    strategy: str,
    labels: str,
    seed: int,
    copies: Path | None = None,
) -> dict[str, Any]:
    """One run's errors, measured now if they are missing."""
    changes = [
        *LABELS[labels],
        f'model.backbone="{backbone}"',
        f'start.weights="{common.weights_of(backbone)}"',
        f'strategy="{strategy}"',
        f"seed={seed}",
        f"data.seed={seed}",
    ]
    key = f"{backbone}/{script}/{labels}/{strategy}/{seed}"
    return results.get(key, f"scripts/{script}", changes, augmented=copies)


def table(results: common.Results, backbone: str, labels: str, seeds: list[int]) -> str:
    """Strategies by scripts, as Markdown."""
    heads = [script.capitalize() for script in SCRIPTS]
    lines = [f"| `{backbone}`, labels: {labels} | {' | '.join(heads)} |", "|---|---|---|---|"]
    for strategy in PLAN[backbone][0]:
        cells = [
            common.row([record(results, backbone, s, strategy, labels, k) for k in seeds])
            for s in SCRIPTS
        ]
        lines.append(f"| {strategy} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="+", choices=list(PLAN), default=list(PLAN))
    parser.add_argument("--seeds", nargs="+", type=int, help="these instead of the usual number")
    parser.add_argument("--scripts", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    parser.add_argument("--labels", nargs="+", choices=list(LABELS), default=list(LABELS))
    arguments = parser.parse_args()
    common.start()
    results = common.Results("transfer", "python benchmarks/transfer.py")
    for backbone in arguments.backbones:
        strategies, count = PLAN[backbone]
        seeds = arguments.seeds or list(range(count))
        # Seed by seed, so that a benchmark that is stopped has compared everything on fewer.
        for seed in seeds:
            for labels in reversed(arguments.labels):
                for script in arguments.scripts:
                    copies = Path(tempfile.mkdtemp(prefix="indicdigits-copies-"))
                    for strategy in strategies:
                        record(results, backbone, script, strategy, labels, seed, copies)
                    shutil.rmtree(copies)
        if set(arguments.scripts) == set(SCRIPTS):
            for labels in arguments.labels:
                print("\n" + table(results, backbone, labels, seeds))


if __name__ == "__main__":
    main()
