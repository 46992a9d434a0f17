"""The parity gate: does a graph answer like the network it was made from?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from indicdigits.errors import ParityError
from indicdigits.runtime.bundle import sha256
from indicdigits.runtime.parity import Parity
from indicdigits.runtime.session import open_session, run_graph

Pixels = npt.NDArray[np.uint8]
Predict = Callable[[Pixels], npt.NDArray[np.float32]]

SMALL_BATCHES = (1, 2, 7)
# A larger set goes through in parts of this many, so that memory stays bounded.
WHOLE = 1024
PROBES_OF_A_KIND = 16


def compare(graph: bytes, predict: Predict, images: Pixels) -> Parity:
    """Compares a graph with its network on a test set and on pictures unlike any in it.

    Args:
        graph: The ONNX graph.
        predict: The network: uint8 (N,S,S), light ink on black -> probabilities (N,C).
        images: The whole test set, uint8 (N,S,S).

    Returns:
        The proof that they agree at every batch size.

    Raises:
        ParityError: They do not: a probability differs by more than 1e-4, or a decision at all.
        VerificationError: The graph cannot be run.
    """
    inputs = np.concatenate([images, probes(images)])
    expected = np.asarray(predict(inputs), np.float32)
    decisions = expected.argmax(axis=1)
    session = open_session(graph, threads=1, where="the exported graph")
    batches = (*SMALL_BATCHES, min(len(inputs), WHOLE))
    differences, differing = [], np.zeros(len(inputs), bool)
    for batch in batches:
        answers = np.concatenate([run_graph(session, part) for part in _parts(inputs, batch)])
        if answers.shape != expected.shape:
            raise ParityError(
                f"the graph answers with {answers.shape}, the network with {expected.shape}"
            )
        differences.append(np.abs(answers - expected).max())
        differing |= answers.argmax(axis=1) != decisions
    return Parity(
        graph_sha256=sha256(graph),
        pictures=len(inputs),
        batches=batches,
        max_difference=float(np.max(differences)),  # NaN stays NaN, and is refused
        differing_decisions=int(np.count_nonzero(differing)),
    )


def probes(images: Pixels) -> Pixels:
    """Blank, full, inverted and noise pictures of the size of `images` (N,S,S), uint8."""
    size = images.shape[1]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (PROBES_OF_A_KIND, size, size), np.uint8)
    sparse = np.where(rng.random(noise.shape) < 0.1, noise, 0).astype(np.uint8)
    plain = np.stack([np.full((size, size), level, np.uint8) for level in (0, 128, 255)])
    return np.concatenate([plain, 255 - images[:PROBES_OF_A_KIND], noise, sparse])


def _parts(inputs: Pixels, batch: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(inputs), batch):
        yield inputs[start : start + batch]
