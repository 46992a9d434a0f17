"""Optimizers and schedules of a phase."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import optax

from indicdigits.models.freeze import rule_for
from indicdigits.recipe import Phase


def schedule(phase: Phase, steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up, then constant or cosine decay.

    Args:
        phase: Peak, warm-up, shape and end.
        steps: Length of the phase in steps.
    """
    warmup = round(phase.warmup_fraction * steps)
    peak = phase.learning_rate
    if phase.schedule == "cosine":
        rest = optax.cosine_decay_schedule(peak, max(1, steps - warmup), phase.final_fraction)
    else:
        rest = optax.constant_schedule(peak)
    if not warmup:
        return rest
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), rest], [warmup])


def optimizer(
    phase: Phase, steps: int, paths: Mapping[str, jax.Array], *, clip_norm: float
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) with the phase's rules; decay is decoupled (AdamW).

    Args:
        phase: The phase.
        steps: Its length.
        paths: The trained parameters by path; no state is kept for any other.
        clip_norm: Largest global gradient norm; 0 does not clip.
    """
    rates = {path: rule_for(path, phase.rules).rate for path in paths}
    decayed = {path: path.endswith("/kernel") for path in paths}

    def scale(updates: optax.Updates, params: optax.Params | None = None) -> optax.Updates:
        del params
        return {path: update * rates[path] for path, update in updates.items()}

    parts = [optax.clip_by_global_norm(clip_norm)] if clip_norm else []
    parts.append(optax.scale_by_adam())
    if phase.weight_decay:
        parts.append(optax.add_decayed_weights(phase.weight_decay, mask=decayed))
    parts.append(optax.stateless(scale))
    parts.append(optax.scale_by_learning_rate(schedule(phase, steps)))
    return optax.chain(*parts)
