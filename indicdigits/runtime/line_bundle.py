"""The bundle of a sequence reader: one zip that reads whole lines, beside a reader of digits.

It is sealed like a reader's bundle (`container`), and docs/strings.md says what its table holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from indicdigits.errors import ParityError, VerificationError
from indicdigits.imaging.strip import DIGIT, ROWS, STEP, strip_of
from indicdigits.runtime.archive import read_file, write_file
from indicdigits.runtime.bundle import CARD, GOLDEN
from indicdigits.runtime.container import seal, sha256, text_of, unseal
from indicdigits.runtime.fields import Table
from indicdigits.runtime.golden import arrays_of, pack_arrays
from indicdigits.runtime.parity import Parity
from indicdigits.runtime.session import open_session, scaled

FORMAT = "indicdigits-lines"
SCHEMA = 1
GRAPH = "lines.onnx"
LIMITS = {CARD: 1 << 20, GOLDEN: 16 << 20, GRAPH: 64 << 20}  # bytes
INPUT = {"rows": ROWS, "digit_height": DIGIT, "columns_multiple_of": STEP, "divide_by": 255}
# A golden line is resampled, and versions of OpenCV round differently.
GOLDEN_TOLERANCE = 0.1
_MOST_GOLDEN = 32


@dataclass(frozen=True, kw_only=True)
class LineSymbol:
    """A character that the reader tells apart.

    Attributes:
        text: As it is written, such as "५".
        ascii: The same for machines, "5".
    """

    text: str
    ascii: str


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """How the two ways to read a line are joined: by the weights of their logarithms.

    Attributes:
        choice: Part of the lattice, the rest being the sequence reader's, in which string it is.
        lattice: Weight of the lattice over single digits in how sure that is.
        sequence: Weight of the sequence reader in how sure that is.
        threshold: Probability from which a line is accepted.
    """

    choice: float
    lattice: float
    sequence: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Who is trusted how far; fitted on training digits.

    Attributes:
        apart: Where all characters stand apart, or seem to.
        touching: Where the lattice had to cut ink, or the two see different numbers of characters.
        reader: Name of the reader of digits that it was fitted with.
    """

    apart: Pooled
    touching: Pooled
    reader: str


@dataclass(frozen=True, kw_only=True)
class LineBundle:
    """A sequence reader as plain data.

    Attributes:
        name: Its name, such as "devanagari".
        script: The script it reads.
        symbols: Its characters in the order of the graph's outputs, after the blank.
        graph: `strip` float32 (N,ROWS,W,1) in [0,1], W a multiple of 4 -> `probabilities`
            (N,W/2,1 + C), the blank first.
        card: The card, Markdown.
        golden_npz: Lines, and what the graph answers of each.
        parity: The proof for `graph`.
        mixture: How it is joined with the lattice.
        metrics: What it was measured at.
        licence: Licence of the training data.
        recipe: `{"digest": …, "settings": {…}}`.
        created_by: Name and version of the program that wrote it.

    Raises:
        ParityError: `parity` is the proof for another graph.
    """

    name: str
    script: str
    symbols: tuple[LineSymbol, ...]
    graph: bytes = field(repr=False)
    card: str = field(repr=False)
    golden_npz: bytes = field(repr=False)
    parity: Parity
    mixture: Mixture
    metrics: Mapping[str, Any] = field(repr=False)
    licence: str
    recipe: Mapping[str, Any] = field(repr=False)
    created_by: str

    def __post_init__(self) -> None:
        if sha256(self.graph) != self.parity.graph_sha256:
            raise ParityError("the graph is not the one that was compared with the network")


def session_of(graph: bytes, *, where: object = GRAPH) -> onnxruntime.InferenceSession:
    """Opens the graph of a sequence reader.

    Raises:
        VerificationError: It cannot be run, or is another graph.
    """
    session = open_session(graph, threads=1, where=where)
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    ends = (given.name, given.shape[1], given.shape[3], found.name)
    expected = ("strip", ROWS, 1, "probabilities")
    if ends != expected:
        raise VerificationError(f"the graph has {ends}, not {expected}", where=where)
    return session


def answer(
    session: onnxruntime.InferenceSession, strips: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Strips uint8 (N,ROWS,W) -> probabilities float32 (N,W/2,1 + C)."""
    (found,) = session.run(["probabilities"], {"strip": scaled(strips)})
    return np.asarray(found, np.float32)


def describe(bundle: LineBundle) -> dict[str, Any]:
    """What a bundle says about itself, as plain data."""
    return {
        "schema": SCHEMA,
        "name": bundle.name,
        "script": bundle.script,
        "created_by": bundle.created_by,
        "symbols": [asdict(symbol) for symbol in bundle.symbols],
        "input": INPUT,
        "mixture": asdict(bundle.mixture),
        "metrics": dict(bundle.metrics),
        "licence": bundle.licence,
        "recipe": dict(bundle.recipe),
        "parity": bundle.parity.table("onnx"),
    }


def to_bytes(bundle: LineBundle) -> bytes:
    """The file of a bundle; equal bundles give equal bytes."""
    about = {"format": FORMAT, **describe(bundle)}
    members = {CARD: bundle.card.encode(), GOLDEN: bundle.golden_npz, GRAPH: bundle.graph}
    return seal(about, members)


def write(bundle: LineBundle, path: Path) -> None:
    """Writes the file of a bundle; `path` holds all of it or what it held before.

    Raises:
        StorageError: The disk refused.
        VerificationError: Its golden lines are not answered as they were.
    """
    data = to_bytes(bundle)
    check_golden(from_bytes(data, where=path), where=path)
    write_file(path, data)


def read(path: Path) -> LineBundle:
    """Reads and verifies a bundle.

    Raises:
        UsageError: There is no such file.
        StorageError: It cannot be read.
        VerificationError: It is not what it claims to be, or a newer version made it.
    """
    return from_bytes(read_file(path), where=path)


def from_bytes(data: bytes, *, where: object) -> LineBundle:
    """Reads and verifies a bundle that is in memory; `where` names it in errors.

    Raises:
        VerificationError: It is not what it claims to be, or a newer version made it.
    """
    try:
        table, members = unseal(data, LIMITS, kind=FORMAT, schema=SCHEMA, where=where)
    except VerificationError as error:
        raise VerificationError(
            error.message,
            where=error.where,
            allowed=error.allowed if error.allowed != FORMAT else "the file of a reader of lines",
            hint="fetch the file again, or make one: indicdigits lines --script NAME",
        ) from error
    table.require("input", INPUT)
    symbols = tuple(
        LineSymbol(text=entry.text("text"), ascii=entry.text("ascii"))
        for entry in table.tables("symbols")
    )
    if not symbols or any(len(one.text) != 1 for one in symbols):
        raise table.wrong("symbols", "one character each")
    mixture = table.table("mixture")
    return LineBundle(
        name=table.text("name"),
        script=table.text("script"),
        symbols=symbols,
        graph=members[GRAPH],
        card=text_of(members[CARD], CARD, where),
        golden_npz=members[GOLDEN],
        parity=Parity.of(table.table("parity"), sha256(members[GRAPH])),
        mixture=Mixture(
            apart=_pooled(mixture.table("apart")),
            touching=_pooled(mixture.table("touching")),
            reader=mixture.text("reader"),
        ),
        metrics=table.table("metrics").data,
        licence=table.text("licence"),
        recipe=table.table("recipe").data,
        created_by=table.text("created_by"),
    )


def _pooled(table: Table) -> Pooled:
    return Pooled(
        choice=table.number("choice", 0.0, 1.0),
        lattice=table.number("lattice", 0.0, 100.0),
        sequence=table.number("sequence", 0.0, 100.0),
        threshold=table.number("threshold", 0.0, 1.0),
    )


def golden_of(lines: list[npt.NDArray[np.uint8]], graph: bytes) -> bytes:
    """Golden lines: `line_0` …, and what the graph answers, `probabilities_0` …."""
    session, arrays = session_of(graph), {}
    for number, line in enumerate(lines):
        strip = strip_of(line)
        assert strip is not None
        arrays[f"line_{number}"] = line
        arrays[f"probabilities_{number}"] = answer(session, strip.ink[np.newaxis])[0]
    return pack_arrays(arrays)


def check_golden(bundle: LineBundle, *, where: object) -> int:
    """Reads the golden lines of a bundle again.

    Returns:
        How many there are.

    Raises:
        VerificationError: One is answered differently here.
    """
    found = arrays_of(bundle.golden_npz, where=where)
    lines = [name for name in found if name.startswith("line_")]
    if not 1 <= len(lines) <= _MOST_GOLDEN or len(found) != 2 * len(lines):
        raise VerificationError("golden.npz does not hold lines and answers", where=where)
    session = session_of(bundle.graph, where=where)
    for number in range(len(lines)):
        line, expected = found[f"line_{number}"], found[f"probabilities_{number}"]
        strip = strip_of(line)
        ours = None if strip is None else answer(session, strip.ink[np.newaxis])[0]
        if ours is None or ours.shape != expected.shape:
            raise VerificationError(f"golden line {number} is cut otherwise here", where=where)
        off = float(np.abs(ours - expected).mean(axis=0).sum())
        if not off <= GOLDEN_TOLERANCE:
            raise VerificationError(
                f"golden line {number} is answered differently here, by {off:.2g} a place",
                where=where,
                hint="another version of onnxruntime or OpenCV may read it",
            )
    return len(lines)
