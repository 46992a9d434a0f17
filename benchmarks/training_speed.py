"""Images a second in training: ours against the same networks in PyTorch and Keras 3.

    python benchmarks/training_speed.py [--networks cnn vit] [--rounds 7] [--devices 2]

Every side is a process of its own that stays; they take turns, round after round, so that what
disturbs the machine disturbs all. Steady state: compiled and warm, batches of 128 from memory,
Adam. Ours is `fit` itself, as `indicdigits pretrain` runs it. PyTorch counts in the layout that is
faster for the network, Keras on the backend that is; a ratio is the median of the rounds' ratios.
Writes benchmarks/results/training_speed.json and prints the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

import common
from peers.sides import BATCH, SIDES

STEPS = {"cnn": 64, "cnn-classic": 24, "vit": 64}  # a round takes some three seconds
PAUSE = 0.3  # seconds between rounds, in which threads of the last one stop spinning
VERSIONS = ("indicdigits", "jax", "flax", "torch", "keras", "numpy")
# Column -> the sides of which the fastest counts.
COLUMNS = {
    "ours": ["ours"],
    "ours, step alone": ["ours, step alone"],
    "PyTorch": ["PyTorch, NCHW", "PyTorch, channels_last"],
    "Keras 3": ["Keras 3 on JAX", "Keras 3 on PyTorch"],
    "ours, bfloat16": ["ours, bfloat16"],
    "PyTorch, bfloat16": ["PyTorch, bfloat16, NCHW", "PyTorch, bfloat16, channels_last"],
}
RATIOS = {
    "ours / PyTorch": ("ours", "PyTorch"),
    "ours / Keras 3": ("ours", "Keras 3"),
    "bfloat16: ours / PyTorch": ("ours, bfloat16", "PyTorch, bfloat16"),
}


class Side:
    """A process that trains a round when it is told to."""

    def __init__(self, name: str, network: str, arguments: argparse.Namespace) -> None:
        self.name, self.seconds, self.peak = name, list[float](), 0
        self.steps = arguments.steps or STEPS[network]
        words = ["--steps", str(self.steps), "--threads", str(arguments.threads)]
        if name.startswith("ours") and arguments.devices is not None:
            words += ["--devices", str(arguments.devices)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "peers.worker", name, network, *words],
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if arguments.quiet else None,
            text=True,
        )
        assert self._process.stdout is not None
        self.ready = self._process.stdout.readline() != ""

    def __enter__(self) -> Side:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the process."""
        self._process.communicate()

    def round(self) -> None:
        """Has one round run, and keeps its time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        time.sleep(PAUSE)
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak_mib"]

    def record(self) -> dict[str, Any]:
        """The side's figures as plain data."""
        speeds = [self.steps * BATCH / seconds for seconds in self.seconds]
        return {
            "images_per_second": round(statistics.median(speeds), 1),
            "rounds": [round(speed, 1) for speed in speeds],
            "steps": self.steps,
            "peak_mib": self.peak,
        }


def compare(network: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Times every side of a network; sides that cannot be had are left out, and said."""
    sides: dict[str, Side] = {}
    try:
        for name in arguments.sides:
            side = Side(name, network, arguments)
            if side.ready:
                sides[name] = side
            else:
                print(f"{network}: {name} could not be run", file=sys.stderr)
        for _ in range(arguments.rounds):
            for side in sides.values():
                side.round()
    finally:
        for side in sides.values():
            side.__exit__(None, None, None)
    return summary({name: side.record() for name, side in sides.items()})


def summary(records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The fastest side of each column, and ratios as medians over the rounds."""
    best: dict[str, str] = {}
    for column, names in COLUMNS.items():
        there = [name for name in names if name in records]
        if there:
            best[column] = max(there, key=lambda name: records[name]["images_per_second"])
    ratios = {}
    for title, (mine, other) in RATIOS.items():
        if mine in best and other in best:
            pairs = zip(records[best[mine]]["rounds"], records[best[other]]["rounds"], strict=True)
            ratios[title] = round(statistics.median(a / b for a, b in pairs), 3)
    return {"sides": records, "best": best, "ratios": ratios}


def versions() -> dict[str, str]:
    """Versions of what is compared, where it is installed."""
    found = {}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tables(networks: dict[str, Any]) -> str:
    """The tables: images a second, and ratios."""

    def speed(entry: dict[str, Any], column: str) -> str:
        side = entry["best"].get(column)
        return f"{entry['sides'][side]['images_per_second']:,.0f}" if side else "-"

    def ratio(entry: dict[str, Any], title: str) -> str:
        return f"{entry['ratios'][title]:.2f}" if title in entry["ratios"] else "-"

    lines: list[str] = []
    for head, titles, cell in (("images/s", COLUMNS, speed), ("ratio", RATIOS, ratio)):
        lines += ["", f"| {head} | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
        for name, entry in networks.items():
            lines.append(f"| `{name}` | {' | '.join(cell(entry, title) for title in titles)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--sides", nargs="+", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, help="a round, instead of what takes three seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--devices", type=int, help="of ours, instead of one a core")
    parser.add_argument("--quiet", action="store_true", help="hide what the sides print")
    parser.add_argument("--out", type=Path, default=common.RESULTS / "training_speed.json")
    arguments = parser.parse_args()
    content: dict[str, Any] = {
        "command": "python benchmarks/training_speed.py",
        "machine": common.machine(),
        "versions": versions(),
        "threads": arguments.threads,
        "devices": arguments.devices or "auto",
        "batch": BATCH,
        "networks": {},
    }
    for network in arguments.networks:
        content["networks"][network] = compare(network, arguments)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    print(tables(content["networks"]))


if __name__ == "__main__":
    main()
