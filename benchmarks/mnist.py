"""MNIST accuracy of every backbone, final weights.

    python benchmarks/mnist.py [--only cnn cnn-nano] [--seeds 0 1 2]

Writes benchmarks/results/mnist.json and prints the README's table. The test split is read once per
seed, after the last step. Runs stay under runs/mnist; one that was interrupted goes on. Two
processes pinned to a core each, with different names or seeds, take half the time of one.
"""

from __future__ import annotations

import argparse

import common

from indicdigits.registry import BACKBONES

SEEDS = {"cnn": 3, "cnn-nano": 3}  # of the others one
KEEP = common.ROOT / "runs" / "mnist"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BACKBONES), default=list(BACKBONES))
    parser.add_argument("--seeds", nargs="+", type=int, help="these instead of the usual number")
    arguments = parser.parse_args()
    common.start()
    results = common.Results("mnist", "python benchmarks/mnist.py")
    lines = []
    for name in arguments.only:
        seeds = arguments.seeds or range(SEEDS.get(name, 1))
        records = [
            results.get(
                f"{name}/{s}",
                f"mnist-{name}",
                [f"seed={s}"],
                KEEP / f"{name}-{s}",
                augmented=KEEP / f"copies-{s}",  # of the same pictures, with the same augmentation
            )
            for s in seeds
        ]
        entry = BACKBONES.get(name)
        minutes = max(record["seconds"] for record in records) / 60
        lines.append(
            f"| `{name}` | {entry.count:,} | {entry.multiply_adds:,} | {len(records)} "
            f"| {common.row(records)} | {minutes:.0f} |"
        )
    print("| backbone | parameters | multiply-adds | seeds | accuracy % | minutes |")
    print("|---|---|---|---|---|---|", *lines, sep="\n")


if __name__ == "__main__":
    main()
