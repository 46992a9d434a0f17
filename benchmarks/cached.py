"""What keeping the answers of frozen stages saves: speed and accuracy, with and without.

    python benchmarks/cached.py [--repeats 5]

Writes benchmarks/results/cached.json. Both ways train on the same eight augmented copies, drawn
before the clock runs. The speed of an epoch is the median over epochs once every copy has been
seen; the whole phase counts compilation and the computing of what is kept as well. Accuracies are
of the validation part, held out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import common

from indicdigits import recipe as recipes
from indicdigits.progress import Reporter
from indicdigits.training import run
from indicdigits.training.history import read_history
from indicdigits.training.loop import Runtime

COPIES, EPOCHS = 8, 40
STAGES = ("stem", "stage1", "stage2", "stage3")
TRAINED = {"last stage and head": 3, "head": 4}  # how many stages are frozen


def measure(frozen: int, cached: bool, shared: Path) -> dict[str, Any]:
    """Trains once; returns seconds an epoch, of the phase, and the accuracy."""
    rules = ", ".join(f'{{prefix="{stage}", frozen=true}}' for stage in STAGES[:frozen])
    file = recipes.find("scripts/devanagari")
    recipe = recipes.load(
        file,
        [
            f'phases.finetune.rules=[{rules}, {{prefix=""}}]',
            f"phases.finetune.epochs={EPOCHS}",
            f"phases.finetune.cache_frozen={str(cached).lower()}",
            f"augment.copies={COPIES}",
            "data.train_on=train",
            "data.validation_fraction=0.2",
        ],
    )
    folder = Path(tempfile.mkdtemp(prefix="indicdigits-bench-"))
    reporter = Reporter(quiet=True)
    prepared = run.prepare(recipe, file.parent, reporter)
    runtime = Runtime(run=folder / "run", reporter=reporter, augmented=shared, save_every=1e9)
    run.train(prepared, file.parent, runtime)
    seconds = [record["seconds"] for record in read_history(folder / "run")]
    last = read_history(folder / "run")[-1]
    shutil.rmtree(folder)
    return {
        "epoch": statistics.median(seconds[COPIES:]),
        "phase": sum(seconds),
        "accuracy": last["validation_accuracy"],
        "images": len(prepared.data.train),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    common.start()
    shared = Path(tempfile.mkdtemp(prefix="indicdigits-copies-"))
    measure(4, True, shared)  # draws the copies
    rows = {}
    for name, frozen in TRAINED.items():
        pairs = [
            (measure(frozen, True, shared), measure(frozen, False, shared))
            for _ in range(arguments.repeats)
        ]
        kept, plain = ([pair[side] for pair in pairs] for side in (0, 1))
        middle = lambda records, key: statistics.median(r[key] for r in records)  # noqa: E731
        rows[name] = {
            "epoch_ratio": statistics.median(b["epoch"] / a["epoch"] for a, b in pairs),
            "phase_ratio": statistics.median(b["phase"] / a["phase"] for a, b in pairs),
            "kept_images_per_second": kept[0]["images"] / middle(kept, "epoch"),
            "plain_images_per_second": plain[0]["images"] / middle(plain, "epoch"),
            "kept_accuracy": middle(kept, "accuracy"),
            "plain_accuracy": middle(plain, "accuracy"),
        }
        print(name, rows[name], flush=True)
    shutil.rmtree(shared)
    content = {"command": "python benchmarks/cached.py", "machine": common.machine(), "rows": rows}
    (common.RESULTS / "cached.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
