"""A folder with a small data set and its recipe, as a user would make one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

RECIPE = """
extends = "finetune"
name = "bars"
script = "bars"
classes = [
  { text = "|", value = 0 },
  { text = "/", value = 1 },
  { text = "-", value = 2 },
]
[data]
sources = [{ dataset = "labelled_images", format = "npz", train = "bars.npz" }]
train_on = "train"
[start]
weights = "scratch"
[training]
batch_size = 16
[[phases]]
name = "finetune"
epochs = 3
learning_rate = 1e-3
rules = [{ prefix = "stem", frozen = true }, { prefix = "" }]
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """The recipe's path; 120 bars at three angles lie beside it."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    y, x = np.mgrid[-16:16, -16:16] + 0.5
    angles = (np.pi / 2 - labels * np.pi / 4)[:, None, None] + rng.normal(0, 0.1, (120, 1, 1))
    distance = np.abs(x * np.sin(angles) - y * np.cos(angles))
    images = (255 * np.clip(3 - distance, 0, 1) * (x**2 + y**2 < 120)).astype(np.uint8)
    np.savez(tmp_path / "bars.npz", images=images, labels=labels)
    recipe = tmp_path / "bars.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


@pytest.fixture
def training_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for the training tests: the same data and the same steps again and again."""
    cache = Path(tempfile.gettempdir()) / "indicdigits-test-home"
    monkeypatch.setenv("INDICDIGITS_HOME", str(cache))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "indicdigits", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *words: str, code: int = 0) -> str:
    """Standard output, or standard error where an error is expected."""
    process = start(folder, *words)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, errors
    return errors if code else output
