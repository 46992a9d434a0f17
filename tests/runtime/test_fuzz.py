"""Hostile bundles: whatever the bytes, an error of ours or a bundle, and nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from indicdigits.errors import IndicDigitsError, VerificationError
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.archive import pack
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.container import sha256
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.graph_file import check_self_contained
from indicdigits.runtime.reader import Reader

# The same examples every time: a failure here is a failure everywhere.
fuzz = settings(max_examples=150, derandomize=True, deadline=None)
few = settings(fuzz, max_examples=50)  # where each example opens a reader
Edit = tuple[float, int, bytes]  # where, how many bytes are taken out, what comes in
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=4
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
jsons = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def edited(data: bytes, changes: list[Edit]) -> bytes:
    """The bytes with pieces cut out and others put in."""
    for where, length, piece in changes:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + length :]
    return data


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def sealed(members: dict[str, bytes], manifest: dict[str, Any]) -> bytes:
    """A bundle of these members whose digests are all right."""
    manifest = manifest | {
        "members": {
            name: {"sha256": sha256(content), "bytes": len(content)}
            for name, content in members.items()
            if name != "bundle.json"
        }
    }
    manifest.pop("digest", None)
    text = json.dumps(manifest, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    manifest["digest"] = sha256(text.encode())  # as docs/bundle.md has it
    return pack(members | {"bundle.json": json.dumps(manifest).encode()})


def opened(data: bytes) -> Reader | None:
    """A reader of these bytes that also replays, or None where they are refused."""
    try:
        reader = Reader(bundles.from_bytes(data, where="x"))
        reader.check_golden()
    except IndicDigitsError:
        return None
    return reader


@fuzz
@given(changes=edits)
def test_altered_file(whole: Bundle, changes: list[Edit]) -> None:
    """A file that was altered anywhere is refused, or holds what it held."""
    data = edited(bundles.to_bytes(whole), changes)
    try:
        found = bundles.from_bytes(data, where="x")
    except VerificationError:
        return
    assert found == whole


@few
@given(data=st.data(), value=jsons)
def test_altered_manifest(whole: Bundle, data: st.DataObject, value: Any) -> None:
    """A bundle.json with anything in any place, and right digests, opens or is refused."""
    members = members_of(bundles.to_bytes(whole))
    manifest = json.loads(members["bundle.json"])
    place = manifest
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not (isinstance(place[key], dict) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = value
    opened(sealed(members, manifest))


@few
@given(name=st.sampled_from(["golden.npz", "card.md", "model.onnx"]), changes=edits)
def test_altered_members(whole: Bundle, name: str, changes: list[Edit]) -> None:
    """Members that were altered, and right digests, are read or refused."""
    members = members_of(bundles.to_bytes(whole))
    manifest = json.loads(members["bundle.json"])
    opened(sealed(members | {name: edited(members[name], changes)}, manifest))


@fuzz
@given(name=st.sampled_from(["raw_0.npy", "inputs.npy", "probabilities.npy"]), changes=edits)
def test_altered_golden(whole: Bundle, name: str, changes: list[Edit]) -> None:
    """Arrays that were altered inside a whole golden.npz are read or refused."""
    arrays = members_of(whole.golden_npz)
    data = pack(arrays | {name: edited(arrays[name], changes)})
    try:
        golden = Golden.from_bytes(data, size=28, classes=10, where="x")
    except VerificationError:
        return
    assert golden.inputs.shape == (len(golden.pictures), 28, 28)


@fuzz
@given(content=st.binary(max_size=300))
def test_any_bytes_as_graph(content: bytes) -> None:
    """Any bytes are looked through or refused as a graph."""
    with suppress(VerificationError):
        assert check_self_contained(content, where="x") is None


Change = Callable[[onnx.ModelProto], Any]


def with_graph(whole: Bundle, change: Change) -> Bundle:
    """A bundle with a changed graph, proof and all."""
    model = onnx.load_from_string(whole.graph)
    change(model)
    graph = model.SerializeToString()
    return replace(whole, graph=graph, parity=replace(whole.parity, graph_sha256=sha256(graph)))


def outside(tensor: TensorProto) -> None:
    """Lets a tensor lie in another file, as ONNX has it."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../weights.bin"), ("offset", "0")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def outside_in_branch(model: onnx.ModelProto) -> None:
    """Hides such a tensor in the branch of an `If`."""
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    outside(tensor)
    value = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1])
    branch = helper.make_graph([], "branch", [], [value], [tensor])
    model.graph.node.append(
        helper.make_node("If", ["yes"], ["odd"], then_branch=branch, else_branch=branch)
    )


def outside_in_constant(model: onnx.ModelProto) -> None:
    """Hides such a tensor in a constant."""
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    outside(tensor)
    model.graph.node.append(helper.make_node("Constant", [], ["odd"], value=tensor))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda model: outside(model.graph.initializer[0]), id="weights"),
        pytest.param(outside_in_branch, id="branch"),
        pytest.param(outside_in_constant, id="constant"),
    ],
)
def test_external_tensors(
    whole: Bundle, change: Change, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph whose numbers lie in another file is refused, though that file is there."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 784 * 10))
    monkeypatch.chdir(tmp_path / "inside")
    with pytest.raises(VerificationError, match="keeps numbers in another file"):
        Reader(with_graph(whole, change))


def renamed(model: onnx.ModelProto) -> None:
    """Another name for the input."""
    model.graph.input[0].name = model.graph.node[0].input[0] = "picture"


def second_input(model: onnx.ModelProto) -> None:
    """One more input."""
    value = helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", 28, 28, 1])
    model.graph.input.append(value)


def bytes_input(model: onnx.ModelProto) -> None:
    """Pictures of bytes."""
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    model.graph.node.insert(0, helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT))
    model.graph.node[1].input[0] = "cast"


def logits(model: onnx.ModelProto) -> None:
    """Another output."""
    model.graph.output[0].name = "logits"


@pytest.mark.parametrize("change", [renamed, second_input, bytes_input, logits])
def test_other_inputs(whole: Bundle, change: Change) -> None:
    """A graph with other inputs or outputs than a bundle's is refused, and they are named."""
    with pytest.raises(VerificationError, match=r"the graph has \[\('"):
        Reader(with_graph(whole, change))


def test_oversize_graph(whole: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph above its limit is refused unread, and so is one of too many parts."""
    monkeypatch.setitem(bundles.LIMITS, "model.onnx", len(whole.graph) - 1)
    with pytest.raises(VerificationError, match=r"model\.onnx that is too large"):
        bundles.from_bytes(bundles.to_bytes(whole), where="x")
    with pytest.raises(VerificationError, match="too many parts"):
        check_self_contained(b"\x3a\x00" * 100_000, where="x")


def test_graph_cut_short(whole: Bundle) -> None:
    """A graph that was cut short anywhere is refused."""
    for length in np.linspace(1, len(whole.graph) - 1, 20).astype(int):
        graph = whole.graph[:length]
        parity = replace(whole.parity, graph_sha256=sha256(graph))
        with pytest.raises(VerificationError):
            Reader(replace(whole, graph=graph, parity=parity))
