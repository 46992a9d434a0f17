"""Whole pages: a real sheet, photos of a few digits, pages of a register; time and memory.

    python benchmarks/pages.py [--photos 60]

The sheet is a scan of Kannada digits by a writer whom the shipped reader was trained on, read
without being told its grid; photos show test digits of DHCD on paper in lamp light (`photos.py`;
the seeds are not those that the page reading was made with); registers are drawn, scanned flat and
captured (shade, perspective, curl, blur, 150 dpi, JPEG 40). Needs the mirror of the data. Writes
benchmarks/results/pages.json.
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
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import common
import cv2
import numpy as np
from photos import photograph
from PIL import Image

import indicdigits
from indicdigits.evaluation.metrics import wilson_interval
from indicdigits.imaging.decode import read_picture
from indicdigits.reading.forms.form import FormReader
from indicdigits.reading.forms.template import parse
from indicdigits.reading.read import PageReader

DATA = Path(os.environ.get("INDICDIGITS_MIRROR", common.ROOT.parent / "shared" / "data"))
SHEET_ROWS, SHEET_COLUMNS = 40, 32
PHOTO_SEED, REGISTER_SEEDS = 5000, range(20, 25)
MEGAPIXELS, LARGE = 12e6, 40e6
FIELDS = 10


def drawing() -> ModuleType:
    """examples/forms/draw.py."""
    path = common.ROOT / "examples" / "forms" / "draw.py"
    spec = importlib.util.spec_from_file_location("draw", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def edits(one: str, other: str) -> int:
    """Levenshtein's distance: digits read wrong, missed, or read where there are none."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def sheet(script: str) -> dict[str, Any]:
    """The Kannada sheet: row r holds the digit r mod 10, again and again."""
    reader = PageReader(indicdigits.load(script))
    started = time.process_time()
    page = reader(DATA / "pages" / "kannada_sheet.png")
    seconds = time.process_time() - started
    read = [line.ascii for line in page.lines]
    wanted = [str(row % 10) * SHEET_COLUMNS for row in range(SHEET_ROWS)]
    rows = read + [""] * max(0, SHEET_ROWS - len(read))
    wrong = sum(edits(one, other) for one, other in zip(wanted, rows, strict=False))
    wrong += sum(len(extra) for extra in read[SHEET_ROWS:])
    total = SHEET_ROWS * SHEET_COLUMNS
    return {
        "reader": reader.reader.name,
        "digits": total,
        "edits": wrong,
        "accuracy": 1 - wrong / total,
        "lines": len(read),
        "processor_seconds": round(seconds, 2),
    }


def photos(count: int) -> dict[str, Any]:
    """Photos of three to seven test digits, every fourth of a whole sheet on a desk."""
    with np.load(DATA / "extra" / "devanagari_dhcd.npz") as data:
        test = data["is_test"]
        images, labels = data["images"][test], data["labels"][test]
    reader = PageReader(indicdigits.load("devanagari"))
    exact = found = alone = total = 0
    expected = 0.0
    wrong = []
    for number in range(count):
        rng = np.random.default_rng([PHOTO_SEED, number])
        picked = rng.integers(0, len(images), rng.integers(3, 8))
        text = "".join(str(label) for label in labels[picked])
        page = reader(photograph(list(images[picked]), rng, on_desk=number % 4 == 3))
        read = [line.ascii for line in page.lines]
        exact += read == [text]
        found += len(read) == 1
        singly = [r.value for r in reader.reader.many(images[picked])]
        alone += sum(int(value == int(char)) for value, char in zip(singly, text, strict=True))
        total += len(text)
        if read != [text]:
            wrong.append({"photo": number, "written": text, "read": read})
    p = alone / total
    expected = p ** (total / count)
    return {
        "photos": count,
        "one_line_found": found,
        "exact": exact,
        "interval": wilson_interval(exact, count),
        "digits_right_one_by_one": p,
        "exact_expected_of_that": expected,
        "wrong": wrong,
    }


def captured(page: np.ndarray, draw: ModuleType, seed: int) -> np.ndarray:
    """Curled, photographed in lamp light, 150 dots an inch of a sheet of letter size, JPEG 40."""
    height, width = page.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rng = np.random.default_rng(seed)
    curl = rng.uniform(0.003, 0.008) * height * np.sin(np.pi * x / width + rng.uniform(0, 6))
    bent = cv2.remap(page, x, y + curl, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    photo = draw.photographed(bent, seed)
    factor = 150 * 8.5 / width
    photo = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    photo = np.ascontiguousarray(cv2.GaussianBlur(photo, (0, 0), 0.7)[..., ::-1])
    _, coded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 40])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])


def registers(draw: ModuleType) -> dict[str, Any]:
    """Pages of drawn numbers in a ruled table: flat, and captured."""
    reader = PageReader(indicdigits.load("devanagari"))
    counts = {"numbers": 0, "exact_flat": 0, "exact_captured": 0}
    for seed in REGISTER_SEEDS:
        page, rows = draw.register(seed)
        wanted = [text for row in rows for text in row]
        counts["numbers"] += len(wanted)
        for key, picture in (("flat", page), ("captured", captured(page, draw, seed))):
            read = [line.ascii for line in reader(picture).lines]
            if len(read) == len(wanted):  # in order, or nothing counts
                counts[f"exact_{key}"] += sum(a == b for a, b in zip(read, wanted, strict=True))
    return counts


def ten_fields(draw: ModuleType, folder: Path) -> tuple[Path, FormReader]:
    """A photo of a form with ten fields, 12 million pixels as JPEG, and what reads it."""
    page = draw.cheque("01012026", "1", "1", filled=False)
    page[90:810, 200:1900] = 248
    hand = draw.Hand("devanagari", 4)
    rng = np.random.default_rng(4)
    fields = {}
    for number in range(FIELDS):
        left, top = 240 + 820 * (number % 2), 110 + 135 * (number // 2)
        cv2.rectangle(page, (left, top), (left + 700, top + 100), draw.RULE, 3)
        text = "".join(map(str, rng.integers(0, 10, 8)))
        draw._write(page, hand, text, left + 40, top + 24, 54)
        fields[f"field{number}"] = {"box": [left, top, 700, 100], "pattern": r"\d{8}"}
    table = {"size": list(draw.CHEQUE), "marks": [list(mark) for mark in draw.MARKS]}
    template = parse(table | {"mark_size": draw.MARK_SIZE, "fields": fields}, where="ten.toml")
    return _saved(draw.photographed(page), MEGAPIXELS, folder / "form.jpg"), FormReader(template)


def _saved(picture: np.ndarray, pixels: float, path: Path) -> Path:
    factor = (pixels / (picture.shape[0] * picture.shape[1])) ** 0.5
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    Image.fromarray(large).save(path, quality=88)
    return path


def seconds_of(work: Callable[[], object], runs: int = 5) -> dict[str, float]:
    """Median seconds, by the clock on the wall and of the processor, after a warm-up."""
    work()
    wall, processor = [], []
    for _ in range(runs):
        started = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return {
        "seconds": round(statistics.median(wall), 3),
        "processor_seconds": round(statistics.median(processor), 3),
    }


def memory(picture: Path) -> dict[str, Any]:
    """The most memory that a process of its own takes to read a picture."""
    code = (
        "import resource, sys, indicdigits\n"
        "page = indicdigits.read(sys.argv[1], 'devanagari')\n"
        "print(len(page['lines']), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(picture)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines, kilobytes = map(int, output.split())
    return {"lines": lines, "megabytes": kilobytes // 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=60)
    count = parser.parse_args().photos
    cv2.setNumThreads(1)
    draw = drawing()
    records: dict[str, Any] = {
        "sheet": sheet("kannada"),
        "sheet, reader that saw drawn digits only": sheet("kannada-drawn"),
        "photos": photos(count),
        "registers": registers(draw),
    }
    with tempfile.TemporaryDirectory() as folder:
        form, reader = ten_fields(draw, Path(folder))
        fields = reader(read_picture(form), sha256="").fields
        timing = seconds_of(lambda: reader(read_picture(form), sha256=""))
        found = sum(len(field.reading.ascii) == 8 for field in fields)
        records["form, ten fields, 12 megapixels"] = timing | {"fields_of_eight_digits": found}
        large = _saved(draw.photographed(draw.register()[0]), LARGE, Path(folder) / "large.jpg")
        records["memory, 40 megapixels"] = memory(large)
    records["processes that ran beside"] = f"load {os.getloadavg()[0]:.1f}"
    content = {"command": "python benchmarks/pages.py", "machine": common.machine()}
    path = common.RESULTS / "pages.json"
    path.write_text(json.dumps(content | {"records": records}, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(records, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
