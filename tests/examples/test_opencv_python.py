"""The example that needs OpenCV and numpy alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def folder(examples: Path) -> Path:
    """The example."""
    return examples / "opencv-python"


@pytest.fixture
def read_digit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module."""
    monkeypatch.syspath_prepend(folder)
    import read_digit

    return read_digit


def test_golden_vectors(read_digit: ModuleType, expected: Any, found: Any) -> None:
    """Golden pictures become our inputs, and those our probabilities and answers."""
    reader = read_digit.Reader(expected.path)
    answers = [reader.read(picture) for picture in expected.pictures]
    inputs = [reader.prepare(picture) for picture in expected.pictures]
    expected.check(
        [
            found(None if pixels is None else pixels.tolist(), answer.text, answer.reason)
            for pixels, answer in zip(inputs, answers, strict=True)
        ]
    )
    golden = expected.reader.bundle.golden
    np.testing.assert_allclose(reader.probabilities(golden.inputs), golden.probabilities, atol=1e-4)


def test_command(folder: Path, expected: Any, tmp_path: Path) -> None:
    """The command reads a picture file, and imports neither onnxruntime nor this package."""
    path = tmp_path / "digit.png"
    Image.fromarray(expected.pictures[3]).save(path)
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__');"
        "assert not {'onnxruntime', 'indicdigits'} & set(sys.modules)"
    )
    words = [sys.executable, "-c", code, str(folder / "read_digit.py"), expected.path, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == [str(path), expected.reader(expected.pictures[3]).text]
