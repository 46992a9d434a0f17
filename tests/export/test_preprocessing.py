"""The imaging step in an ONNX graph does what `imaging.normalise` does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from indicdigits.errors import ParityError
from indicdigits.export import agreement, writer
from indicdigits.export.agreement import Agreement
from indicdigits.export.formats import Wanted
from indicdigits.export.graphs import Ends, input_of
from indicdigits.export.preprocessing import PREPARED, with_preprocessing
from indicdigits.export.source import Source
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter

QUIET = Reporter(quiet=True)
ANY = Ends(preprocessing=True)


def prepared(ends: Ends, size: int, picture: np.ndarray) -> np.ndarray:
    """What the graph makes of one picture, grey levels (S,S)."""
    ends_of = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size, size, 1])
        for name in ("image", "same")
    ]
    node = helper.make_node("Identity", ["image"], ["same"])
    graph = helper.make_graph([node], "nothing", ends_of[:1], ends_of[1:])
    nothing = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = with_preprocessing(nothing, size, ends)
    assert PREPARED in model.graph.node[-1].input
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"image": input_of(picture[np.newaxis], ends)})
    return np.rint(found[0, ..., 0] * 255)


def paper(side: int, ink: int = 30, ground: int = 220) -> np.ndarray:
    """A figure like a 2 on a sheet that is wider than high."""
    sheet = np.full((side, side + side // 3), ground, np.uint8)
    points = np.array([[0.2, 0.3], [0.4, 0.1], [0.6, 0.35], [0.25, 0.8], [0.7, 0.8]]) * side
    line = [np.rint(points).astype(np.int32)]
    cv2.polylines(sheet, line, isClosed=False, color=ink, thickness=max(1, side // 12))
    return sheet


@pytest.mark.parametrize("size", [28, 20])
@pytest.mark.parametrize("side", [14, 28, 33, 64, 150, 500])
@pytest.mark.parametrize(("ink", "ground"), [(30, 220), (250, 0)])
def test_grey_pictures(size: int, side: int, ink: int, ground: int) -> None:
    """Promise: any size and either polarity, to two grey levels of the real imaging step."""
    picture = paper(side, ink, ground)
    off = np.abs(prepared(ANY, size, picture) - normalise(picture, size))
    assert off.max() <= 2


def test_channels_and_layout() -> None:
    """Promise: red, green and blue, first or last, are one picture."""
    picture = paper(48)
    coloured = np.repeat(picture[..., np.newaxis], 3, axis=2)
    wanted = normalise(picture)
    for layout in ("NHWC", "NCHW"):
        ends = Ends(layout=layout, channels=3, preprocessing=True)  # type: ignore[arg-type]
        assert np.abs(prepared(ends, 28, coloured) - wanted).max() <= 2


@pytest.mark.parametrize("level", [0, 200, 255])
def test_blank(level: int) -> None:
    """Promise: a blank sheet becomes black, and no number that is none."""
    assert not prepared(ANY, 28, np.full((40, 31), level, np.uint8)).any()


def test_several_pictures(trained: Source, tmp_path: Path) -> None:
    """Promise: a batch of pictures is answered like each of them alone, after imaging.normalise."""
    model = onnx.load_from_string(trained.bundle.graph)
    session = onnxruntime.InferenceSession(
        with_preprocessing(model, 28, Ends()).SerializeToString()
    )
    pictures = np.stack([255 - paper(40, ink, 10) for ink in (120, 200, 250)])
    (found,) = session.run(None, {"image": pictures[..., np.newaxis]})
    expected = trained.predict(np.stack([normalise(picture) for picture in pictures]))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_what_it_says(
    trained: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Promise: file and screen say what the graph cannot do, and how near it comes on raw pictures.

    Speckled paper is what it cannot clean: there it differs, and is counted.
    """
    rng = np.random.default_rng(0)
    sheets = [255 - paper(30 + at) for at in range(40)]
    spoilt = [np.where(rng.random(sheet.shape) < 0.05, 255, sheet) for sheet in sheets[:2]]
    raw = [*sheets, *(sheet.astype(np.uint8) for sheet in spoilt)]
    labels = np.full(len(raw), 2)
    monkeypatch.setattr(agreement, "_raw_test", lambda source, reporter: (raw, labels))
    monkeypatch.setattr(agreement, "LEAST_ALIKE", 0.9)
    wanted = Wanted(plain=True, ends=Ends(preprocessing=True))
    made = writer.write(trained, wanted, tmp_path / "a.onnx", Reporter())
    assert made.agreement is not None
    assert made.agreement.pictures == 42
    assert made.agreement.alike + made.agreement.apart >= 40
    screen = capsys.readouterr().err
    assert "specks and dirt" in screen
    assert "of 42 raw test pictures" in screen
    session = onnxruntime.InferenceSession(made.path)
    (image,) = session.get_inputs()
    assert (image.type, image.shape) == ("tensor(uint8)", ["N", "H", "W", 1])
    given = json.loads(session.get_modelmeta().custom_metadata_map["input"])
    assert (given["dtype"], given["preprocessing"]) == ("uint8", True)
    assert any("specks" in text for text in given["not_expressed"])


def test_too_little_agreement() -> None:
    """Promise: with less than 99 of 100 decided alike nothing is written: exit code 6."""
    good = Agreement(pictures=1000, alike=990, errors=5, errors_inside=6, apart=30)
    for alike in (989, 0):
        with pytest.raises(ParityError) as refused:
            replace(good, alike=alike)
        assert refused.value.exit_code == 6
