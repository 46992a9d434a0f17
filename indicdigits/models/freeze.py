"""Which parameters a phase trains: rules -> paths and module modes."""

from __future__ import annotations

from collections.abc import Iterable

from flax import nnx

from indicdigits.recipe import Phase, Rule


def rule_for(path: str, rules: Iterable[Rule]) -> Rule:
    """The first rule that matches a parameter's or module's path."""
    return next(rule for rule in rules if rule.matches(path))


def trained_paths(paths: Iterable[str], phase: Phase) -> set[str]:
    """Parameter paths that the phase trains; the others it leaves byte-identical."""
    return {path for path in paths if not rule_for(path, phase.rules).frozen}


def set_modes(model: nnx.Module, phase: Phase | None) -> None:
    """Puts every submodule in training mode, or in evaluation mode where it is frozen.

    Freezing parameters alone would let batch statistics drift and dropout act in frozen layers.

    Args:
        model: Changed in place.
        phase: Whose rules decide; None puts everything in evaluation mode.
    """
    for names, module in nnx.iter_modules(model):
        if isinstance(module, (nnx.BatchNorm, nnx.Dropout)):
            frozen = phase is None or rule_for("/".join(map(str, names)), phase.rules).frozen
            if isinstance(module, nnx.BatchNorm):
                module.use_running_average = frozen
            else:
                module.deterministic = frozen
