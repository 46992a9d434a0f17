"""What transfer brings: three strategies, all labels and ten a class, three scripts, five seeds.

    python benchmarks/transfer.py [--seeds 5] [--scripts bengali]

Two processes, each with its scripts and pinned to a core, take half the time of one.
Writes benchmarks/results/transfer.json and prints the tables of the README. A seed decides the
weights that are fresh, the order, the augmentation, the validation part and which ten labels of a
class are taken; the strategies see the same ones.
"""

from __future__ import annotations

import argparse
from typing import Any

import common

SCRIPTS = ("devanagari", "bengali", "telugu")
ALL_TRAINED = 'phases.finetune.rules=[{prefix=""}]'
STRATEGIES = {
    "frozen early layers (default)": [],
    "all layers trained": [ALL_TRAINED],
    "from scratch": [ALL_TRAINED, 'start.weights="scratch"'],
}
# With ten labels a class an epoch is two steps; chosen on validation parts.
LABELS = {"all": [], "10 a class": ["data.shots=10", "phases.finetune.epochs=150"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scripts", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    arguments = parser.parse_args()
    common.start()
    results = common.Results("transfer", "python benchmarks/transfer.py")

    def record(script: str, strategy: str, labels: str, seed: int) -> dict[str, Any]:
        changes = [*STRATEGIES[strategy], *LABELS[labels], f"seed={seed}", f"data.seed={seed}"]
        key = f"{script}/{strategy}/{labels}/{seed}"
        return results.get(key, f"scripts/{script}", changes)

    # Seed by seed, so that a benchmark that is stopped has compared everything on fewer seeds.
    for seed in range(arguments.seeds):
        for labels in reversed(LABELS):
            for script in arguments.scripts:
                for strategy in STRATEGIES:
                    record(script, strategy, labels, seed)
    for labels in LABELS:
        print(f"\n| labels: {labels} | {' | '.join(STRATEGIES)} |\n|---|---|---|---|")
        for script in arguments.scripts:
            cells = [
                common.row([record(script, strategy, labels, s) for s in range(arguments.seeds)])
                for strategy in STRATEGIES
            ]
            print(f"| {script.capitalize()} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
