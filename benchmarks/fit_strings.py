"""Fits the weights of the lattice on strings of training digits.

    python benchmarks/fit_strings.py [--lines 150]

The digits are the validation parts of the training splits (`string_pools`): the shipped readers
were not trained on them, and nothing is read of the test splits. What is maximised is the
conditional likelihood of each line's text, over all ways of cutting it (a semi-Markov random field
with hidden segmentation), by L-BFGS. Then the threshold is chosen on other strings of these digits,
six apart: the smallest with which 0.3 % of all are accepted and wrong. Writes
indicdigits/reading/weights.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import string_pools
from scipy.optimize import minimize

import indicdigits
from indicdigits.data.lines import number_of
from indicdigits.data.strings import Style, compose
from indicdigits.reading import edges as features
from indicdigits.reading.automaton import literally
from indicdigits.reading.digits import DigitsReader
from indicdigits.reading.kinds import MARKS
from indicdigits.reading.lattice import Decoder, Lattice
from indicdigits.reading.patterns import pattern
from indicdigits.reading.strings import LineReader

PATH = Path(indicdigits.__file__).parent / "reading" / "weights.json"
WRONG = 0.003  # of all strings may be wrong and accepted
LEAST_THRESHOLD = 0.5
DECAY = 0.02  # of the squared weights, for each line
NUMBER = pattern("number")
Float = npt.NDArray[np.float64]


class Example(NamedTuple):
    """A line's lattice without weights, and what it says."""

    size: int
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    terms: Float
    labels: Float
    marks: Float
    whole: npt.NDArray[np.bool_]
    text: list[int]
    symbols: str


def examples(lines: int) -> list[Example]:
    """Lines of every set, composed and looked at."""
    result = []
    for number, (dataset, script) in enumerate(string_pools.SETS.items()):
        reader = DigitsReader(indicdigits.load(script))
        pool = string_pools.pool_of(dataset, "fit")
        rng = np.random.default_rng((7, number))
        for spacing in ("apart", "touching", "overlapping", "mixed"):
            for _ in range(lines // 4):
                line = compose(
                    number_of(rng, longest=10, marked=0.5),
                    pool,
                    rng,
                    Style(spacing=spacing),
                )
                seen = reader.look(line.ink)
                if seen is None:
                    continue
                result.append(
                    Example(
                        len(seen.pieces),
                        seen.edges.first,
                        seen.edges.last,
                        features.digit_terms(seen.edges, seen.answers),
                        seen.answers.labels,
                        features.mark_terms(seen.edges),
                        seen.edges.whole,
                        [reader.ascii.index(symbol) for symbol in line.text],
                        reader.symbols,
                    )
                )
        print(dataset, len(result), flush=True)
    return result


def unpacked(vector: Float) -> features.Weights:
    digits = 1 + len(features.DIGIT_TERMS)
    marks = vector[digits:].reshape(len(MARKS), -1)
    return features.Weights(float(vector[0]), vector[1:digits], marks, 1.0)


def packed(weights: features.Weights) -> Float:
    return np.concatenate([[weights.label], weights.digit, weights.marks.ravel()])


def loss(vector: Float, batch: list[Example]) -> tuple[float, Float]:
    """Mean negative log likelihood and its gradient; lines out of reach are left out."""
    weights, value, gradient, used = unpacked(vector), 0.0, np.zeros_like(vector), 0
    for one in batch:
        count = one.labels.shape[1]
        digits = (one.terms @ weights.digit)[:, None] + weights.label * one.labels
        marks = np.einsum("emu,mu->em", one.marks, weights.marks)
        marks = np.where(one.whole[:, None], marks, -np.inf)
        lattice = Lattice(
            size=one.size,
            first=one.first,
            last=one.last,
            scores=np.concatenate([digits, marks], axis=1),
        )
        right = Decoder(lattice, literally(one.text, one.symbols)).sums()
        if right.total == -np.inf:
            continue
        every = Decoder(lattice, NUMBER.over(one.symbols)).sums()
        used += 1
        value += every.total - right.total
        off = every.posterior - right.posterior
        of_digits, of_marks, terms = off[:, :count], off[:, count:], one.terms.shape[1]
        gradient[0] += (of_digits * one.labels).sum()
        gradient[1 : 1 + terms] += of_digits.sum(axis=1) @ one.terms
        gradient[1 + terms :] += np.einsum("em,emu->mu", of_marks, one.marks).ravel()
    value = value / used + DECAY / 2 * float(vector @ vector) / 100
    return value, gradient / used + DECAY * vector / 100


def threshold(weights: features.Weights, lines: int) -> float:
    """The smallest probability that keeps wrong and accepted strings rare."""
    pairs = []
    for number, (dataset, script) in enumerate(string_pools.SETS.items()):
        reader = LineReader(indicdigits.load(script), weights=weights, sequence=None)
        pool = string_pools.pool_of(dataset, "fit")
        rng = np.random.default_rng((8, number))
        for _ in range(lines):
            text = "".join(map(str, rng.integers(0, 10, 6)))
            found = reader(compose(text, pool, rng, Style(spacing="apart")).ink)
            pairs.append((found.probability, found.ascii == text))
    sure = np.array([p for p, right in pairs if not right] + [LEAST_THRESHOLD])
    allowed = int(WRONG * len(pairs))
    chosen = float(np.sort(sure)[::-1][min(allowed, len(sure) - 1)])
    print(f"{len(sure) - 1} of {len(pairs)} wrong; threshold {chosen:.4f}", flush=True)
    return max(chosen, LEAST_THRESHOLD)


def named(terms: tuple[str, ...], weights: Float) -> dict[str, float]:
    return {t: round(float(w), 4) for t, w in zip(terms, weights, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=150, help="of each data set")
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()
    batch = examples(arguments.lines)
    print(f"{len(batch)} lines looked at in {time.monotonic() - started:.0f} s", flush=True)

    def show(vector: Float) -> None:
        print(f"{loss(vector, batch)[0]:.4f} after {time.monotonic() - started:.0f} s", flush=True)

    start = packed(features.shipped_weights())
    result = minimize(
        loss,
        start,
        args=(batch,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": arguments.steps},
    )
    show(result.x)
    weights = unpacked(result.x)
    content = {
        "about": f"fitted by benchmarks/fit_strings.py on {len(batch)} strings of training digits",
        "threshold": math.ceil(1e4 * threshold(weights, arguments.lines)) / 1e4,
        "label": round(weights.label, 4),
        "digit": named(features.DIGIT_TERMS, weights.digit),
        "marks": {
            mark: named(features.MARK_TERMS, row)
            for mark, row in zip(MARKS, weights.marks, strict=True)
        },
    }
    PATH.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
