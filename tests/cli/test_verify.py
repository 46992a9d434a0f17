"""`indicdigits verify` replays a bundle's golden vectors in every runtime that is here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indicdigits.cli.app import main
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import engines
from indicdigits.runtime.shipped import find


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, words)])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("name", ["devanagari", "tamil-nano", "every-script"])
def test_a_shipped_reader_in_every_runtime(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """OpenCV's own runtime and onnxruntime both answer as the trained network did."""
    code, text, _ = run(capsys, name, "--json")
    about = json.loads(text)
    assert code == 0
    assert {"onnxruntime", "opencv"} <= {engine["engine"] for engine in about["engines"]}
    assert all(engine["difference"] < 1e-4 for engine in about["engines"])
    assert about["grey_levels_off"] <= 8


def test_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each for the members, the preparation and every runtime."""
    code, text, _ = run(capsys, "tamil-nano")
    assert code == 0
    assert "whole" in text
    assert "12 golden pictures" in text
    assert "opencv" in text


def test_other_answers_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A bundle whose vectors are not its graph's: exit code 6, and by how much it is off."""
    whole = bundles.read(find("tamil-nano"))
    off = replace(whole.golden, probabilities=whole.golden.probabilities[:, ::-1].copy())
    bundles.write(replace(whole, golden_npz=off.to_bytes()), tmp_path / "off.indicdigits")
    code, text, error = run(capsys, tmp_path / "off.indicdigits")
    assert (code, text) == (6, "")
    assert "answered differently" in error


def test_a_runtime_that_differs_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One runtime that differs, one that cannot run it: both named, and those that agree."""
    known = engines._present()

    def cannot(graph: bytes) -> engines.Run:
        raise RuntimeError("no such operator\nat line 7")

    def differs(graph: bytes) -> engines.Run:
        right = known["onnxruntime"][1](graph)
        return lambda inputs: right(inputs) + np.float32(0.01)

    odd = {"odd": ("0.1", differs), "old": ("0.2", cannot)}
    monkeypatch.setattr(engines, "_present", lambda: known | odd)
    code, _, error = run(capsys, "tamil-nano")
    assert code == 6
    assert "odd 0.1 answers them to within 1.0e-02" in error
    assert "old 0.2 cannot run the graph: no such operator" in error
    assert "onnxruntime, opencv" in error


def test_no_bundle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is no bundle, or cut short, is said with the exit code of verification."""
    assert run(capsys, "tamill")[0] == 2
    cut = tmp_path / "cut.indicdigits"
    cut.write_bytes(find("tamil-nano").read_bytes()[:5000])
    assert run(capsys, cut)[0] == 6
