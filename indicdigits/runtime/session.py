"""ONNX graphs under onnxruntime: opening, checking and running them on the CPU."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from indicdigits.errors import VerificationError
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.graph_file import check_self_contained

# An entry of a model's metadata (field 14) of 76 bytes: "sha256", and 64 hexadecimal digits.
_SEAL = b"\x72\x4a\x0a\x06sha256\x12\x40"
_SEALED = len(_SEAL) + 64


def open_session(graph: bytes, *, threads: int, where: object) -> onnxruntime.InferenceSession:
    """Makes an ONNX graph ready to run on the CPU.

    Raises:
        VerificationError: It is no graph that onnxruntime can run, or keeps numbers elsewhere.
    """
    check_self_contained(graph, where=where)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not its own format
    options.log_severity_level = 3  # errors only: a person can do nothing about its warnings
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base of their own
        raise VerificationError(
            f"the graph cannot be run: {str(error).strip()}", where=where
        ) from error


def run_graph(
    session: onnxruntime.InferenceSession, inputs: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Network inputs uint8 (N,S,S) -> the graph's probabilities float32 (N,C)."""
    outputs: Sequence[Any] = session.run(["probabilities"], {"image": scaled(inputs)})
    return np.asarray(outputs[0], np.float32)


def scaled(inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Network inputs uint8 (N,S,S) as a graph takes them: float32 (N,S,S,1) in [0, 1]."""
    return np.divide(inputs, np.float32(255), dtype=np.float32)[..., np.newaxis]


def check_graph(session: onnxruntime.InferenceSession, bundle: Bundle, *, where: object) -> None:
    """Compares a graph's input, output and metadata with what its bundle says.

    Raises:
        VerificationError: They differ.
    """
    size, count = bundle.input_size, len(bundle.classes)
    found = [(node.name, node.type, node.shape[1:]) for node in session.get_inputs()]
    found += [(node.name, node.type, node.shape[1:]) for node in session.get_outputs()]
    expected = [
        ("image", "tensor(float)", [size, size, 1]),
        ("probabilities", "tensor(float)", [count]),
    ]
    if found != expected:
        raise VerificationError(f"the graph has {found}, not {expected}", where=where)
    texts = session.get_modelmeta().custom_metadata_map.get("classes")
    if texts is not None and texts != class_metadata(bundle.classes):
        raise VerificationError("the graph was made for other classes", where=where)


def graph_metadata(graph: bytes, *, where: object) -> dict[str, Any]:
    """What a bare graph that was exported says in its own metadata, as a bundle would.

    Raises:
        VerificationError: It is no graph, or says nothing.
    """
    session = open_session(graph, threads=1, where=where)
    found = session.get_modelmeta().custom_metadata_map
    if not {"name", "script", "created_by", "licence", "classes", "input"} <= set(found):
        raise VerificationError(
            "does not say what it reads",
            where=where,
            allowed="a graph of indicdigits export --plain",
        )
    texts = {key: found[key] for key in ("name", "script", "created_by", "licence")}
    tables = {key: json.loads(text) for key, text in found.items() if text[:1] in "{[n"}
    return tables | texts | {"recipe": {"digest": found.get("recipe_digest")}}


def sealed(graph: bytes) -> bytes:
    """A graph with its own SHA-256 as its last metadata, so that a change of it can be told.

    A repeated field of protobuf may stand anywhere in a file: behind all others it can be cut off,
    and what is left is what was hashed.
    """
    return graph + _SEAL + hashlib.sha256(graph).hexdigest().encode()


def check_seal(graph: bytes, *, where: object) -> str | None:
    """The SHA-256 that a graph was sealed with, and still has; None of one that never was.

    Raises:
        VerificationError: It was changed afterwards.
    """
    content, seal = graph[:-_SEALED], graph[-_SEALED:]
    if seal.startswith(_SEAL):
        if seal == sealed(content)[-_SEALED:]:
            return seal[-64:].decode()
    elif _SEAL not in graph:
        return None
    raise VerificationError(
        "is not the graph that was written: its SHA-256 differs from the one in its metadata",
        where=where,
        hint="export it again: indicdigits export RUN --plain",
    )


def class_metadata(classes: Iterable[Any]) -> str:
    """Classes (with `text` and `value`) as the graph's own metadata hold them: JSON."""
    return json.dumps([{"text": c.text, "value": c.value} for c in classes], ensure_ascii=False)
