"""What whole trainings cost their user: wall time, the first step, waiting for pictures, memory.

    python benchmarks/run_costs.py [--runs 5] [--only finetune pretrain]

`finetune --script devanagari` and the export of its bundle, from process start to the end, and two
epochs of `pretrain mnist`, each in its own process on prepared data; once more with nothing
compiled yet. Writes benchmarks/results/run_costs.json and prints the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common

FIRST_STEP = re.compile(r"first step done ([0-9.]+) s")
TRAININGS = {
    "finetune": ["finetune", "--script", "devanagari"],
    # Of as many copies as a whole run draws: what is waited for is drawn in the first epochs.
    "pretrain": ["pretrain", "mnist", "--set", "phases.pretrain.epochs=2"],
}


def timed(words: Sequence[object], environment: dict[str, str]) -> tuple[float, float, str]:
    """Runs `indicdigits`: seconds, peak memory in MiB, what it said on standard error."""
    command = [sys.executable, "-m", "indicdigits", *map(str, words)]
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        said.seek(0)
        text = said.read()
    if status:
        raise SystemExit(f"failed: {' '.join(command)}\n{text}")
    return seconds, usage.ru_maxrss / 1024, text


def measure(name: str, *, cold: bool) -> dict[str, Any]:
    """One training, and of a fine-tuning the export as well."""
    folder = Path(tempfile.mkdtemp(prefix="indicdigits-bench-"))
    run = folder / "run"
    environment = {"JAX_COMPILATION_CACHE_DIR": str(folder / "xla")} if cold else {}
    seconds, peak, said = timed([*TRAININGS[name], "--out", run], environment)
    first = FIRST_STEP.search(said)
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    record = {
        "train_seconds": seconds,
        "first_step_seconds": float(first[1]) if first else None,
        "waited_seconds": sum(epoch["waited"] for epoch in history),
        "epoch_seconds": statistics.median(epoch["seconds"] for epoch in history),
        "peak_mib": peak,
    }
    if name == "finetune":
        bundle = folder / "reader.indicdigits"
        words = ["export", run, "--format", "onnx", "-o", bundle]
        record["export_seconds"] = timed(words, environment)[0]
    shutil.rmtree(folder)
    return record | {"seconds": seconds + record.get("export_seconds", 0.0)}


def middle(records: Sequence[dict[str, Any]], key: str) -> float:
    """The median of a figure."""
    return statistics.median(record[key] for record in records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=TRAININGS, default=list(TRAININGS))
    arguments = parser.parse_args()
    results = common.RESULTS / "run_costs.json"
    content: dict[str, Any] = {
        "command": "python benchmarks/run_costs.py",
        "machine": common.machine(),
        "records": json.loads(results.read_text())["records"] if results.exists() else {},
    }
    for name in arguments.only:
        measure(name, cold=False)  # prepares the data, and compiles
        for title, cold, count in (
            (name, False, arguments.runs),
            (f"{name}, nothing compiled yet", True, max(1, arguments.runs // 2)),
        ):
            content["records"][title] = [measure(name, cold=cold) for _ in range(count)]
            results.write_text(json.dumps(content, indent=1) + "\n")
    print("| | from start to end | first step | waiting for pictures | peak memory |")
    print("|---|---|---|---|---|")
    for title, records in content["records"].items():
        share = statistics.median(r["waited_seconds"] / r["train_seconds"] for r in records)
        print(
            f"| {title} | {middle(records, 'seconds'):.1f} s "
            f"| {middle(records, 'first_step_seconds'):.1f} s | {100 * share:.1f} % "
            f"| {middle(records, 'peak_mib'):,.0f} MiB |"
        )


if __name__ == "__main__":
    main()
