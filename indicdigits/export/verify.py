"""The parity gate: does what was exported answer like the network it was made from?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.data.parts import Split
from indicdigits.errors import ParityError
from indicdigits.evaluation.picture_set import identify
from indicdigits.runtime.parity import TOLERANCE, Change, Loss, Parity
from indicdigits.runtime.session import open_session, run_graph

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]
# The network, and every file that was made of it: uint8 (N,S,S), light ink on black -> (N,C).
Predict = Callable[[Pixels], Probabilities]

SMALL_BATCHES = (1, 2, 7)
# A larger set goes through in parts of this many, so that memory stays bounded.
WHOLE = 1024
PROBES_OF_A_KIND = 16


def onnx_run(graph: bytes) -> Predict:
    """What runs an ONNX graph whose input is that of a bundle.

    Raises:
        VerificationError: onnxruntime cannot run it.
    """
    session = open_session(graph, threads=1, where="the exported graph")
    return lambda inputs: run_graph(session, inputs)


def compare(run: Predict, predict: Predict, images: Pixels, *, digest: str) -> Parity:
    """Compares what was exported with its network, on a test set and on pictures unlike any in it.

    Args:
        run: Runs what was exported.
        predict: The network.
        images: The whole test set, uint8 (N,S,S).
        digest: SHA-256 of the graph that `run` runs.

    Returns:
        The proof that they agree at every batch size.

    Raises:
        ParityError: They do not: a probability differs by more than 1e-4, or a decision at all.
    """
    inputs = np.concatenate([images, probes(images)])
    batches, difference, differing = _in_batches(run, inputs, predict(inputs))
    return Parity(
        graph_sha256=digest,
        pictures=len(inputs),
        batches=batches,
        max_difference=difference,
        differing_decisions=int(np.count_nonzero(differing)),
    )


def compare_int8(
    run: Predict, predict: Predict, test: Split, texts: Sequence[str], *, digest: str
) -> Parity:
    """The same for a graph that computes in eight bits, which may differ, and says where.

    Args:
        run: Runs what was exported.
        predict: The network, in floats.
        test: The whole test set.
        texts: How each class is written.
        digest: SHA-256 of the graph that `run` runs.

    Returns:
        The proof that accuracy stays, with every test picture that is read differently.

    Raises:
        ParityError: More than 0.1 points of the accuracy are lost, or the answers depend on the
            size of the batch.
    """
    inputs = np.concatenate([test.images, probes(test.images)])
    expected = np.asarray(predict(inputs), np.float32)
    found = _answers(run, inputs, WHOLE)
    batches, own, flips = _in_batches(run, inputs, found)
    if flips.any() or not own <= TOLERANCE:
        raise ParityError(
            f"{np.count_nonzero(flips)} pictures are decided differently in batches of another "
            f"size, probabilities differ by up to {own:.2g}",
            allowed=f"the same answers in batches of {', '.join(map(str, batches))}",
            hint="nothing was written; please report it with the run's recipe.toml",
        )
    before, after = expected.argmax(axis=1), found.argmax(axis=1)
    return Parity(
        graph_sha256=digest,
        pictures=len(inputs),
        batches=batches,
        max_difference=_largest(found, expected),
        differing_decisions=int(np.count_nonzero(before != after)),
        int8=_loss(before[: len(test)], after[: len(test)], test, texts),
    )


def probes(images: Pixels) -> Pixels:
    """Blank, full, inverted and noise pictures of the size of `images` (N,S,S), uint8."""
    size = images.shape[1]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (PROBES_OF_A_KIND, size, size), np.uint8)
    sparse = np.where(rng.random(noise.shape) < 0.1, noise, 0).astype(np.uint8)
    plain = np.stack([np.full((size, size), level, np.uint8) for level in (0, 128, 255)])
    return np.concatenate([plain, 255 - images[:PROBES_OF_A_KIND], noise, sparse])


def _in_batches(
    run: Predict, inputs: Pixels, expected: Probabilities
) -> tuple[tuple[int, ...], float, npt.NDArray[np.bool_]]:
    """Batch sizes, the largest difference at any of them, and (N,) where a decision differs."""
    batches = (*SMALL_BATCHES, min(len(inputs), WHOLE))
    decisions = expected.argmax(axis=1)
    differences, differing = [], np.zeros(len(inputs), bool)
    for batch in batches:
        answers = _answers(run, inputs, batch)
        differences.append(_largest(answers, expected))
        differing |= answers.argmax(axis=1) != decisions
    return batches, float(np.max(differences)), differing  # NaN stays NaN, and is refused


def _answers(run: Predict, inputs: Pixels, batch: int) -> Probabilities:
    return np.concatenate([run(part) for part in _parts(inputs, batch)])


def _parts(inputs: Pixels, batch: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(inputs), batch):
        yield inputs[start : start + batch]


def _largest(answers: Probabilities, expected: Probabilities) -> float:
    if answers.shape != expected.shape:
        raise ParityError(
            f"the graph answers with {answers.shape}, the network with {expected.shape}"
        )
    return float(np.abs(answers - expected).max())


def _loss(
    before: npt.NDArray[np.intp], after: npt.NDArray[np.intp], test: Split, texts: Sequence[str]
) -> Loss:
    changed = np.flatnonzero(before != after)
    names = identify(test, "test")
    return Loss(
        pictures=len(test),
        errors=int(np.count_nonzero(before != test.labels)),
        int8_errors=int(np.count_nonzero(after != test.labels)),
        changed=tuple(
            Change(
                picture=names[index],
                truth=texts[test.labels[index]],
                before=texts[before[index]],
                after=texts[after[index]],
            )
            for index in changed.tolist()
        ),
    )
