"""Optimizers and schedules of a phase."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import optax

from indicdigits.models.freeze import rule_for
from indicdigits.recipe import Phase

ONE_CYCLE_START = 1 / 25  # of the peak, as in the author's own code


def schedule(phase: Phase, steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up, then the phase's schedule.

    Where the schedule is "plateau" the rate is constant here; `watch` halves it.

    Args:
        phase: Peak, warm-up, shape and end.
        steps: Length of the phase in steps.
    """
    warmup = round(phase.warmup_fraction * steps)
    peak, end = phase.learning_rate, phase.final_fraction
    if phase.schedule == "one-cycle":  # Smith and Topin 2018, with cosines for its lines
        return optax.cosine_onecycle_schedule(
            max(2, steps),
            peak,
            pct_start=max(1, min(warmup, steps - 1)) / max(2, steps),
            div_factor=1 / ONE_CYCLE_START,
            final_div_factor=ONE_CYCLE_START / end,
        )
    rest_steps = max(1, steps - warmup)
    if phase.schedule == "cosine":
        rest = optax.cosine_decay_schedule(peak, rest_steps, end)
    elif phase.schedule == "exponential":
        rest = optax.exponential_decay(peak, rest_steps, end)
    else:
        rest = optax.constant_schedule(peak)
    if not warmup:
        return rest
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), rest], [warmup])


def optimizer(
    phase: Phase, steps: int, paths: Mapping[str, jax.Array], *, clip_norm: float
) -> optax.GradientTransformation:
    """The phase's optimizer with its rules.

    Adam is Kingma and Ba's (2015), AdamW Loshchilov and Hutter's (2019), RMSProp Tieleman and
    Hinton's (2012), SGD has Nesterov's momentum.

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

    rule = {
        "adam": optax.scale_by_adam,
        "adamw": optax.scale_by_adam,
        "rmsprop": optax.scale_by_rms,
        "sgd": lambda: optax.trace(phase.momentum, nesterov=True),
    }[phase.optimizer]()
    parts = [optax.clip_by_global_norm(clip_norm)] if clip_norm else []
    if not phase.weight_decay:
        parts.append(rule)
    else:
        decay = optax.add_decayed_weights(phase.weight_decay, mask=decayed)
        parts += [rule, decay] if phase.optimizer == "adamw" else [decay, rule]
    parts.append(optax.stateless(scale))
    parts.append(optax.scale_by_learning_rate(schedule(phase, steps)))
    return optax.chain(*parts)
