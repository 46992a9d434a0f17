"""The bundle: one zip that holds a reader and everything a stranger must know about it.

docs/bundle.md is the description of the format; this file is its reader and its writer. A
`Bundle` cannot be made without a `Parity`, and a `Parity` cannot be made of a graph that answers
differently from its network: so none is ever written that did not pass the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from indicdigits.errors import ParityError
from indicdigits.runtime.acceptance import Acceptance
from indicdigits.runtime.archive import read_file, write_file
from indicdigits.runtime.container import seal, sha256, text_of, unseal
from indicdigits.runtime.fields import Table
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.parity import Parity

FORMAT = "indicdigits-bundle"
SCHEMA = 1
SUFFIX = ".indicdigits"
CARD, GOLDEN = "card.md", "golden.npz"
GRAPHS = {"onnx": "model.onnx"}
# Bytes that each member may have.
LIMITS = {CARD: 1 << 20, GOLDEN: 16 << 20, GRAPHS["onnx"]: 256 << 20}


@dataclass(frozen=True, kw_only=True)
class ClassLabel:
    """One class: the text it is written as, and its value or none."""

    text: str
    value: int | None = None


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A reader as plain data.

    Attributes:
        name: Its name, such as "devanagari".
        script: The script it reads.
        classes: The classes in the order of the graph's outputs.
        input_size: Side S of the network's input in pixels.
        normalisation: `indicdigits.imaging.normalise.SPEC` of the time it was trained.
        graph: The ONNX graph: `image` float32 (N,S,S,1) in [0,1] -> `probabilities` (N,C).
        card: The card, Markdown.
        golden_npz: The golden vectors as they lie in the file; see `golden`.
        parity: The proof for `graph`.
        metrics: What it was measured at, with data set and seeds; empty when it was not.
        licence: Licence of the training data.
        recipe: `{"digest": …, "resolved": {…}}`.
        created_by: Name and version of the program that wrote it.
        acceptance: When the reader stands by an answer.

    Raises:
        ParityError: `parity` is the proof for another graph.
    """

    name: str
    script: str
    classes: tuple[ClassLabel, ...]
    input_size: int
    normalisation: Mapping[str, Any]
    graph: bytes = field(repr=False)
    card: str = field(repr=False)
    golden_npz: bytes = field(repr=False)
    parity: Parity
    metrics: Mapping[str, Any] = field(repr=False)
    licence: str
    recipe: Mapping[str, Any] = field(repr=False)
    created_by: str
    acceptance: Acceptance = field(default_factory=Acceptance)

    def __post_init__(self) -> None:
        if sha256(self.graph) != self.parity.graph_sha256:
            raise ParityError("the graph is not the one that was compared with the network")

    @cached_property
    def golden(self) -> Golden:
        """The golden vectors.

        Raises:
            VerificationError: They are not what they should be.
        """
        return Golden.from_bytes(
            self.golden_npz, size=self.input_size, classes=len(self.classes), where=self.name
        )


def to_bytes(bundle: Bundle) -> bytes:
    """The file of a bundle; equal bundles give equal bytes."""
    about = {
        "format": FORMAT,
        **describe(bundle),
        "graphs": GRAPHS,
        "parity": bundle.parity.table("onnx"),
    }
    members = {
        CARD: bundle.card.encode(),
        GOLDEN: bundle.golden_npz,
        GRAPHS["onnx"]: bundle.graph,
    }
    return seal(about, members)


def describe(bundle: Bundle) -> dict[str, Any]:
    """What a bundle says about its reader, as plain data: bundle.json without graphs and digests.

    Every other format carries the same table.
    """
    return {
        "schema": SCHEMA,
        "name": bundle.name,
        "script": bundle.script,
        "created_by": bundle.created_by,
        "classes": [{"text": entry.text, "value": entry.value} for entry in bundle.classes],
        "input": {
            "size": bundle.input_size,
            "polarity": "light-on-dark",
            "normalisation": dict(bundle.normalisation),
            "scaling": {"divide_by": 255},
        },
        **bundle.acceptance.tables(),
        "metrics": dict(bundle.metrics),
        "licence": bundle.licence,
        "recipe": dict(bundle.recipe),
    }


def write(bundle: Bundle, path: Path) -> None:
    """Writes the file of a bundle; `path` holds all of it or what it held before.

    Raises:
        StorageError: The disk refused.
    """
    write_file(path, to_bytes(bundle))


def read(path: Path) -> Bundle:
    """Reads and verifies a bundle.

    Raises:
        UsageError: There is no such file.
        StorageError: It cannot be read.
        VerificationError: It is not what it claims to be, or a newer version made it.
    """
    return from_bytes(read_file(path), where=path)


def from_bytes(data: bytes, *, where: object) -> Bundle:
    """Reads and verifies a bundle that is in memory; `where` names it in errors.

    Raises:
        VerificationError: It is not what it claims to be, or a newer version made it.
    """
    manifest, members = unseal(data, LIMITS, kind=FORMAT, schema=SCHEMA, where=where)
    card = text_of(members[CARD], CARD, where)
    graph = members[GRAPHS["onnx"]]
    return _bundle(manifest, graph=graph, card=card, golden_npz=members[GOLDEN])


def _bundle(manifest: Table, *, graph: bytes, card: str, golden_npz: bytes) -> Bundle:
    inputs = manifest.table("input")
    manifest.require("graphs", GRAPHS)
    inputs.require("polarity", "light-on-dark")
    inputs.require("scaling", {"divide_by": 255})
    classes = tuple(
        ClassLabel(text=entry.text("text"), value=entry.optional_whole("value"))
        for entry in manifest.tables("classes")
    )
    if len(classes) < 2 or len({entry.text for entry in classes}) < len(classes):
        raise manifest.wrong("classes", "two or more, of different texts")
    return Bundle(
        name=manifest.text("name"),
        script=manifest.text("script"),
        classes=classes,
        input_size=inputs.whole("size", 8, 1024),
        normalisation=inputs.table("normalisation").data,
        graph=graph,
        card=card,
        golden_npz=golden_npz,
        parity=Parity.of(manifest.table("parity"), sha256(graph)),
        metrics=manifest.table("metrics").data,
        licence=manifest.text("licence"),
        recipe=manifest.table("recipe").data,
        created_by=manifest.text("created_by"),
        acceptance=Acceptance.of(manifest),
    )
