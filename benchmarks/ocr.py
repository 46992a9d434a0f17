"""OCR programs and the readers that ship, on the same handwritten crops of CMATERdb.

    python benchmarks/ocr.py [--only devanagari bengali telugu] [--programs tesseract rapidocr]

The best setting of each program is searched for on 200 training pictures of each script, one
option after the other, twice round; then the whole test part is read once. Ours is what
`indicdigits.load(SCRIPT)` loads, on the very same crops, and beside it the reader of drawn digits
alone, which was never trained on handwriting. Writes benchmarks/results/ocr.json and prints the
table of docs/ocr.md. A program that is not installed is said, and left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
from peers.ocr import PROGRAMS, Crop, Program, Setting, best_setting, value_of

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.source import load_split, raw_pictures
from indicdigits.evaluation.metrics import wilson_interval
from indicdigits.progress import Reporter
from indicdigits.recipe import Source
from indicdigits.scripts import SCRIPTS

TESTED = ("devanagari", "bengali", "telugu")
TRIED_ON = 200  # training pictures on which a setting is chosen
ROUNDS = 2
OURS = {"ours": "indicdigits", "drawn": "indicdigits, drawn digits alone"}
PATH = common.RESULTS / "ocr.json"


def crops(script: str, part: Any, count: int | None = None) -> tuple[list[Crop], list[int]]:
    """Raw crops of CMATERdb, grey, dark on light, and their values; `count` of them, seeded."""
    recipe = recipes.load(recipes.find(f"scripts/{script}"))
    source, quiet = Source(dataset=f"cmaterdb/{script}"), Reporter(quiet=True)
    split = load_split(source, part, size=28, classes=recipe.labels, root=Path(), reporter=quiet)
    chosen = np.arange(len(split))
    if count is not None:
        shuffled = np.random.default_rng(0).permutation(chosen)
        each = count // len(recipe.labels)
        chosen = np.concatenate(
            [shuffled[split.labels[shuffled] == c][:each] for c in range(len(recipe.labels))]
        )
    raw = raw_pictures(source, part, chosen, classes=recipe.labels, root=Path(), reporter=quiet)
    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) if p.ndim == 3 else p for p in raw]
    values = [recipe.labels[int(label)].value for label in split.labels[chosen]]
    return [np.asarray(picture, np.uint8) for picture in grey], [int(v or 0) for v in values]


def answers(
    program: Program, setting: Mapping[str, Any], script: str, pictures: Sequence[Crop]
) -> list[int | None]:
    """The value that a program reads in each crop, or None."""
    digits = SCRIPTS[script].digits
    read = program.open(setting, digits)
    return [value_of(read(picture), digits[0]) for picture in pictures]


def search(program: Program, script: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The setting that reads most training pictures right, and all that were tried."""
    pictures, values = crops(script, "train", TRIED_ON)
    options = program.options(script)

    def right(setting: Setting) -> int:
        found = answers(program, setting, script, pictures)
        return sum(a == v for a, v in zip(found, values, strict=True))

    best, tried = best_setting(options, right, rounds=ROUNDS)
    print(f"{script}, {program.name}: {tried[0]['right']} of {len(values)}, {best}", flush=True)
    return best, tried


def measured(right: Sequence[bool], seconds: float) -> dict[str, Any]:
    """What is kept of a reading of the whole test part."""
    n, good = len(right), sum(right)
    return {
        "n": n,
        "right": good,
        "wrong": n - good,
        "accuracy": good / n,
        "interval": wilson_interval(good, n),
        "ms_each": round(1000 * seconds / n, 2),
        "wrong_at": [index for index, one in enumerate(right) if not one],
    }


def peer(program: Program, script: str) -> dict[str, Any]:
    """A program's best setting on training pictures, and the test part with it."""
    setting, tried = search(program, script)
    pictures, values = crops(script, "test")
    started = time.perf_counter()
    found = answers(program, setting, script, pictures)
    seconds = time.perf_counter() - started
    right = [a == v for a, v in zip(found, values, strict=True)]
    silent = sum(answer is None for answer in found)
    return measured(right, seconds) | {
        "no_digit": silent,
        "setting": setting,
        "tried_on": TRIED_ON,
        "tried": tried,
    }


def ours(script: str, name: str) -> dict[str, Any]:
    """What a reader that ships reads in the test part: its best guess, accepted or not."""
    reader = indicdigits.load(name)
    pictures, values = crops(script, "test")
    started = time.perf_counter()
    found = [reading.value for reading in reader.many(iter(pictures))]
    seconds = time.perf_counter() - started
    right = [a == v for a, v in zip(found, values, strict=True)]
    return measured(right, seconds) | {"reader": reader.name}


def table(records: Mapping[str, Any]) -> str:
    """The table of docs/ocr.md."""
    lines = [
        "| script | test digits | reader | right, % | wrong | times ours |",
        "|---|---|---|---|---|---|",
    ]
    for script in (name for name in TESTED if f"{name}/ours" in records):
        mine = records[f"{script}/ours"]
        for key in ("ours", "drawn", *PROGRAMS):
            one = records.get(f"{script}/{key}")
            if one is None:
                continue
            name = OURS[key] if key in OURS else PROGRAMS[key].name
            times = f"{one['wrong'] / mine['wrong']:.3g}" if mine["wrong"] else "ours has none"
            lines.append(
                f"| {SCRIPTS[script].title} | {one['n']:,} | {name} | {100 * one['accuracy']:.2f} "
                f"| {one['wrong']:,} | {'–' if key == 'ours' else times} |"
            )
    return "\n".join([*lines, *_together(records)])


def _together(records: Mapping[str, Any]) -> list[str]:
    """All scripts' test digits as one, where each was measured."""
    mine = [records[f"{script}/ours"]["wrong"] for script in TESTED if f"{script}/ours" in records]
    lines = []
    for key in PROGRAMS:
        theirs = [records[f"{s}/{key}"] for s in TESTED if f"{s}/{key}" in records]
        if len(theirs) == len(TESTED) == len(mine):
            wrong, n = sum(one["wrong"] for one in theirs), sum(one["n"] for one in theirs)
            lines.append(
                f"| all | {n:,} | {PROGRAMS[key].name} | {100 * (1 - wrong / n):.2f} | {wrong:,} "
                f"| {wrong / max(sum(mine), 1):.0f} (ours: {sum(mine)} wrong) |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=TESTED, default=TESTED)
    parser.add_argument("--programs", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS))
    arguments = parser.parse_args()
    content: dict[str, Any] = {"command": "python benchmarks/ocr.py", "records": {}}
    if PATH.exists():
        content = json.loads(PATH.read_text(encoding="utf-8"))
    content["machine"] = common.machine()
    installed = []
    for key in arguments.programs:
        missing = PROGRAMS[key].missing()
        if missing is None:
            installed.append(key)
        else:
            print(f"{PROGRAMS[key].name} is not installed and is left out: {missing}")
    if not installed:
        return
    for script in arguments.only:
        content["records"][f"{script}/ours"] = ours(script, script)
        content["records"][f"{script}/drawn"] = ours(script, f"{script}-drawn")
        for key in installed:
            content["records"][f"{script}/{key}"] = peer(PROGRAMS[key], script)
            content["versions"] = content.get("versions", {}) | {key: version(key)}
            text = json.dumps(content, indent=1, ensure_ascii=False)
            PATH.write_text(text + "\n", encoding="utf-8")
    print(table(content["records"]))


def version(key: str) -> str:
    """The version of a program, for the record."""
    if key == "tesseract":
        import tesserocr

        return str(tesserocr.tesseract_version()).splitlines()[0].removeprefix("tesseract ")
    from importlib.metadata import version as of_package

    return of_package("rapidocr-onnxruntime")


if __name__ == "__main__":
    main()
