"""How fast this machine is: its name, the clock, the table, and reading; needs no JAX.

What needs the kit is measured by `bench_training`. The pictures are drawn on the spot, so that
nothing is downloaded.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits import recipe as recipes
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import parse
from indicdigits.imaging.normalise import normalise
from indicdigits.runtime.reader import load

SCRIPT = "devanagari"
LIBRARIES = ("indicdigits", "numpy", "opencv-python-headless", "onnxruntime", "jax", "flax")


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How thoroughly to measure.

    Attributes:
        seconds: For each figure, after its warm-up.
        pictures: Different pictures to work on.
        repeats: At least so many measurements a figure; the median counts.
    """

    seconds: float
    pictures: int
    repeats: int


FULL = Budget(seconds=3.0, pictures=2048, repeats=5)
QUICK = Budget(seconds=0.1, pictures=256, repeats=1)

Part = tuple[str, Callable[[Budget], list[Figure]]]


class Drawn(NamedTuple):
    """Pictures (N, 64, 64) uint8, dark ink on light paper, and their labels (N,) int64."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def drawn(count: int) -> Drawn:
    """Draws digits, the same ones every time."""
    recipe = recipes.load(recipes.find(f"scripts/{SCRIPT}"))
    drawer = Drawer(parse(recipe.strokes, [entry.text for entry in recipe.labels]))
    rng = np.random.default_rng(0)
    writers = [drawer.writer(rng) for _ in range(16)]
    labels = np.arange(count, dtype=np.int64) % len(drawer.classes)
    pictures = [
        drawer.draw(drawer.classes[label], writers[int(rng.integers(16))], rng) for label in labels
    ]
    return Drawn(np.stack(pictures), labels)


def rate(work: Callable[[], int], budget: Budget) -> float:
    """Items a second of some work that says how many it did: the median, after a warm-up."""
    work()
    rates: list[float] = []
    end = time.perf_counter() + budget.seconds
    while len(rates) < budget.repeats or time.perf_counter() < end:
        started = time.perf_counter()
        count = work()
        rates.append(count / (time.perf_counter() - started))
    return statistics.median(rates)


def parts() -> list[Part]:
    """What is measured without the kit: label -> function of a budget."""
    return [("normalising", normalising), ("reading", reading)]


def normalising(budget: Budget) -> list[Figure]:
    """Crops brought to the network's input, one core."""
    crops = drawn(budget.pictures).pictures[:256]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        speed = rate(lambda: len([normalise(crop) for crop in crops]), budget)
    finally:
        cv2.setNumThreads(threads)
    return [Figure("preparation: normalise 64x64 crops", speed, "images/s/core")]


def reading(budget: Budget) -> list[Figure]:
    """One crop and many with the shipped reader, one thread, from pixels to `Reading`."""
    reader, crops = load(SCRIPT), drawn(budget.pictures).pictures[:512]
    one = rate(lambda: len([reader(crop) for crop in crops[:16]]), budget)
    many = rate(lambda: len(list(reader.many(iter(crops)))), budget)
    inputs = np.stack([reader.prepare(crop) for crop in crops])
    graph = rate(lambda: len(reader.probabilities(inputs)), budget)
    return [
        Figure(f"reading one crop ({SCRIPT} reader)", 1000 / one, "ms"),
        Figure("reading many crops, one thread", many, "images/s"),
        Figure("its network alone, one thread", graph, "images/s"),
    ]


def machine() -> dict[str, str]:
    """The machine and the versions, for the table's head."""
    found = {
        "processor": _processor(),
        "cores": str(usable_cores()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {name: text for name, text in found.items() if text}


def usable_cores() -> int:
    """Cores this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):  # not on every system
        return ""


def table(machine: Mapping[str, str], figures: Sequence[Figure], notes: Sequence[str] = ()) -> str:
    """The figures as Markdown, to be pasted into an issue."""
    rows = [f"| {f.name} | {_number(f.value)} {f.unit} |" for f in figures]
    return headed(machine, "\n".join(["| what | figure |", "|---|---|", *rows]), notes)


def headed(machine: Mapping[str, str], table: str, notes: Sequence[str]) -> str:
    """A table with the machine before it and notes behind it."""
    about = dict(machine)
    head = f"**{about.pop('processor')}**, {about.pop('cores')} cores"
    if "memory" in about:
        head += f", {about.pop('memory')}"
    rest = ", ".join(f"{name} {text}" for name, text in about.items())
    return "\n".join([head, "", rest, "", table, *_paragraphs(notes)])


def _number(value: float) -> str:
    """Three digits that count, as nobody measures more."""
    digits = max(0, 2 - int(np.floor(np.log10(value)))) if value > 0 else 0
    return f"{round(value, digits):,.{digits}f}" if value < 100 else f"{float(f'{value:.3g}'):,.0f}"


def _paragraphs(notes: Sequence[str]) -> list[str]:
    return [line for note in notes for line in ("", note)]


def measured(parts: Sequence[Part], budget: Budget, advance: Callable[[str], None]) -> list[Figure]:
    """Measures part after part.

    Args:
        parts: What to measure.
        budget: How thoroughly.
        advance: Hears the label of each part when it is done.
    """
    figures: list[Figure] = []
    for label, work in parts:
        figures += work(budget)
        advance(label)
    return figures
