"""The networks that ours are timed against are the same networks."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.models import create, surgery
from indicdigits.registry import BACKBONES

pytestmark = pytest.mark.slow

NAMES = ("cnn", "cnn-classic", "vit")


def peer(library: str) -> ModuleType:
    """The networks of a library, which is in the extra `peers` only."""
    if importlib.util.find_spec(library) is None:  # Keras itself is not to be imported yet
        pytest.skip(f"{library} is not installed: pip install '.[peers]'")
    return importlib.import_module(f"peers.{library}_networks")


def ours(name: str) -> tuple[Any, surgery.Weights]:
    """Our network in evaluation mode, with batch statistics that are not those of the start."""
    model = create(recipes.load(recipes.find(f"mnist-{name}")), seed=3)
    rng = np.random.default_rng(0)
    _, weights = surgery.split(model)
    stats = {
        path: jax.numpy.asarray(rng.uniform(0.5, 1.5, array.shape), array.dtype)
        for path, array in weights.stats.items()
    }
    weights = surgery.Weights(params=weights.params, stats=stats)
    surgery.assign(model, weights)
    model.eval()
    return model, weights


def pictures() -> np.ndarray:
    """Five pictures (N, 28, 28, 1) in [0, 1]."""
    return np.random.default_rng(1).random((5, 28, 28, 1), np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_torch_is_the_same_network(name: str) -> None:
    """PyTorch's networks have our parameters, and with our weights our logits."""
    networks = peer("torch")
    torch = importlib.import_module("torch")
    model, weights = ours(name)
    theirs = networks.NETWORKS[name]()
    assert sum(p.numel() for p in theirs.parameters()) == BACKBONES.get(name).count
    networks.copy_weights(theirs, weights.params, weights.stats)
    theirs.eval()
    with torch.no_grad():
        logits = theirs(torch.from_numpy(pictures().transpose(0, 3, 1, 2).copy())).numpy()
    np.testing.assert_allclose(logits, np.asarray(model(pictures())), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_keras_is_the_same_network(name: str) -> None:
    """Keras's networks have our parameters, and with our weights our logits."""
    networks = peer("keras")
    model, weights = ours(name)
    theirs = networks.NETWORKS[name]()
    count = sum(int(np.prod(weight.shape)) for weight in theirs.trainable_weights)
    assert count == BACKBONES.get(name).count
    networks.copy_weights(theirs, weights.params, weights.stats)
    logits = np.asarray(theirs(pictures(), training=False))
    np.testing.assert_allclose(logits, np.asarray(model(pictures())), atol=1e-4)
