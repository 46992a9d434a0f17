"""The bundle: what is written, what is read back, and what is refused."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indicdigits.errors import ParityError, StorageError, UsageError, VerificationError
from indicdigits.runtime import archive, container
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime.acceptance import Acceptance, NotADigit, Point
from indicdigits.runtime.golden import Golden
from indicdigits.runtime.parity import Parity

MEMBERS = ("bundle.json", "card.md", "golden.npz", "model.onnx")


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_manifest(data: bytes, change: Any) -> bytes:
    """The bundle with a changed bundle.json whose digest is right again."""
    members = members_of(data)
    manifest = json.loads(members["bundle.json"])
    change(manifest)
    manifest["digest"] = container.digest_of(manifest)
    return zipped(members | {"bundle.json": json.dumps(manifest).encode()})


def refused(data: bytes) -> str:
    with pytest.raises(VerificationError) as caught:
        bundles.from_bytes(data, where="x.indicdigits")
    assert caught.value.exit_code == 6
    assert "x.indicdigits" in str(caught.value)
    return str(caught.value)


def test_round_trip(whole, bundle_file):
    """What is written is what is read."""
    assert bundles.read(bundle_file) == whole


def test_layout(whole):
    """The layout is fixed: four members, stored, and the reserved fields are there."""
    with zipfile.ZipFile(io.BytesIO(bundles.to_bytes(whole))) as file:
        assert tuple(file.namelist()) == MEMBERS
        assert {info.compress_type for info in file.infolist()} == {zipfile.ZIP_STORED}
        manifest = json.loads(file.read("bundle.json"))
    assert manifest["schema"] == 1
    assert manifest["graphs"] == {"onnx": "model.onnx"}
    assert manifest["calibration"] == {"temperature": None}
    assert manifest["reject"] == {"threshold": None}
    assert manifest["out_of_distribution"] is None
    assert manifest["classes"][7] == {"text": "७", "value": 7}
    assert set(manifest["members"]) == set(MEMBERS[1:])


CALIBRATED = Acceptance(
    temperature=0.8,
    fitted_on="2,500 training pictures",
    threshold=0.9,
    error_rate=0.001,
    points=(
        Point(error_rate=0.01, threshold=0.4, coverage=0.999),
        Point(error_rate=0.001, threshold=0.9, coverage=0.99),
    ),
    not_a_digit=NotADigit(threshold=0.3, digits_refused=0.005),
)


def test_acceptance(make):
    """Temperature, thresholds and what belongs to them are read as they were written."""
    bundle = make(acceptance=CALIBRATED)
    data = bundles.to_bytes(bundle)
    assert bundles.from_bytes(data, where="x") == bundle
    manifest = json.loads(members_of(data)["bundle.json"])
    assert manifest["calibration"]["temperature"] == 0.8
    assert manifest["reject"]["points"][0] == {
        "error_rate": 0.01,
        "threshold": 0.4,
        "coverage": 0.999,
    }
    assert manifest["out_of_distribution"]["class"] == "not a digit"


@pytest.mark.parametrize(
    ("table", "key", "value", "named"),
    [
        ("calibration", "temperature", -1.0, "calibration.temperature"),
        ("calibration", "fitted_on", 5, "calibration.fitted_on"),
        ("reject", "error_rate", 2.0, "reject.error_rate"),
        ("reject", "points", None, "reject.points"),
        ("reject", "points", [{"error_rate": 0.1}], "reject.points.0.threshold"),
        ("out_of_distribution", "threshold", None, "out_of_distribution.threshold"),
        ("out_of_distribution", "class", "letter", "out_of_distribution.class"),
    ],
)
def test_wrong_acceptance(make, table, key, value, named):
    """A field of temperature and thresholds that is not as it must be is named."""
    data = bundles.to_bytes(make(acceptance=CALIBRATED))
    message = refused(with_manifest(data, lambda m: m[table].update({key: value})))
    assert f"x.indicdigits, bundle.json: {named} is " in message


def test_same_bytes(whole):
    """Equal bundles give equal files."""
    assert bundles.to_bytes(whole) == bundles.to_bytes(whole)


def test_golden_round_trip(whole):
    """Golden vectors survive the file: pictures of several sizes, inputs, probabilities."""
    golden = whole.golden
    assert [p.shape for p in golden.pictures] == [(40, 40), (28, 28), (50, 50, 3), (9, 7)]
    assert golden.inputs.dtype == np.uint8
    assert golden.probabilities.dtype == np.float32
    with np.load(io.BytesIO(whole.golden_npz), allow_pickle=False) as plain:
        np.testing.assert_array_equal(plain["raw_2"], golden.pictures[2])


@pytest.mark.parametrize("name", MEMBERS)
def test_changed_member(whole, name):
    """A member that was changed and zipped again is refused."""
    members = members_of(bundles.to_bytes(whole))
    content = bytearray(members[name])
    at = content.index(b"cmaterdb") if name == "bundle.json" else len(content) // 2
    content[at] ^= 1
    message = refused(zipped(members | {name: bytes(content)}))
    assert name in message


@pytest.mark.parametrize("name", MEMBERS)
def test_missing_member(whole, name):
    """A bundle that lacks a member is refused, and the member named."""
    members = members_of(bundles.to_bytes(whole))
    del members[name]
    assert name in refused(zipped(members))


def test_flipped_bytes(whole):
    """A flipped byte anywhere is refused, or changes nothing of what is read."""
    data = bundles.to_bytes(whole)
    for at in range(0, len(data), 61):
        broken = bytearray(data)
        broken[at] ^= 0x55
        try:
            read = bundles.from_bytes(bytes(broken), where="x")
        except VerificationError:
            continue
        assert read == whole, at


def test_truncated(whole):
    """A file that was cut short is refused, wherever it was cut."""
    data = bundles.to_bytes(whole)
    for length in (0, 1, 30, len(data) // 2, len(data) - 30, len(data) - 1):
        assert "cut short" in refused(data[:length])


def test_not_a_zip():
    """Any other file is refused."""
    assert "no zip" in refused(b"\x89PNG\r\n" + bytes(1000))
    assert "bundle.json" in refused(zipped({"word/document.xml": b"<xml/>"}))


def test_newer_schema(whole):
    """A file of a newer schema says so, with the way out, even when its layout is unknown."""

    def newer(manifest):
        manifest.update(schema=2, created_by="indicdigits 9.0", graphs={"tflite": "a.tflite"})

    members = members_of(with_manifest(bundles.to_bytes(whole), newer))
    message = refused(zipped(members | {"a.tflite": b"x"}))
    assert "made by a newer version (indicdigits 9.0)" in message
    assert "upgrade" in message


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a/../../b", "C:\\x", "a\\b", "dir/", "./card.md"]
)
def test_unsafe_names(whole, name):
    """A name that leaves the archive is refused."""
    data = zipped(members_of(bundles.to_bytes(whole)) | {name: b"x"})
    assert "unsafe name" in refused(data)


def test_unknown_member(whole):
    """A member that nobody listed is refused."""
    data = zipped(members_of(bundles.to_bytes(whole)) | {"extra.bin": b"x"})
    assert "extra.bin" in refused(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(whole):
    """Two members of one name are refused: programs differ in which they take."""
    buffer = io.BytesIO(bundles.to_bytes(whole))
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("card.md", "another")
    assert "twice" in refused(buffer.getvalue())


def test_bomb_that_declares_its_size(whole):
    """A member that unpacks to more than its limit is refused unread."""
    data = zipped(
        members_of(bundles.to_bytes(whole)) | {"card.md": bytes(40 << 20)}, zipfile.ZIP_DEFLATED
    )
    assert len(data) < 1 << 20
    assert "too large" in refused(data)


def test_bomb_that_lies_about_its_size(whole):
    """A member is never unpacked beyond what its header declares."""
    content = bytes(40 << 20)
    data = zipped(members_of(bundles.to_bytes(whole)) | {"card.md": content}, zipfile.ZIP_DEFLATED)
    true, small = len(content).to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert data.count(true) >= 2  # local header and directory
    refused(data.replace(true, small))


def test_many_entries(whole):
    """A zip of thousands of members is refused."""
    extra = {f"{number}.txt": b"" for number in range(1000)}
    assert "1004 members" in refused(zipped(members_of(bundles.to_bytes(whole)) | extra))


def test_repacked(whole):
    """A bundle that someone unpacked and compressed again still reads."""
    data = zipped(members_of(bundles.to_bytes(whole)), zipfile.ZIP_DEFLATED)
    assert bundles.from_bytes(data, where="x") == whole


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", [{"text": "a", "value": 1}]),
        ("classes", [{"text": "a", "value": 1}, {"text": "a", "value": 2}]),
        ("classes", [{"text": "a", "value": "1"}, {"text": "b", "value": 2}]),
        ("classes", "0123456789"),
        ("schema", "1"),
        ("schema", True),
        ("calibration", {"temperature": 0}),
        ("calibration", {}),
        ("reject", {"threshold": 1.5}),
        ("reject", {"threshold": "high"}),
        ("out_of_distribution", {"method": "energy"}),
        ("input", {"size": 28}),
        ("licence", None),
        ("members", []),
        ("graphs", {"onnx": "../model.onnx"}),
        (
            "parity",
            {"pictures": 1, "batches": [1], "max_difference": 0.1, "differing_decisions": 0},
        ),
        ("metrics", None),
    ],
)
def test_wrong_fields(whole, key, value):
    """A field of another type or out of range is refused by name or by its own error."""
    refused_file = with_manifest(bundles.to_bytes(whole), lambda m: m.update({key: value}))
    with pytest.raises(VerificationError):
        bundles.from_bytes(refused_file, where="x")


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"{", b"[" * 100_000, b'{"format": "other"}', b"\xff"]
)
def test_broken_manifest(whole, text):
    """A bundle.json that is no JSON of ours is refused."""
    refused(zipped(members_of(bundles.to_bytes(whole)) | {"bundle.json": text}))


def test_golden_never_unpickles(whole):
    """Golden vectors with objects in them are refused, and nothing is unpickled."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([print], object), allow_pickle=True)
    parts = members_of(whole.golden_npz) | {"raw_0.npy": buffer.getvalue()}
    with pytest.raises(VerificationError, match="raw_0 is damaged"):
        Golden.from_bytes(archive.pack(parts), size=28, classes=10, where="x")


def test_golden_of_impossible_shape(whole):
    """A header that promises more than there is allocates nothing."""
    parts = members_of(whole.golden_npz)
    parts["raw_0.npy"] = parts["raw_0.npy"].replace(b"(40, 40), }        ", b"(40000000000, 40), }")
    with pytest.raises(VerificationError, match="raw_0 is damaged"):
        Golden.from_bytes(archive.pack(parts), size=28, classes=10, where="x")


def test_golden_bomb(whole):
    """Golden vectors that unpack to more than their file are refused."""
    data = zipped(
        {**members_of(whole.golden_npz), "raw_0.npy": bytes(1 << 24)}, zipfile.ZIP_DEFLATED
    )
    with pytest.raises(VerificationError, match="too large"):
        Golden.from_bytes(data, size=28, classes=10, where="x")


@pytest.mark.parametrize(
    "change", [{"max_difference": 2e-4}, {"max_difference": float("nan")},
               {"differing_decisions": 1}, {"pictures": 0}, {"batches": ()}]
)  # fmt: skip
def test_no_proof_of_a_failure(change):
    """There is no parity proof for a graph that answers differently, and none of nothing."""
    good = {"graph_sha256": "a", "pictures": 1, "batches": (1,), "max_difference": 0.0,
            "differing_decisions": 0}  # fmt: skip
    Parity(**good)
    with pytest.raises(ParityError) as caught:
        Parity(**good | change)
    assert caught.value.exit_code == 6


def test_no_bundle_without_proof(make, whole):
    """A bundle cannot be made with the proof for another graph."""
    with pytest.raises(ParityError):
        make(graph=whole.graph + b"\0")


def test_missing_file(tmp_path):
    """A path to nothing, or to a folder, is a usage error that names it."""
    for path in (tmp_path / "none.indicdigits", tmp_path):
        with pytest.raises(UsageError) as caught:
            bundles.read(path)
        assert str(path) in str(caught.value)


def test_full_disk(whole, bundle_file, monkeypatch):
    """On a full disk the file from before stays, nothing is left beside it, the error is typed."""
    before = bundle_file.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        bundles.write(whole, bundle_file)
    assert caught.value.exit_code == 4
    assert bundle_file.read_bytes() == before
    assert list(bundle_file.parent.iterdir()) == [bundle_file]


def test_folder_that_is_a_file(whole, tmp_path):
    """A place that cannot be written is a storage error."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        bundles.write(whole, tmp_path / "file" / "x.indicdigits")


def test_limits_cover_every_member():
    """Every member of the layout has a limit, below that of a whole file."""
    assert {*bundles.LIMITS, container.MANIFEST} == set(MEMBERS)
    assert sum(bundles.LIMITS.values()) < archive.MAX_FILE_BYTES
    assert isinstance(bundles.SUFFIX, str)
    assert Path("x").with_suffix(bundles.SUFFIX).suffix == ".indicdigits"
