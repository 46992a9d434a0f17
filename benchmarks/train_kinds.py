"""Trains the network that tells whole characters from parts and from several together.

    python benchmarks/train_kinds.py [--lines 1200] [--epochs 6]

Lines are composed of training digits that are not in the validation parts (`string_pools`), and of
digits that the project draws in the other scripts, cut as the reader cuts them; every run of
pieces is a picture. It is a character where nearly all of its ink is that character's and nearly
all of that character's ink is in it, and none where much is missing or too much; runs between are
left out. Writes indicdigits/reading/kinds.onnx.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import onnx
import optax
import string_pools
from flax import nnx
from jax2onnx import to_onnx

import indicdigits
from indicdigits.data.lines import number_of
from indicdigits.data.strings import Line, Style, compose
from indicdigits.models.kinds import KindNet
from indicdigits.reading.kinds import COLUMNS, KINDS, ROWS, windows
from indicdigits.reading.runs import Runs, runs_of
from indicdigits.reading.segment import Pieces, cut

PATH = Path(indicdigits.__file__).parent / "reading" / "kinds.onnx"
CHARACTER, NONE = 0.86, 0.72  # intersection over union with a character: from, and up to
JUNK = 3  # runs that are no character for one that is
BATCH, RATE = 256, 2e-3
Int = npt.NDArray[np.int32]


def labels(pieces: Pieces, line: Line, runs: Runs) -> Int:
    """int32 (E,), the kind of each run; -1 where it is between."""
    whose = line.owner
    if whose.shape != pieces.ink.shape:
        size = pieces.ink.shape[::-1]
        whose = cv2.resize(whose, size, interpolation=cv2.INTER_NEAREST)
    there = (whose >= 0) & (pieces.owner >= 0)
    count = len(line.text)
    pairs = pieces.owner[there] * count + whose[there]
    shared = np.bincount(pairs, minlength=len(pieces) * count).reshape(len(pieces), count)
    cumulated = np.concatenate([np.zeros((1, count), np.int64), shared.cumsum(axis=0)])
    inside = cumulated[runs.last] - cumulated[runs.first]
    whole = np.bincount(whose[whose >= 0], minlength=count)
    union = inside.sum(axis=1, keepdims=True) + whole - inside
    likeness = inside / np.maximum(union, 1)
    best = likeness.argmax(axis=1)
    kind = np.array([KINDS.index("digit" if s.isdigit() else s) for s in line.text])[best]
    most = likeness.max(axis=1)
    return np.where(most >= CHARACTER, kind, np.where(most <= NONE, 0, -1)).astype(np.int32)


def examples(lines: int) -> Iterator[tuple[npt.NDArray[np.uint8], Int]]:
    """Windows and kinds, line by line."""
    names = [*string_pools.SETS, *string_pools.DRAWN]
    for number, dataset in enumerate(names):
        pool = string_pools.pool_of(dataset, "learn")
        count = lines if dataset in string_pools.SETS else lines // 4
        rng = np.random.default_rng((3, number))
        for _ in range(count):
            kind = rng.choice(["apart", "touching", "overlapping", "mixed"], p=[0.2, 0.4, 0.1, 0.3])
            style = Style(spacing=kind, pen_change=0.1)
            line = compose(number_of(rng, longest=8, marked=0.5), pool, rng, style)
            pieces = cut(line.ink)
            if pieces is None:
                continue
            runs = runs_of(pieces)
            kinds = labels(pieces, line, runs)
            characters = np.flatnonzero(kinds > 0)
            none = np.flatnonzero(kinds == 0)
            few = rng.permutation(none)[: JUNK * max(len(characters), 1)]
            chosen = np.concatenate([characters, few])
            yield windows(pieces, Runs(*(part[chosen] for part in runs))), kinds[chosen]
        print(dataset, flush=True)


def train(seen: npt.NDArray[np.uint8], kinds: Int, epochs: int) -> KindNet:
    """Adam with a cosine; a twentieth is held out to look at."""
    network = KindNet(kinds=len(KINDS), rows=ROWS, columns=COLUMNS, rngs=nnx.Rngs(0))
    graph, params = nnx.split(network)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(seen))
    held, order = order[: len(order) // 20], order[len(order) // 20 :]
    steps = epochs * (len(order) // BATCH)
    optimiser = optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=1e-3)
    state = optimiser.init(params)

    def loss(params: Any, pictures: Any, wanted: Any) -> Any:
        logits = nnx.merge(graph, params)(pictures.astype(jnp.float32) / 255)
        return optax.softmax_cross_entropy_with_integer_labels(logits, wanted).mean()

    @jax.jit
    def step(params: Any, state: Any, pictures: Any, wanted: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(params, pictures, wanted)
        updates, state = optimiser.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    @jax.jit
    def predict(params: Any, pictures: Any) -> Any:
        return nnx.merge(graph, params)(pictures.astype(jnp.float32) / 255)

    for epoch in range(epochs):
        started, total = time.monotonic(), 0.0
        order = rng.permutation(order)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            params, state, value = step(params, state, seen[rows], kinds[rows])
            total += float(value)
        found = np.asarray(predict(params, seen[held])).argmax(axis=1)
        print(
            f"epoch {epoch}: loss {total / (len(order) // BATCH):.4f}, held out "
            f"{100 * (found == kinds[held]).mean():.2f} % right, "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
    return nnx.merge(graph, params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1200, help="of each data set")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()
    pairs = list(examples(arguments.lines))
    seen, kinds = np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
    counts = dict(zip(KINDS, np.bincount(kinds, minlength=len(KINDS)).tolist(), strict=True))
    print(f"{len(seen):,} runs in {time.monotonic() - started:.0f} s: {counts}", flush=True)
    network = train(seen, kinds, arguments.epochs)
    graph: Any = to_onnx(
        lambda window: jax.nn.softmax(network(window), axis=-1),
        inputs=[("N", ROWS, COLUMNS, 2)],
        model_name="kinds",
        opset=17,
        input_names=["window"],
        output_names=["probabilities"],
    )
    del graph.graph.value_info[:]
    onnx.checker.check_model(graph, full_check=True)
    PATH.write_bytes(graph.SerializeToString(deterministic=True))
    print(f"{PATH}: {PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
