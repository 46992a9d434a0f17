"""Size, latency and parity of every format, each opened again from what was written.

    python benchmarks/formats.py [--runs 51] [RUN …]

RUN is what `indicdigits export` takes: a run folder, or a backbone that ships. Adds to
benchmarks/results/formats.json and prints docs/export.md's table; `--runs 0` leaves out the
timing. Formats whose extra is not
installed are left out. The process keeps to one core, and its processor time is taken: what else
the machine does is not in it, and on an idle machine it is the time one waits. Every format is
timed in turn, round by round; medians of single calls. The textbook network (`cnn-classic`, random
weights, ONNX Runtime) is timed beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import common
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.errors import IndicDigitsError
from indicdigits.export import folder, verify, writer
from indicdigits.export.formats import FORMATS, Wanted, onnx_run, open_folder
from indicdigits.export.graphs import Ends
from indicdigits.export.onnx import to_onnx
from indicdigits.export.source import Source, open_source
from indicdigits.models import create
from indicdigits.progress import Reporter
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import calibrated
from indicdigits.runtime.doubt import NOT_A_DIGIT, Judge

USUAL = [str(common.ROOT / "runs" / "weights" / "devanagari-all"), "mnist-cnn-nano"]
LARGE = 256  # pictures at once
TEXTBOOK = "cnn-classic, textbook network"
WANTED = {name: Wanted(format=name) for name in FORMATS}
WANTED |= {
    "onnx, imaging step inside": Wanted(plain=True, ends=Ends(preprocessing=True)),
    "onnx, NCHW, 3 channels": Wanted(plain=True, ends=Ends(layout="NCHW", channels=3)),
}


def reopened(made: writer.Exported, wanted: Wanted) -> tuple[str, verify.Predict]:
    """What runs the file or folder that was written, with its name."""
    if made.path.is_dir():
        return open_folder(folder.read(made.path, whole=True))
    if wanted.plain:
        return "onnxruntime", onnx_run(made.path.read_bytes(), wanted.ends)
    return "onnxruntime", verify.onnx_run(bundles.read(made.path).graph)


def exported(source: Source, place: Path) -> tuple[dict[str, Any], dict[str, verify.Predict]]:
    """Every format: what is known of it, and what runs it."""
    records: dict[str, Any] = {}
    runs: dict[str, verify.Predict] = {}
    for name, wanted in WANTED.items():
        try:
            made = writer.write(source, wanted, place / name.replace(", ", "-"), Reporter())
        except ModuleNotFoundError as error:
            print(f"{name}: needs {error.name}, which is not installed")
            continue
        except IndicDigitsError as error:
            records[name] = {"refused": str(error)}
            print(f"{name}: {error}")
            continue
        records[name] = {
            "model_bytes": made.model,
            "bytes": made.size,
            "parity": made.parity.table(wanted.format),
        }
        if made.agreement:
            records[name]["imaging_step"] = made.agreement.as_dict()
        records[name]["engine"], runs[name] = reopened(made, wanted)
    return records, runs


def accepted(source: Source, run: verify.Predict) -> dict[str, int]:
    """Digits of the test set that are accepted at the bundle's thresholds, and wrong among them."""
    bundle, test = source.bundle, source.test
    texts = np.array([entry.text for entry in bundle.classes])
    digits = test.take(texts[test.labels] != NOT_A_DIGIT)
    parts = [run(digits.images[at : at + LARGE]) for at in range(0, len(digits), LARGE)]
    judge = Judge(bundle.classes, bundle.acceptance)
    judged = judge(calibrated(np.concatenate(parts), bundle.acceptance.temperature))
    taken = judge.accepted(judged)
    wrong = taken & (judged.best != digits.labels)
    return {"digits": len(digits), "accepted": int(taken.sum()), "wrong": int(wrong.sum())}


def timed(runs: Mapping[str, verify.Predict], images: np.ndarray, rounds: int) -> dict[str, Any]:
    """Median microseconds of one picture, and pictures a second of many at once."""

    def seconds(run: verify.Predict, pictures: np.ndarray) -> float:
        started = time.process_time()
        run(pictures)
        return time.process_time() - started

    one, many = images[:1], images[:LARGE]
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in runs}
    for at in range(rounds + 1):
        for name, run in runs.items():
            singles, several = [seconds(run, one) for _ in range(41)], seconds(run, many)
            if at:  # the first round warms up
                found[name][0].extend(singles[1:])  # after another format, all is cold
                found[name][1].append(several)
    return {
        name: {
            "us_at_1": round(1e6 * statistics.median(single), 1),
            "per_second_at_256": round(LARGE / statistics.median(several)),
        }
        for name, (single, several) in found.items()
    }


def textbook() -> verify.Predict:
    """The network that textbooks build for MNIST, untrained: it takes as long as a trained one."""
    recipe = recipes.load(recipes.find("pretrain/mnist-cnn-classic"))
    return verify.onnx_run(to_onnx(create(recipe, seed=0), recipe.data.input_size, recipe.labels))


def measure(what: str, rounds: int) -> dict[str, Any]:
    """All of one reader."""
    source = open_source(what, Reporter())
    with tempfile.TemporaryDirectory() as place:
        records, runs = exported(source, Path(place))
        for name, run in runs.items():
            if name in ("onnx", "onnx-int8", "tflite-int8") and source.bundle.acceptance.threshold:
                records[name]["accepted"] = accepted(source, run)
        times: dict[str, Any] = {}
        if rounds:
            times = timed({**runs, TEXTBOOK: textbook()}, source.test.images, rounds)
    for name, record in times.items():
        records.setdefault(name, {}).update(record)
    return {
        "backbone": source.recipe.model.backbone,
        "recipe_digest": source.recipe.digest(),
        "classes": len(source.bundle.classes),
        "formats": records,
    }


def table(name: str, reader: Mapping[str, Any]) -> str:
    """The rows of docs/export.md."""
    lines = [
        f"| {name} | model, kB | one picture, µs | pictures/s, 256 at once | parity |",
        "|---|---|---|---|---|",
    ]
    for format_, record in reader["formats"].items():
        if "refused" in record:
            lines.append(f"| {format_} | – | – | – | refused by the gate |")
            continue
        parity, size = record.get("parity"), record.get("model_bytes")
        said = "–"
        if parity and "int8" in parity:
            loss = parity["int8"]
            said = f"{loss['int8_errors']} errors in {loss['pictures']:,}, not {loss['errors']}; "
            said += f"{len(loss['changed'])} pictures changed"
        elif parity:
            said = f"{parity['max_difference']:.1e}, every decision the same"
        kilobytes = f"{size / 1000:,.0f}" if size else "–"
        speed = "– | –"
        if "us_at_1" in record:
            speed = f"{record['us_at_1']:,.0f} | {record['per_second_at_256']:,}"
        lines.append(f"| {format_} | {kilobytes} | {speed} | {said} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=51)
    parser.add_argument("what", nargs="*", metavar="RUN", default=USUAL)
    arguments = parser.parse_args()
    path = common.RESULTS / "formats.json"
    content: dict[str, Any] = {
        "command": "python benchmarks/formats.py",
        "machine": f"{common.machine()}; processor time on one core",
        "load_at_start": os.getloadavg()[0],
        "readers": json.loads(path.read_text())["readers"] if path.exists() else {},
    }
    for what in arguments.what:
        name = Path(what).name
        content["readers"][name] = measure(what, arguments.runs)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        print(table(name, content["readers"][name]), flush=True)


if __name__ == "__main__":
    main()
