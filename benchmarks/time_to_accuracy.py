"""Wall time from process start to 99 % and 99.5 % of 10,000 held-out MNIST training pictures.

    python benchmarks/time_to_accuracy.py [--runs 3] [--recipe mnist-cnn-fast] [--set KEY=VALUE]

Ours is `indicdigits pretrain` with a recipe, once as it is on a machine where it has run before
and once with an empty compilation cache. The peer is PyTorch with the textbook network, Adam at
1e-3, batches of 128, dropout, rotation and shift, at most 25 epochs. Both start from the same
prepared pictures, hold out the same ones (data.seed 0), and are measured after every epoch; the
clock runs from the start of the process to the moment its history gains the line. Runs take turns.
Writes benchmarks/results/time_to_accuracy.json and prints the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.source import load_data
from indicdigits.progress import Reporter

TARGETS = (0.99, 0.995)
HELD_OUT = [f"data.validation_fraction={1 / 6}", "data.seed=0", "data.train_on=train"]
PICTURES = "pictures.npz"
RACERS = {
    "ours": "ours, `{}`",
    "cold": "ours, `{}`, nothing compiled yet",
    "peer": "PyTorch, textbook network",
}
LOOK = 0.1  # seconds between two looks at a history; the file's own time is what counts


def watched(
    command: Sequence[str], history: Path, environment: Mapping[str, str] | None = None
) -> list[tuple[float, float]]:
    """Runs a command to its end; (seconds since its start, accuracy) of every epoch."""
    found: list[tuple[float, float]] = []
    started = time.time()
    process = subprocess.Popen(
        command,
        cwd=common.ROOT / "benchmarks",
        env=os.environ | dict(environment or {}),
        stdout=subprocess.DEVNULL,
    )
    while True:
        running = process.poll() is None
        if history.exists():
            lines = [x for x in history.read_text().splitlines() if x.endswith("}")]
            seconds = history.stat().st_mtime - started
            for line in lines[len(found) :]:
                found.append((round(seconds, 2), json.loads(line)["validation_accuracy"]))
        if not running:
            break
        time.sleep(LOOK)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return found


def ours(arguments: argparse.Namespace, seed: int, folder: Path, *, cold: bool) -> Any:
    """One run of our command line."""
    out = folder / "run"
    file = recipes.find(arguments.recipe).resolve()
    words = ["pretrain", str(file), "--seed", str(seed), "--out", str(out), "--quiet"]
    for change in [*HELD_OUT, *arguments.changes]:
        words += ["--set", change]
    environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "xla")} if cold else {}
    command = [sys.executable, "-m", "indicdigits", *words]
    return watched(command, out / "metrics.jsonl", environment)


def theirs(arguments: argparse.Namespace, seed: int, folder: Path, pictures: Path) -> Any:
    """One run of PyTorch's loop, which ends when the accuracy asked of it is reached."""
    history = folder / "metrics.jsonl"
    command = [sys.executable, "-m", "peers.race", str(pictures), str(history)]
    command += ["--seed", str(seed), "--until", str(arguments.until)]
    command += ["--epochs", str(arguments.epochs), "--workers", str(arguments.workers)]
    command += ["--threads", str(arguments.threads), "--layout", arguments.layout]
    return watched(command, history)


def record(history: list[tuple[float, float]]) -> dict[str, Any]:
    """A run as plain data: when each target was reached first, and the best."""
    return {
        "reached": {
            str(target): next((s for s, reached in history if reached >= target), None)
            for target in TARGETS
        },
        "best": max(reached for _, reached in history),
        "epochs": len(history),
        "history": history,
    }


def median(runs: Sequence[dict[str, Any]], target: float) -> float | None:
    """Median seconds; a run that never gets there takes for ever."""
    times = [run["reached"][str(target)] for run in runs]
    middle = statistics.median_high([float("inf") if t is None else t for t in times])
    return None if middle == float("inf") else middle


def table(sides: Mapping[str, list[dict[str, Any]]], peer: str) -> str:
    """The table: medians, and ratios to the peer."""
    head = [f"{100 * target:g} %" for target in TARGETS]
    lines = [f"| | {' | '.join(head)} | best |", "|---" * (len(head) + 2) + "|"]
    for name, runs in sides.items():
        cells = []
        for target in TARGETS:
            seconds, base = median(runs, target), median(sides[peer], target)
            if seconds is None:
                cells.append(f"not in {runs[0]['epochs']} epochs")
            elif name == peer or base is None:
                cells.append(f"{seconds:.1f} s")
            else:
                cells.append(f"{seconds:.1f} s ({seconds / base:.2f})")
        best = statistics.median(run["best"] for run in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {100 * best:.2f} % |")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each side, with other seeds")
    parser.add_argument("--recipe", default="mnist-cnn-fast")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=RACERS, nargs="+", default=list(RACERS))
    parser.add_argument("--epochs", type=int, default=25, help="of the peer, at most")
    parser.add_argument("--until", type=float, default=TARGETS[-1], help="where the peer may stop")
    parser.add_argument("--workers", type=int, default=1, help="of the peer's DataLoader")
    parser.add_argument("--threads", type=int, default=2, help="of the peer")
    parser.add_argument("--layout", choices=("channels_last", "NCHW"), default="channels_last")
    parser.add_argument("--out", type=Path, default=common.RESULTS / "time_to_accuracy.json")
    arguments = parser.parse_args()
    if importlib.util.find_spec("torch") is None and "peer" in arguments.only:
        print("torch is not installed: the peer is left out", file=sys.stderr)
        arguments.only.remove("peer")
    return arguments


def run(racer: str, arguments: argparse.Namespace, seed: int, folder: Path) -> dict[str, Any]:
    """One run of a racer in an empty folder beside the pictures."""
    folder.mkdir()
    if racer == "peer":
        return record(theirs(arguments, seed, folder, folder.parent / PICTURES))
    return record(ours(arguments, seed, folder, cold=racer == "cold"))


def main() -> None:
    arguments = options()
    recipe = recipes.load(recipes.find(arguments.recipe), [*HELD_OUT, *arguments.changes])
    data = load_data(recipe, Path(), Reporter())
    titles = {racer: RACERS[racer].format(recipe.name) for racer in arguments.only}
    content: dict[str, Any] = {
        "command": "python benchmarks/time_to_accuracy.py",
        "machine": common.machine(),
        "recipe_digest": recipe.digest(),
        "changes": arguments.changes,
        "trained_on": len(data.train),
        "held_out": len(data.validation),
        "sides": {title: [] for title in titles.values()},
    }
    with tempfile.TemporaryDirectory(prefix="indicdigits-race-") as name:
        np.savez(
            Path(name) / PICTURES,
            images=data.train.images,
            labels=data.train.labels,
            held_images=data.validation.images,
            held_labels=data.validation.labels,
        )
        for seed in range(arguments.runs):
            for racer, title in titles.items():
                result = run(racer, arguments, seed, Path(name) / f"{racer}-{seed}")
                content["sides"][title].append(result)
                print(f"{title}, seed {seed}: {result['reached']}, best {result['best']}")
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    print(table(content["sides"], titles.get("peer", next(iter(titles.values())))))


if __name__ == "__main__":
    main()
