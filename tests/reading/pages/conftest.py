"""Pictures of pages whose numbers are known, drawn by the example's own hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import indicdigits
from indicdigits.cli import app
from indicdigits.reading.read import PageReader

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "forms"

Write = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def draw() -> ModuleType:
    """examples/forms/draw.py."""
    spec = importlib.util.spec_from_file_location("draw", EXAMPLES / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def page_reader() -> PageReader:
    """Reads pages with the shipped Devanagari reader."""
    return PageReader(indicdigits.load("devanagari"))


@pytest.fixture(scope="session")
def write(draw: ModuleType) -> Write:
    """Writes a number on paper: uint8 (H,W,3) RGB."""

    def written(
        text: str,
        *,
        size: tuple[int, int] = (480, 900),
        height: int = 120,
        at: tuple[int, int] = (120, 160),
        ink: tuple[int, int, int] = (28, 34, 120),
        paper: tuple[int, int, int] = (246, 244, 236),
        seed: int = 3,
    ) -> np.ndarray:
        page = np.full((*size, 3), paper, np.float32)
        hand = draw.Hand("devanagari", seed)
        for right, cover in hand.line(text, height):
            top = at[1] + (height - cover.shape[0]) // 2
            left = at[0] + right
            part = page[top : top + cover.shape[0], left : left + cover.shape[1]]
            part += (np.array(ink, np.float32) - part) * cover[..., None]
        return page.astype(np.uint8)

    return written


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the verb in this process: exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            app.main(["read", *map(str, words)])
        output = capsys.readouterr()
        return int(exit_.value.code or 0), output.out, output.err

    return run
