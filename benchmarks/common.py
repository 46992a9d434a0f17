"""What the accuracy benchmarks share: one run from recipe to test errors, and its record."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.audit import leaked
from indicdigits.progress import Reporter
from indicdigits.training import device, run, weights
from indicdigits.training.loop import Runtime

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent
REAL = {  # script -> its sets of handwriting
    "latin": ("mnist",),
    "devanagari": ("cmaterdb/devanagari", "dhcd"),
    "bengali": ("cmaterdb/bengali",),
    "telugu": ("cmaterdb/telugu",),
    "kannada": ("kannada",),
    "gujarati": ("gujarati",),
    "arabic-indic": ("arabic_indic",),
}


def machine() -> str:
    """The machine, for the record."""
    model = "unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def measure(
    recipe_name: str,
    changes: Sequence[str],
    keep: Path | None = None,
    augmented: Path | None = None,
) -> dict[str, Any]:
    """Trains a recipe and reads its test split once, with the final weights.

    Args:
        recipe_name: A shipped recipe.
        changes: `--set` texts.
        keep: Where the run folder goes, or stands already finished; it is thrown away without.
        augmented: A folder of augmented copies that other runs use as well.

    Returns:
        Plain data: accuracy, errors, the same without leaked images, errors of each data set,
        seconds, digest.
    """
    folder = Path(tempfile.mkdtemp(prefix="indicdigits-bench-")) / "run" if keep is None else keep
    reporter = Reporter(quiet=True)
    file = recipes.find(recipe_name)
    recipe = recipes.load(file, changes)
    started = time.monotonic()
    prepared = run.prepare(recipe, file.parent, reporter)
    if not run.is_finished(folder):
        run.train(
            prepared, file.parent, Runtime(run=folder, reporter=reporter, augmented=augmented)
        )
        seconds = time.monotonic() - started
    else:
        seconds = run.summary(folder)["seconds"]
    test, trained = prepared.data.test, weights.load_model(folder)
    if trained.recipe.digest() != recipe.digest():
        raise SystemExit(f"{folder} holds a run of another recipe")
    right = weights.answers(trained, test).argmax(1) == test.labels
    clean = ~leaked(prepared.data.train, test)
    record = {
        "n": len(test),
        "errors": int((~right).sum()),
        "accuracy": float(right.mean()),
        "n_without_leaked": int(clean.sum()),
        "errors_without_leaked": int((~right[clean]).sum()),
        "wrong": np.flatnonzero(~right).tolist(),
        "sets": {
            str(name): {"n": int(of.sum()), "errors": int((~right & of).sum())}
            for name in np.unique(test.groups["dataset"])
            for of in [test.groups["dataset"] == name]
        },
        "trained_on": len(prepared.data.train),
        "seconds": round(seconds, 1),
        "recipe_digest": recipe.digest(),
    }
    if keep is None:
        shutil.rmtree(folder.parent, ignore_errors=True)
    return record


class Results:
    """A JSON file of records by name; a record once there is not measured again.

    Args:
        name: Of the file under `benchmarks/results`.
        script: The command that writes it.
    """

    def __init__(self, name: str, script: str) -> None:
        self.path = RESULTS / f"{name}.json"
        self.content: dict[str, Any] = {"command": script, "machine": machine(), "records": {}}
        if self.path.exists():
            self.content = json.loads(self.path.read_text())

    def get(
        self,
        key: str,
        recipe_name: str,
        changes: Sequence[str],
        keep: Path | None = None,
        augmented: Path | None = None,
    ) -> dict[str, Any]:
        """The record of that name, measured now if it is missing or from another recipe."""
        digest = recipes.load(recipes.find(recipe_name), changes).digest()
        record = self.content["records"].get(key)
        if record is None or record["recipe_digest"] != digest:
            record = measure(recipe_name, changes, keep, augmented)
            self.content["records"][key] = record
            self.save()
            print(f"{key}: {100 * record['accuracy']:.2f} % in {record['seconds']} s", flush=True)
        return record

    def save(self) -> None:
        """Writes what there is, with what another process added; a killed benchmark goes on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            theirs = json.loads(self.path.read_text())["records"]
            self.content["records"] = theirs | self.content["records"]
        self.content["records"] = dict(sorted(self.content["records"].items()))
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.content, indent=1) + "\n")
        temporary.replace(self.path)


def row(records: Sequence[dict[str, Any]]) -> str:
    """Mean ± standard deviation (of several), errors summed, the mean without leaked images."""
    values = [100 * r["accuracy"] for r in records]
    clean = [100 * (1 - r["errors_without_leaked"] / r["n_without_leaked"]) for r in records]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    errors, total = sum(r["errors"] for r in records), sum(r["n"] for r in records)
    return (
        f"{statistics.mean(values):.2f}{spread} "
        f"({errors:,} / {total:,}; {statistics.mean(clean):.2f})"
    )


def weights_of(backbone: str) -> str:
    """What ships, or what benchmarks/mnist.py has left."""
    name = f"mnist-{backbone}"
    kept = ROOT / "runs" / "mnist" / f"{backbone}-0"
    return name if name in weights.shipped_weights() else str(kept)


def start() -> None:
    """Sets the device and the compilation cache."""
    device.choose("auto", Reporter())
