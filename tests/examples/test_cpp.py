"""The C++ example, built with the distribution's OpenCV."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from indicdigits.export.importers import spell_out


@pytest.fixture(scope="session")
def program(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    headers = ("opencv2/dnn.hpp", "zip.h", "nlohmann/json.hpp")
    roots = (Path("/usr/include"), Path("/usr/include/opencv4"))
    missing = [name for name in headers if not any((root / name).exists() for root in roots)]
    if missing:
        pytest.skip(
            f"not installed: {', '.join(missing)} "
            "(Debian: apt-get install libopencv-dev libzip-dev nlohmann-json3-dev)"
        )
    program = tmp_path_factory.mktemp("cpp") / "read_digit"
    sources = [examples / "cpp" / name for name in ("read_digit.cpp", "prepare.cpp")]
    libraries = [f"-lopencv_{name}" for name in ("core", "dnn", "imgcodecs", "imgproc")]
    words = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{roots[1]}", *sources]
    done = subprocess.run(
        [*words, "-o", program, *libraries, "-lzip"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return program


def test_golden_vectors(program: Path, expected: Any, found: Any, tmp_path: Path) -> None:
    """Golden pictures become our inputs, and those our probabilities and answers."""
    graph = tmp_path / "graph.onnx"
    model = onnx.load_from_string(expected.reader.bundle.graph)
    graph.write_bytes(spell_out(model).SerializeToString())  # OpenCV 4 needs it
    paths = []
    for index, picture in enumerate(expected.pictures):
        paths.append(tmp_path / f"{index:02}.png")
        Image.fromarray(picture).save(paths[-1])
    words = [program, expected.path, "--graph", graph, "--json", *paths]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    inputs = expected.check(
        [found(one.get("input"), one["text"], one["reason"]) for one in answers]
    )
    rows = [one["probabilities"] for one in answers if "input" in one]
    np.testing.assert_allclose(rows, expected.reader.uncalibrated(np.stack(inputs)), atol=1e-4)


def test_what_is_no_bundle(program: Path, tmp_path: Path) -> None:
    """A file that is no bundle is an error of one line."""
    path = tmp_path / "x.indicdigits"
    path.write_bytes(b"PK")
    done = subprocess.run([program, path, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"error: {path}: is no bundle\n"
