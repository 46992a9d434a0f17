"""What keeping the answers of frozen stages saves: speed and accuracy, with and without.

    python benchmarks/cached.py [--backbones cnn vit] [--repeats 3]

Writes benchmarks/results/cached.json and prints the table of docs/transfer.md. Both ways train on
the same augmented copies, drawn before the clock runs, and take turns. The speed of an epoch is the
median over epochs once every copy has been seen; the whole phase counts compilation and the
computing of what is kept as well. Accuracies are of the validation part, held out.
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
from indicdigits import registry
from indicdigits.progress import Reporter
from indicdigits.training import run
from indicdigits.training.history import read_history
from indicdigits.training.loop import Runtime

COPIES, EPOCHS = 6, 24
BACKBONES = ("cnn", "cnn-nano", "vit", "lenet5", "cnn-classic")
TRAINED = {"last stage and head": 2, "head": 1}  # how many of the stages are trained


def measure(backbone: str, trained: int, cached: bool, shared: Path) -> dict[str, Any]:
    """Trains once; returns seconds an epoch, of the phase, and the accuracy."""
    stages = registry.BACKBONES.get(backbone).stages[:-trained]
    rules = ", ".join(f'{{prefix="{stage}", frozen=true}}' for stage in stages)
    file = recipes.find("scripts/devanagari")
    recipe = recipes.load(
        file,
        [
            f'model.backbone="{backbone}"',
            f'start.weights="{common.weights_of(backbone)}"',
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
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=BACKBONES)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    common.start()
    results = common.RESULTS / "cached.json"
    content: dict[str, Any] = {
        "command": "python benchmarks/cached.py",
        "machine": common.machine(),
        "rows": json.loads(results.read_text())["rows"] if results.exists() else {},
    }
    shared = Path(tempfile.mkdtemp(prefix="indicdigits-copies-"))
    measure("lenet5", 1, True, shared)  # draws the copies
    for backbone in arguments.backbones:
        for name, trained in TRAINED.items():
            pairs = [
                tuple(measure(backbone, trained, cached, shared) for cached in (True, False))
                for _ in range(arguments.repeats)
            ]
            content["rows"][f"{backbone}, {name}"] = row(pairs)
            results.write_text(json.dumps(content, indent=1) + "\n")
    shutil.rmtree(shared)
    print("| trained | images/s, plain | kept | ratio | whole phase | accuracy, plain | kept |")
    print("|---|---|---|---|---|---|---|")
    for name, entry in content["rows"].items():
        print(
            f"| {name} | {entry['plain_images_per_second']:,.0f} "
            f"| {entry['kept_images_per_second']:,.0f} | {entry['epoch_ratio']:.1f} "
            f"| {entry['phase_ratio']:.1f} | {100 * entry['plain_accuracy']:.1f} "
            f"| {100 * entry['kept_accuracy']:.1f} |"
        )


def row(pairs: list[tuple[dict[str, Any], ...]]) -> dict[str, float]:
    """Medians over pairs (kept, plain)."""
    kept, plain = ([pair[side] for pair in pairs] for side in (0, 1))
    middle = lambda records, key: statistics.median(r[key] for r in records)  # noqa: E731
    return {
        "epoch_ratio": statistics.median(b["epoch"] / a["epoch"] for a, b in pairs),
        "phase_ratio": statistics.median(b["phase"] / a["phase"] for a, b in pairs),
        "kept_images_per_second": kept[0]["images"] / middle(kept, "epoch"),
        "plain_images_per_second": plain[0]["images"] / middle(plain, "epoch"),
        "kept_accuracy": middle(kept, "accuracy"),
        "plain_accuracy": middle(plain, "accuracy"),
    }


if __name__ == "__main__":
    main()
