"""Formats: each made, opened again, compared, written whole or not at all, and self-describing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
import onnxruntime
import pytest

import indicdigits
from indicdigits.cli.app import main
from indicdigits.errors import ParityError, UsageError
from indicdigits.export import folder as folders
from indicdigits.export import formats, stablehlo, verify, writer
from indicdigits.export.formats import Wanted
from indicdigits.export.graphs import Ends
from indicdigits.export.source import Source, open_source
from indicdigits.progress import Reporter
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import container
from indicdigits.runtime.shipped import find

QUIET = Reporter(quiet=True)


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit code of a verb, and what it printed: the answer, or the error."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out or captured.err


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def broken(inputs: np.ndarray, right: Any) -> np.ndarray:
    return np.roll(right(inputs), 1, axis=1)


@pytest.fixture
def wrong(trained: Source) -> Source:
    """The same reader, beside a network that decides otherwise."""
    return replace(trained, predict=lambda inputs: broken(inputs, trained.predict))


@pytest.fixture
def triton(trained: Source, tmp_path: Path) -> Path:
    return writer.write(trained, Wanted(format="triton"), tmp_path / "served", QUIET).path


def test_a_bundle_in_eight_bits(
    trained: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: a bundle like any other, a third of the size, that says what eight bits cost."""
    made = writer.write(trained, Wanted(format="onnx-int8"), tmp_path / "a.indicdigits", QUIET)
    assert made.model < 40_000
    found = bundles.read(made.path)
    assert found.parity == made.parity
    assert found.parity.int8 is not None
    assert found.parity.int8.pictures == 200
    reader = indicdigits.load(made.path)
    assert reader.check_golden() == 0
    assert [r.value for r in reader.many(found.golden.pictures)][:11] == [
        r.value for r in indicdigits.load("tamil-nano").many(found.golden.pictures)
    ][:11]
    code, text = command(capsys, "verify", made.path, "--json")
    assert code == 0
    assert json.loads(text)["engines"][0]["difference"] < 1e-4
    assert "eight bits: " in command(capsys, "inspect", made.path)[1]
    assert "## Eight bits" in found.card


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_bare_graph(trained: Source, tmp_path: Path, layout: Any, channels: int) -> None:
    """Promise: one ONNX file, opset 17, stable names, everything a stranger must know inside."""
    wanted = Wanted(plain=True, ends=Ends(layout=layout, channels=channels))
    made = writer.write(trained, wanted, tmp_path / "a.onnx", QUIET)
    model = onnx.load(made.path)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 17)]
    session = onnxruntime.InferenceSession(made.path)
    (image,), (answer,) = session.get_inputs(), session.get_outputs()
    sides = [28, 28, channels] if layout == "NHWC" else [channels, 28, 28]
    assert (image.name, image.shape, answer.name) == ("image", ["N", *sides], "probabilities")
    said = session.get_modelmeta().custom_metadata_map
    assert [entry["value"] for entry in json.loads(said["classes"])] == list(range(10))
    given = json.loads(said["input"])
    assert (given["polarity"], given["scaling"]) == ("light-on-dark", {"divide_by": 255})
    assert (given["layout"], given["channels"]) == (layout, channels)
    assert given["normalisation"] == trained.bundle.normalisation
    assert said["licence"] == trained.bundle.licence


def test_inspecting_a_bare_graph(
    trained: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: a bare graph says what it reads; one from elsewhere is refused, and said why."""
    ours, theirs = tmp_path / "ours.onnx", tmp_path / "theirs.onnx"
    writer.write(trained, Wanted(plain=True, ends=Ends(channels=3)), ours, QUIET)
    code, text = command(capsys, "inspect", ours)
    assert code == 0
    assert "௦ ௧ ௨" in text
    assert "NHWC, channels: 3" in text
    theirs.write_bytes(trained.bundle.graph)
    code, text = command(capsys, "inspect", theirs)
    assert code == 6
    assert "does not say what it reads" in text
    assert command(capsys, "inspect", ours, "--card")[0] == 2
    assert command(capsys, "verify", theirs)[0] == 6


def test_an_altered_bare_graph(
    trained: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: a bare graph holds its own SHA-256, and one byte changed anywhere is told."""
    path = writer.write(trained, Wanted(plain=True), tmp_path / "a.onnx", QUIET).path
    whole = path.read_bytes()
    code, text = command(capsys, "verify", path)
    assert code == 0
    assert f"{trained.bundle.name}, whole: its SHA-256 is the one in its metadata" in text
    for at in (len(whole) // 2, len(whole) - 1, len(whole) - 75, len(whole) - 100):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert command(capsys, "verify", path)[0] == 6, at
    model = onnx.load_from_string(whole)
    model.metadata_props.add(key="note", value="retouched")
    path.write_bytes(model.SerializeToString())
    code, text = command(capsys, "verify", path)
    assert code == 6
    assert "is not the graph that was written" in text
    del model.metadata_props[-2:]  # one of an earlier version: nothing to go by
    path.write_bytes(model.SerializeToString())
    code, text = command(capsys, "verify", path)
    assert code == 2
    assert "holds neither its own SHA-256" in text


def test_bare_graphs_are_replaced_by_their_like(trained: Source, tmp_path: Path) -> None:
    """Promise: a graph that takes pictures otherwise, or another file, is not overwritten."""
    path = tmp_path / "a.onnx"
    last = Wanted(plain=True)
    writer.write(trained, last, path, QUIET)
    before = path.read_bytes()
    assert writer.write(trained, last, path, QUIET).path.read_bytes() == before
    for ends in (Ends(layout="NCHW"), Ends(channels=3)):
        with pytest.raises(UsageError, match="takes: float32, NHWC, channels: 1"):
            writer.write(trained, Wanted(plain=True, ends=ends), path, QUIET)
    assert path.read_bytes() == before
    path.write_text("notes")
    with pytest.raises(UsageError, match="is no graph of indicdigits"):
        writer.write(trained, last, path, QUIET)
    names = {Wanted(plain=True, ends=ends).file_name("a") for ends in (last.ends, Ends(channels=3))}
    assert names == {"a.onnx", "a-rgb.onnx"}


def test_a_repository_for_triton(
    trained: Source, triton: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Promise: the configuration is that of the graph, and labels, card and proof lie beside."""
    name = trained.bundle.name
    config = (triton / name / "config.pbtxt").read_text()
    (image,) = onnxruntime.InferenceSession(triton / name / "1" / "model.onnx").get_inputs()
    dims = re.search(r'name: "image" data_type: TYPE_FP32 dims: \[ (.*?) \]', config)
    assert dims is not None
    assert [int(side) for side in dims[1].split(",")] == image.shape[1:]
    assert f'name: "{name}"' in config
    labels = (triton / "labels.txt").read_text(encoding="utf-8").split()
    assert labels == [entry.text for entry in trained.bundle.classes]
    about = json.loads((triton / "about.json").read_text(encoding="utf-8"))
    assert about["licence"] == trained.bundle.licence
    assert about["parity"]["differing_decisions"] == 0
    assert command(capsys, "verify", triton)[0] == 0
    code, text = command(capsys, "inspect", triton)
    assert (code, "triton" in text) == (0, True)
    assert command(capsys, "inspect", triton, "--card")[1] == trained.bundle.card


@pytest.mark.parametrize("name", ["labels.txt", "about.json", "golden.npz"])
def test_an_altered_folder(triton: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Promise: a file that was changed, or cut off, is named with exit code 6."""
    (triton / name).write_bytes((triton / name).read_bytes()[:-2])
    code, text = command(capsys, "verify", triton)
    assert code == 6
    assert name in text


def test_files_outside_a_folder(triton: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: a folder that was edited, or names files outside it, is refused."""
    about = json.loads((triton / "about.json").read_text(encoding="utf-8"))
    about["members"]["../secret"] = {"sha256": "0" * 64, "bytes": 1}
    (triton / "about.json").write_text(json.dumps(about))
    (triton.parent / "secret").write_text("x")
    code, text = command(capsys, "verify", triton)
    assert (code, "was changed" in text) == (6, True)
    about["digest"] = container.digest_of(about)
    (triton / "about.json").write_text(json.dumps(about))
    code, text = command(capsys, "verify", triton)
    assert (code, "outside" in text) == (6, True)


def test_exported_again(trained: Source, triton: Path, tmp_path: Path) -> None:
    """Promise: the same export gives the same files; nothing else is ever replaced by one."""
    before = contents(triton)
    writer.write(trained, Wanted(format="triton"), triton, QUIET)
    assert contents(triton) == before
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("x")
    for path in (other, other / "chapter.txt"):
        with pytest.raises(UsageError, match="is there already"):
            writer.write(trained, Wanted(format="triton"), path, QUIET)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served", "thesis"]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(plain=True, ends=Ends(layout="NCHW")),
        Wanted(format="triton"),
        Wanted(format="triton", ends=Ends(preprocessing=True)),
    ],
    ids=lambda wanted: f"{wanted.format}{'-plain' * wanted.plain}",
)
def test_a_failed_gate(wrong: Source, tmp_path: Path, wanted: Wanted) -> None:
    """Promise: what answers differently is never left on disk, and what stood there stays."""
    with pytest.raises(ParityError) as refused:
        writer.write(wrong, wanted, tmp_path / "new", QUIET)
    assert refused.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []


def test_a_failed_gate_of_eight_bits(
    trained: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: eight bits that cost too much leave the older bundle, and say which changed."""
    others = bundles.read(find("bengali-nano")).graph
    monkeypatch.setattr(writer, "to_int8", lambda graph, pictures: others)
    path = tmp_path / "a.indicdigits"
    path.write_bytes(b"older")
    with pytest.raises(ParityError, match=r"pictures/test/00\d+ \(. → .\)") as refused:
        writer.write(trained, Wanted(format="onnx-int8"), path, QUIET)
    assert refused.value.exit_code == 6
    assert contents(tmp_path) == {"a.indicdigits": b"older"}


def test_a_failed_gate_over_an_older_export(
    ready: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise: a folder that failed leaves the one of an earlier export as it was."""
    monkeypatch.setattr(verify, "SMALL_BATCHES", (7,))
    path, wanted = tmp_path / "blob", Wanted(format="stablehlo")
    writer.write(ready, wanted, path, QUIET)
    before = contents(path)
    wrong = replace(ready, predict=lambda inputs: broken(inputs, ready.predict))
    with pytest.raises(ParityError):
        writer.write(wrong, wanted, path, QUIET)
    assert contents(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["blob"]


def test_stablehlo(ready: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: one blob for cpu, cuda and tpu and any number of pictures, verified through JAX."""
    made = writer.write(ready, Wanted(format="stablehlo"), tmp_path / "blob", QUIET)
    assert made.parity.batches[:3] == (1, 2, 7)
    assert made.parity.max_difference < 1e-5
    blob = bytearray((made.path / stablehlo.MODEL).read_bytes())
    exported = jax.export.deserialize(blob)
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert exported.in_avals[0].shape[1:] == (28, 28, 1)
    # Trained as Winograd's products, which pay on a CPU only; answered as convolutions, which have
    # a branch for each platform.
    assert exported.mlir_module().count("stablehlo.convolution") == 3 * 6
    code, text = command(capsys, "verify", made.path)
    assert code == 0
    assert "jax" in text


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"format": "stablehlo", "plain": True}, "--plain"),
        ({"format": "onnx", "ends": Ends(layout="NCHW")}, "--layout"),
        ({"format": "tflite", "ends": Ends(channels=3)}, "--channels"),
        ({"format": "onnx-int8", "ends": Ends(preprocessing=True)}, "--with-preprocessing"),
        ({"format": "openvino", "ends": Ends(preprocessing=True)}, "--with-preprocessing"),
    ],
)
def test_what_a_format_cannot(options: dict[str, Any], key: str) -> None:
    """Promise: an option that a format does not have is refused, with those that have it."""
    with pytest.raises(UsageError) as refused:
        Wanted(**options)
    assert key in str(refused.value.where)
    assert "onnx" in str(refused.value.allowed)


def test_a_bundle_has_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: StableHLO of a shipped bundle is refused at once, with what can be had of it."""
    code, text = command(capsys, "export", "tamil-nano", "--format", "stablehlo")
    assert code == 2
    assert "openvino" in text


def test_eight_bits_are_no_source(trained: Source, tmp_path: Path) -> None:
    """Promise: nothing is made from a bundle in eight bits as if it were exact."""
    made = writer.write(trained, Wanted(format="onnx-int8"), tmp_path / "a.indicdigits", QUIET)
    with pytest.raises(UsageError, match="eight bits"):
        open_source(made.path, QUIET)


def test_every_format_has_its_file() -> None:
    """Promise: the command line knows the formats that there are, and no others."""
    from typing import get_args

    from indicdigits.cli.export import FormatName

    assert get_args(FormatName) == get_args(formats.Name) == tuple(formats.FORMATS)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "module"),
    [("tflite", "tensorflow"), ("savedmodel", "tensorflow"), ("openvino", "openvino")],
)
def test_formats_with_extras(
    ready: Source,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: Any,
    module: str,
) -> None:
    """Promise: these agree with the network at every batch size too, and verify afterwards."""
    pytest.importorskip(module)
    made = writer.write(ready, Wanted(format=name), tmp_path / "it", QUIET)
    assert made.parity.batches[:3] == (1, 2, 7)
    assert made.parity.max_difference < 1e-5
    assert folders.read(made.path, whole=True).kind == name
    code, text = command(capsys, "verify", made.path)
    assert code == 0
    assert module in text


@pytest.mark.heavy
def test_openvino_in_another_layout(trained: Source, tmp_path: Path) -> None:
    """Promise: planes of three colours as well."""
    pytest.importorskip("openvino")
    wanted = Wanted(format="openvino", ends=Ends(layout="NCHW", channels=3))
    made = writer.write(trained, wanted, tmp_path / "it", QUIET)
    _, run = formats.open_folder(folders.read(made.path))
    golden = trained.bundle.golden
    np.testing.assert_allclose(run(golden.inputs), golden.probabilities, atol=1e-4)


@pytest.mark.heavy
def test_tflite_in_eight_bits(ready: Source, tmp_path: Path) -> None:
    """Promise: a third of the size, or refused where the decisions of the network change."""
    pytest.importorskip("tensorflow")
    from indicdigits.export import tflite

    small, large = tflite.build_int8(ready)[tflite.MODEL], tflite.build(ready)[tflite.MODEL]
    assert len(small) < len(large) / 2
    (tmp_path / tflite.MODEL).write_bytes(small)
    answers = tflite.open_model(tmp_path)(ready.test.images)
    assert np.abs(answers - ready.predict(ready.test.images)).max() < 0.2
