"""MNIST accuracy of the default backbone, final weights, three seeds.

    python benchmarks/mnist.py [--seeds 3] [--keep runs/mnist]

Writes benchmarks/results/mnist.json. The test split is read once per seed, after the last step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep the run folders here")
    arguments = parser.parse_args()
    common.start()
    results = common.Results("mnist", "python benchmarks/mnist.py")
    records = []
    for seed in range(arguments.seeds):
        keep = arguments.keep / f"seed-{seed}" if arguments.keep else None
        records.append(results.get(f"mnist-cnn/{seed}", "mnist-cnn", [f"seed={seed}"], keep))
    print("| backbone | accuracy % (errors / pictures; without leaked) |\n|---|---|")
    print(f"| cnn | {common.row(records)} |")


if __name__ == "__main__":
    main()
