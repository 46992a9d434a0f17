"""A tiny problem that trains in a second: ten bars at ten angles."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.data.source import Data, Split
from indicdigits.recipe import Recipe

# The same steps are compiled again and again: once for all tests, and for the next run.
jax.config.update("jax_compilation_cache_dir", f"{tempfile.gettempdir()}/indicdigits-test-xla")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

RECIPE = """
name = "tiny"
task = "pretrain"
script = "latin"

[data]
sources = [{ dataset = "mnist" }]

[augment]
copies = 2
transforms = [{ name = "affine" }, { name = "noise" }]

[training]
batch_size = 16

[[phases]]
name = "first"
epochs = 2
learning_rate = 1e-3

[[phases]]
name = "second"
epochs = 2
learning_rate = 1e-3
rules = [{ prefix = "stem", frozen = true }, { prefix = "stage1", rate = 0.1 }, { prefix = "" }]
"""


def bars(count: int, seed: int) -> Split:
    """Bars whose angle is the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    y, x = np.mgrid[-14:14, -14:14] + 0.5
    angles = labels[:, None, None] * np.pi / 10 + rng.normal(0, 0.03, (count, 1, 1))
    distance = np.abs(x * np.sin(angles) - y * np.cos(angles))
    images = (255 * np.clip(3 - distance, 0, 1) * (x**2 + y**2 < 100)).astype(np.uint8)
    keys = np.array([f"{seed}-{i}".encode() for i in range(count)], "S32")
    return Split(images=images, labels=labels.astype(np.int64), keys=keys, groups={}, name="bars")


@pytest.fixture
def tiny_recipe(tmp_path: Path) -> Recipe:
    """A recipe of two phases, the second with frozen and slowed layers."""
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return recipes.load(path)


@pytest.fixture
def bars_data() -> Data:
    """Small training, validation and test parts of bars."""
    return Data(train=bars(120, 0), validation=bars(40, 1), test=bars(40, 2))
