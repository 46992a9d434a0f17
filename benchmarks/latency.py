"""How long a person waits: help, one picture from process start, one crop in the loaded runtime.

    python benchmarks/latency.py [--runs 9]

Writes benchmarks/results/latency.json. Medians; needs the shipped Devanagari reader.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import common
import cv2
import numpy as np

import indicdigits
from indicdigits.imaging.normalise import normalise

PICTURE = common.ROOT / "docs" / "pictures" / "sample-devanagari.png"


def median_ms(work: Callable[[], object], runs: int) -> float:
    """Median milliseconds of some work, after one warm-up."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times), 3)


def command(*words: str) -> Callable[[], object]:
    """The command as its own process."""
    line: Sequence[str] = [sys.executable, "-m", "indicdigits", *words]
    return lambda: subprocess.run(line, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    reader = indicdigits.load("devanagari")
    crop = cv2.imread(str(PICTURE), cv2.IMREAD_GRAYSCALE)
    crop = cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA)
    mnist_like = normalise(crop)
    block = np.repeat(crop[None], 512, axis=0)
    figures = {
        "indicdigits --help, ms": median_ms(command("--help"), runs),
        "indicdigits recipe check devanagari, ms": median_ms(
            command("recipe", "check", "scripts/devanagari"), runs
        ),
        "indicdigits predict devanagari PICTURE, ms": median_ms(
            command("predict", "devanagari", str(PICTURE)), runs
        ),
        "one 32x32 crop in the loaded reader, ms": median_ms(lambda: reader(crop), 50 * runs),
        "normalise, one 32x32 crop, ms": median_ms(lambda: normalise(crop), 200 * runs),
        "normalise, one 28x28 digit, ms": median_ms(lambda: normalise(mnist_like), 200 * runs),
        "many on 512 such crops, each, ms": round(
            median_ms(lambda: list(reader.many(iter(block))), runs) / len(block), 4
        ),
    }
    path = common.RESULTS / "latency.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"command": "python benchmarks/latency.py", "machine": common.machine()}
    path.write_text(json.dumps(content | {"medians": figures}, indent=1) + "\n")
    print("| what | median |\n|---|---|")
    for name, value in figures.items():
        print(f"| {name.removesuffix(', ms')} | {value:g} ms |")


if __name__ == "__main__":
    main()
