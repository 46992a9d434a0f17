"""Scripts without labels, and other people's handwriting: each data set is read apart.

    python benchmarks/scripts.py [--only zero few alone apart drawn] [--scripts …] [--seeds 0 1 …]

zero   trained on digits that the project draws, from strokes and after fonts; read on real sets.
few    the same, and one, five or ten labels a class of CMATERdb, of other pictures for each seed.
alone  as many labels without drawn digits: what the MNIST network brings by itself, and the same
       started as the nearest class mean.
apart  Devanagari with one of its two real sets left out, and with both.
drawn  trained on strokes, read on digits after font families, and the other way round.

Digits after fonts depend on the fonts that are installed: these figures are with Debian's
fonts-indic and fonts-noto-core. Writes benchmarks/results/scripts.json and prints the tables of
docs/scripts.md.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import common

from indicdigits import recipe as recipes
from indicdigits.scripts import SCRIPTS
from indicdigits.training import draws as drawing

# Of the scripts that are learnt here: Latin is where the backbone comes from.
REAL = {script: sets for script, sets in common.REAL.items() if script != "latin"}
# DHCD is seven times as large as CMATERdb: half the epochs, and CMATERdb three times in each.
BOTH = ["phases.finetune.epochs=10"]
WEIGHT = 3.0
SHOTS = {1: 40.0, 5: 16.0, 10: 10.0}  # labels a class, and how often each stands in an epoch


def drawn(script: str) -> list[tuple[str, float]]:
    """The two sources that need no labels."""
    return [(f"strokes/{script}", 1.0), (f"fonts/{script}", 1.0)]


def experiments(kind: str, script: str) -> Iterator[tuple[str, list[tuple[str, float]], list[str]]]:
    """Name, sources with their weights, and changes of each experiment of a kind."""
    if kind == "zero" and script in REAL:
        yield "", [*drawn(script), *((name, 0.0) for name in REAL[script])], []
    if kind == "few" and f"cmaterdb/{script}" in REAL.get(script, ()):
        for shots, weight in SHOTS.items():
            sources = [(f"cmaterdb/{script}", weight), *drawn(script)]
            yield f"{shots}", sources, [f"data.shots={shots}"]
    if kind == "alone" and f"cmaterdb/{script}" in REAL.get(script, ()):
        for shots in SHOTS:
            file = recipes.find(f"scripts/{script}")
            changes = drawing.few(recipes.load(file), shots)
            for head in ("reset", "prototype"):
                start = [] if head == "reset" else ["start.head=prototype"]
                yield f"{shots}-{head}", [(f"cmaterdb/{script}", 1.0)], [*changes, *start]
    if kind == "apart" and script == "devanagari":
        cmaterdb, dhcd = REAL[script]
        yield "without-dhcd", [(cmaterdb, 1.0), *drawn(script), (dhcd, 0.0)], []
        yield "without-cmaterdb", [(dhcd, 1.0), *drawn(script), (cmaterdb, 0.0)], BOTH
        yield "both", [(cmaterdb, WEIGHT), (dhcd, 1.0), *drawn(script)], BOTH
    if kind == "drawn":
        strokes, fonts = (name for name, _ in drawn(script))
        yield "strokes", [(strokes, 1.0), (fonts, 0.0)], []
        yield "fonts", [(fonts, 1.0), (strokes, 0.0)], []


def setting(sources: Sequence[tuple[str, float]]) -> str:
    """The sources as a `--set` text."""
    entries = (f'{{dataset="{name}", weight={weight}}}' for name, weight in sources)
    return f"data.sources=[{', '.join(entries)}]"


def cell(records: Sequence[dict[str, Any]], name: str) -> str:
    """Mean ± standard deviation, errors summed, on one data set."""
    sets = [record["sets"][name] for record in records]
    values = [100 * (1 - one["errors"] / one["n"]) for one in sets]
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    errors, total = sum(one["errors"] for one in sets), sum(one["n"] for one in sets)
    return f"{statistics.mean(values):.2f}{spread} ({errors:,} / {total:,})"


def main() -> None:
    scripts = [
        name.removeprefix("scripts/")
        for name, path in recipes.shipped().items()
        if name.startswith("scripts/") and name.removeprefix("scripts/") in SCRIPTS
    ]
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ("zero", "few", "alone", "apart", "drawn")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--scripts", nargs="+", choices=scripts, default=scripts)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    common.start()
    results = common.Results("scripts", "python benchmarks/scripts.py")
    for kind in arguments.only:
        lines = ["| trained on | read | % right |", "|---|---|---|"]
        for script in arguments.scripts:
            for name, sources, changes in experiments(kind, script):
                records = []
                for seed in arguments.seeds[:1] if kind == "drawn" else arguments.seeds:
                    key = "/".join(filter(None, (kind, script, name, str(seed))))
                    seeds = [f"seed={seed}", f"data.seed={seed}"]
                    whole = [setting(sources), "data.negatives=0", *changes, *seeds]
                    records.append(results.get(key, f"scripts/{script}", whole))
                trained = " + ".join(source for source, weight in sources if weight)
                trained = f"{name} a class of {trained}" if kind in ("few", "alone") else trained
                lines += [
                    f"| {trained} | {read} | {cell(records, read)} |"
                    for read, weight in sources
                    if not weight
                    or name == "both"
                    or (kind in ("few", "alone") and read in REAL[script])
                ]
        print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
