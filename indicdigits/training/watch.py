"""What validation decides during a phase: halving the learning rate, and ending early."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from indicdigits.recipe import Phase

PLATEAU_PATIENCE = 3  # epochs without improvement after which the rate is halved
PLATEAU_FACTOR = 0.5

Watch = dict[str, jax.Array]


def fresh() -> Watch:
    """At the start of a phase.

    Returns:
        scale: What the learning rate is multiplied by, float32.
        best: The lowest validation loss so far, float32.
        stale: Epochs since then, int32.
        waited: Epochs since then or since the rate was halved, int32.
    """
    return {
        "scale": jnp.ones((), jnp.float32),
        "best": jnp.full((), jnp.inf, jnp.float32),
        "stale": jnp.zeros((), jnp.int32),
        "waited": jnp.zeros((), jnp.int32),
    }


def observe(watch: Watch, loss: float, phase: Phase) -> Watch:
    """After an epoch whose validation loss is `loss`."""
    better = loss < float(watch["best"])
    stale = 0 if better else int(watch["stale"]) + 1
    waited = 0 if better else int(watch["waited"]) + 1
    scale = float(watch["scale"])
    if phase.schedule == "plateau" and waited >= PLATEAU_PATIENCE:
        scale, waited = scale * PLATEAU_FACTOR, 0
    return {
        "scale": jnp.asarray(scale, jnp.float32),
        "best": jnp.asarray(min(loss, float(watch["best"])), jnp.float32),
        "stale": jnp.asarray(stale, jnp.int32),
        "waited": jnp.asarray(waited, jnp.int32),
    }


def is_over(watch: Watch, phase: Phase) -> bool:
    """Whether the phase ends early."""
    return 0 < phase.early_stopping <= int(watch["stale"])
