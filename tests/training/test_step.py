"""Schedules, jitter, and prediction."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from indicdigits.models.surgery import Weights
from indicdigits.recipe import Phase, Rule
from indicdigits.training import optim
from indicdigits.training.prediction import predict_all
from indicdigits.training.step import jitter


def test_the_rate_warms_up_to_the_peak_and_decays_to_its_end() -> None:
    """Linear from zero, then half a cosine down to the final fraction."""
    phase = Phase(name="p", epochs=1, learning_rate=0.01, warmup_fraction=0.1, final_fraction=0.02)
    rate = optim.schedule(phase, 1000)
    assert rate(0) == 0
    assert float(rate(50)) == pytest.approx(0.005)
    assert float(rate(100)) == pytest.approx(0.01)
    assert float(rate(550)) == pytest.approx(0.0051, rel=1e-3)
    assert float(rate(1000)) == pytest.approx(0.0002, rel=1e-3)


def test_a_constant_rate_stays() -> None:
    """After the warm-up nothing changes."""
    phase = Phase(name="p", epochs=1, learning_rate=0.01, warmup_fraction=0.0, schedule="constant")
    rate = optim.schedule(phase, 10)
    assert [float(rate(step)) for step in range(10)] == pytest.approx([0.01] * 10)


def test_rules_scale_updates_and_decay_spares_norms_and_biases() -> None:
    """A tenth of the rate moves a tenth as far; with zero gradients only kernels decay."""
    phase = Phase(
        name="p",
        epochs=1,
        learning_rate=0.1,
        warmup_fraction=0.0,
        schedule="constant",
        optimizer="adamw",
        weight_decay=0.5,
        rules=(Rule(prefix="stem", rate=0.1), Rule(prefix="")),
    )
    params = {"stem/conv/kernel": jnp.ones(2), "head/dense/kernel": jnp.ones(2)}
    params["head/dense/bias"] = jnp.ones(2)
    optimizer = optim.optimizer(phase, 10, params, clip_norm=0.0)
    state = optimizer.init(params)
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), state, params)
    np.testing.assert_allclose(updates["stem/conv/kernel"], -0.005, rtol=1e-5)
    np.testing.assert_allclose(updates["head/dense/kernel"], -0.05, rtol=1e-5)
    np.testing.assert_allclose(updates["head/dense/bias"], 0.0, atol=1e-9)


def test_jitter_moves_whole_pixels_and_keeps_them_sharp() -> None:
    """Every result is the picture moved by at most the shift, with black coming in."""
    picture = np.zeros((8, 8), np.float32)
    picture[3:5, 2:6] = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
    batch = jnp.asarray(np.repeat(picture[None], 64, axis=0))
    moved = np.asarray(jitter(batch, jax.random.key(0), shift=2))
    allowed = {
        np.roll(picture, (down, right), (0, 1)).tobytes()
        for down in range(-2, 3)
        for right in range(-2, 3)
    }
    seen = {image.tobytes() for image in moved}
    assert seen <= allowed
    assert len(seen) > 10


def test_prediction_covers_the_last_partial_batch() -> None:
    """Every picture is answered, in order, whatever the batch size."""

    def predict(params: object, stats: object, images: np.ndarray) -> jax.Array:
        del params, stats
        return jnp.asarray(images[:, 0, :2], jnp.float32)

    images = np.arange(10 * 4, dtype=np.uint8).reshape(10, 2, 2)
    for batch_size in (1, 3, 10, 64):
        answers = predict_all(predict, Weights(params={}, stats={}), images, batch_size)
        np.testing.assert_array_equal(answers, images[:, 0, :2])
