"""Strings of test digits, read as lines: exact rates, refusals, checksums, capture, Tesseract.

    python benchmarks/strings.py [--only dhcd kannada …] [--lines 300]

Every set's strings are composed of its test digits (other writers than were trained on where the
data know them), six digits each, in one hand: that of a writer, or a pseudo-writer's. p is the
accuracy of the digit reader on the very digits that a case's strings are made of, so p⁶ is what
reading them one by one, cut out by hand, would reach. Lines are read free (any number may stand
there) and once more told that six digits stand there. Whether a line is accepted follows from the
thresholds in the bundle of the sequence reader, fitted on strings of training digits. Nothing else
is chosen on these strings either; the test digits are read once per final configuration.

Beside it stands Tesseract, digits only, with the best setting found on lines of training digits.
Writes benchmarks/results/strings.json and prints the table of docs/strings.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import common
import cv2
import numpy as np
import numpy.typing as npt
import string_pools
from peers.ocr import MODELS, PROGRAMS, Setting, best_setting

import indicdigits
from indicdigits.data.strings import Line, Pool, Style, compose
from indicdigits.evaluation.lines import LENGTH, SPACINGS, six_digits
from indicdigits.evaluation.metrics import wilson_interval
from indicdigits.imaging.degrade import degrade
from indicdigits.reading import verhoeff
from indicdigits.reading.ctc import decode
from indicdigits.reading.page.ink import ink_of
from indicdigits.reading.patterns import pattern
from indicdigits.reading.strings import LineReader
from indicdigits.runtime.reader import Reader
from indicdigits.scripts import SCRIPTS

PATH = common.RESULTS / "strings.json"
Ink = npt.NDArray[np.uint8]
Capture = Callable[[Ink, np.random.Generator], Ink]
AADHAAR = 12
TUNED = 30  # lines of training digits that Tesseract's setting is searched on
TITLES = {
    "dhcd": "Devanagari (DHCD)",
    "cmaterdb/devanagari": "Devanagari (CMATERdb)",
    "cmaterdb/bengali": "Bengali (CMATERdb)",
    "cmaterdb/telugu": "Telugu (CMATERdb)",
    "kannada": "Kannada (writers 08-15)",
    "mnist": "Western (MNIST)",
}


def captured(ink: Ink, rng: np.random.Generator) -> Ink:
    """A line on paper, photographed: curled, in lamp light, out of focus, JPEG 40; then its ink."""
    margin = len(ink) // 2
    page = 255 - np.pad(ink, margin).astype(np.float32) * 0.75 - 15
    height, width = page.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    depth, phase = rng.uniform(0.02, 0.08) * height, rng.uniform(0, 2 * np.pi)
    curl = depth * np.sin(np.pi * x / width + phase)
    page = cv2.remap(page, x, y + curl, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grey = np.clip(page, 0, 255).astype(np.uint8)
    grey = degrade(grey, "shade", rng, 0.6)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.5, 1.0)), np.uint8)
    grey = degrade(grey, "gaussian_noise", rng, 0.06)
    _, coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 40])
    grey = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return ink_of(np.repeat(grey[..., None], 3, axis=2))


def digit_accuracy(reader: Reader, pool: Pool, used: list[int]) -> tuple[int, int]:
    """How many of the digits are read right one by one, and of how many."""
    different, counts = np.unique(used, return_counts=True)
    pictures = [np.pad(pool.inks[n], 4) for n in different.tolist()]
    readings = reader.many(pictures)
    right = [r.value == pool.values[n] for r, n in zip(readings, different, strict=True)]
    return int(counts[np.array(right)].sum()), int(counts.sum())


def case(
    reader: Reader, pool: Pool, read: LineReader, written: list[Line], inks: list[Ink] | None = None
) -> dict[str, Any]:
    """What a reader makes of some lines."""
    shown = inks or [line.ink for line in written]
    started = time.process_time()
    found = [read(ink) for ink in shown]
    seconds = time.process_time() - started
    right = np.array([f.ascii == line.text for f, line in zip(found, written, strict=True)])
    accepted = np.array([f.accepted for f in found])
    good, all_ = digit_accuracy(reader, pool, [n for line in written for n in line.digits])
    return {
        "n": len(written),
        "exact": int(right.sum()),
        "exact_interval": wilson_interval(int(right.sum()), len(right)),
        "p": good / all_,
        "p_to_the_6": (good / all_) ** LENGTH,
        "refused": int((~accepted).sum()),
        "wrong_and_accepted": int((accepted & ~right).sum()),
        "processor_ms_each": round(1000 * seconds / len(written), 1),
    }


def alone(reader: Reader, read: LineReader, written: list[Line]) -> dict[str, int]:
    """How many lines each of the two ways reads right without the other."""
    lattice, sequence = LineReader(reader, sequence=None), read.sequence
    exact = {"lattice_alone": sum(lattice(line.ink).ascii == line.text for line in written)}
    if sequence is not None:
        allowed = pattern("number").over(sequence.ascii)
        exact["sequence_alone"] = 0
        for line in written:
            looked = sequence.look(line.ink)
            found = decode(looked.places, allowed, most=1) if looked else []
            text = "".join(sequence.ascii[s] for s in found[0].symbols) if found else ""
            exact["sequence_alone"] += text == line.text
    return exact


def aadhaar(reader: Reader, pool: Pool, count: int) -> dict[str, Any]:
    """Twelve digits in three groups, the last the checksum."""
    rng, read = np.random.default_rng(12), LineReader(reader, validator="aadhaar")
    tally = {"n": count, "exact": 0, "accepted": 0, "wrong_and_accepted": 0, "right_offered": 0}
    for _ in range(count):
        first = str(rng.integers(2, 10)) + "".join(map(str, rng.integers(0, 10, AADHAAR - 2)))
        text = first + verhoeff.check_digit(first)
        grouped = " ".join(text[n : n + 4] for n in range(0, AADHAAR, 4))
        found = read(compose(grouped, pool, rng, Style(spacing="apart")).ink)
        right = found.ascii == text
        tally["exact"] += right
        tally["accepted"] += found.accepted
        tally["wrong_and_accepted"] += found.accepted and not right
        offered = any(other.ascii == text for other in found.alternatives)
        tally["right_offered"] += offered and not right
    return tally


def tesseract(dataset: str, written: list[Line]) -> dict[str, Any] | None:
    """The same lines read by Tesseract, digits only, with its best setting for training lines.

    None where it is missing, or has no data for the script.
    """
    program, script = PROGRAMS["tesseract"], string_pools.SETS[dataset]
    if program.missing() is not None or script not in MODELS:
        return None
    digits = SCRIPTS[script].digits

    def exact(setting: Setting, lines: list[Line]) -> int:
        read = program.open(setting, digits)
        return sum(_ascii(read(255 - line.ink), digits) == line.text for line in lines)

    tuned = list(six_digits(string_pools.hand(dataset, "fit"), "apart", TUNED, seed=1))
    options = program.options(script) | {"copies": (1,), "mode": (7, 13, 8, 6)}
    setting, _ = best_setting(options, lambda setting: exact(setting, tuned), rounds=1)
    return {"n": len(written), "exact": exact(setting, written), "setting": setting}


def _ascii(text: str, digits: str) -> str:
    """The digits of a text as 0 to 9; everything else that was read is left out."""
    return "".join(str(digits.index(c)) if c in digits else c for c in text if c.isdecimal())


def measure(dataset: str, count: int, seed: int) -> dict[str, Any]:
    """All cases of a set."""
    script = string_pools.SETS[dataset]
    hand, reader = string_pools.hand(dataset, "test"), indicdigits.load(script)
    pool = hand.pool
    free, told = LineReader(reader), LineReader(reader, pattern=r"\d{6}")
    record: dict[str, Any] = {
        "reader": reader.name,
        "recipe_digest": reader.bundle.recipe["digest"],
        "hand": "writer" if pool.writers is not None else "pseudo-writer",
        "digits": len(pool),
    }
    for spacing in SPACINGS:
        written = list(six_digits(hand, spacing, count, seed))
        record[spacing] = case(reader, pool, free, written) | alone(reader, free, written)
        record[f"{spacing}, told"] = case(reader, pool, told, written)
        print(dataset, spacing, record[spacing], flush=True)
        if spacing == "apart":
            rng = np.random.default_rng(seed)
            inks = [captured(line.ink, rng) for line in written]
            record["captured"] = case(reader, pool, free, written, inks)
            record["tesseract"] = tesseract(dataset, written)
    record["aadhaar"] = aadhaar(reader, pool, count)
    return record


def table(records: dict[str, Any]) -> str:
    """The tables of docs/strings.md."""

    def percent(one: dict[str, Any], key: str = "exact") -> str:
        return f"{100 * one[key] / one['n']:.1f}"

    def optional(one: dict[str, Any], key: str) -> str:
        return percent(one, key) if key in one else "–"

    rows = [
        "| digits | hand | case | p⁶ | exact | lattice alone | sequence alone | told six digits "
        "| refused | wrong and accepted | ms |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for dataset, record in records.items():
        for name in (*SPACINGS, "captured"):
            one = record[name]
            told = record.get(f"{name}, told")
            rows.append(
                f"| {TITLES[dataset]} | {record['hand']} | {name} | {100 * one['p_to_the_6']:.1f} "
                f"| **{percent(one)}** | {optional(one, 'lattice_alone')} "
                f"| {optional(one, 'sequence_alone')} | {percent(told) if told else '–'} "
                f"| {percent(one, 'refused')} | {percent(one, 'wrong_and_accepted')} "
                f"| {one['processor_ms_each']} |"
            )
    rows += [
        "",
        "| digits | Aadhaar-like, exact | accepted | wrong and accepted | right one offered "
        "| Tesseract, six digits apart |",
        "|---|---|---|---|---|---|",
    ]
    for dataset, record in records.items():
        one, other = record["aadhaar"], record["tesseract"]
        rows.append(
            f"| {TITLES[dataset]} | {percent(one)} | {percent(one, 'accepted')} "
            f"| {one['wrong_and_accepted']} of {one['n']} | {one['right_offered']} "
            f"| {percent(other) if other else '–'} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--lines", type=int, default=300, help="of each case")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    content: dict[str, Any] = {"command": "python benchmarks/strings.py", "records": {}}
    if PATH.exists():
        content = json.loads(PATH.read_text(encoding="utf-8"))
    content["machine"] = common.machine()
    for dataset in arguments.only:
        content["records"][dataset] = measure(dataset, arguments.lines, arguments.seed)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        PATH.write_text(text + "\n", encoding="utf-8")
    print(table({name: content["records"][name] for name in TITLES if name in content["records"]}))


if __name__ == "__main__":
    main()
