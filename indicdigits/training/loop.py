"""The train loop: phases one after the other; resuming and stopping.

The order of resume: the recipe is compared by digest, the newest checkpoint that verifies is
taken, the phase it stands in is set up as if new, its state is filled in, and the stream of batches
goes on at its step. Batches and randomness are functions of seed and step: nothing else is needed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from indicdigits.data.pipeline import Batches, Copies
from indicdigits.data.source import Data
from indicdigits.errors import DataError
from indicdigits.models import freeze, surgery
from indicdigits.recipe import Recipe
from indicdigits.training import checkpoint, history, mesh, processes
from indicdigits.training.distill import Teachers
from indicdigits.training.phase import Context, PhaseTrainer, Runtime

__all__ = ["Runtime", "fit"]


def fit(
    recipe: Recipe,
    data: Data,
    model: nnx.Module,
    runtime: Runtime,
    teachers: Teachers = Teachers(),  # noqa: B008  (frozen, and empty)
) -> surgery.Weights:
    """Trains all phases, resuming where the run folder stands.

    Args:
        recipe: What to do.
        data: Training and validation parts.
        model: Holds the weights to start from; holds the final weights afterwards.
        runtime: How to do it.
        teachers: The networks to learn from, if any.

    Returns:
        The final weights: moving averages of the last phase (frozen leaves as they were).

    Raises:
        TrainingError: The loss became NaN or infinite; the step is named. Or another process
            of the run has stopped.
        UsageError: The devices asked for are not there, or do not divide the batch.
        DataError: A batch cannot be parted as the recipe says.
        CheckpointError: The run has checkpoints, and every one is damaged.
        StorageError: The disk refused; the checkpoints before stand.
        Interrupted: SIGINT or SIGTERM came; the state has been saved.
    """
    batch_size = _batch_size(recipe, len(data.train))
    devices = mesh.build(runtime.devices, batch_size, recipe.training.accumulate)
    if devices.size > 1:
        runtime.reporter.say(f"each batch of {batch_size} is shared by {devices}")
    with (
        processes.lost_is_said(runtime.run, runtime.resume_command),
        processes.scratch(runtime.run) as scratch,
    ):
        found, arrays, manifest = _resume_point(runtime, devices)
        copies = Copies(
            data.train,
            recipe.augment.transforms,
            copies=recipe.augment.copies,
            seed=recipe.seed,
            folder=(processes.is_first() and runtime.augmented) or scratch / "augmented",
            workers=runtime.workers,
            first=int(manifest.get("step", 0)) * batch_size // len(data.train),
        )
        batches = Batches(
            data.train,
            copies,
            batch_size=batch_size,
            seed=recipe.seed,
            rows=devices.rows(batch_size),
        )
        context = Context(recipe, data, model, copies, batches, teachers, runtime, devices, scratch)
        finished = False
        try:
            weights = _phases(context, found, arrays, manifest)
            finished = True
        finally:
            copies.close(delete=finished and runtime.augmented is None)
    surgery.assign(model, weights)
    freeze.set_modes(model, None)
    return weights


def _phases(
    context: Context, found: Path | None, arrays: dict[str, np.ndarray], manifest: dict[str, Any]
) -> surgery.Weights:
    """Trains what is left of the phases."""
    resumed, first = int(manifest.get("phase", 0)), int(manifest.get("phase_began", 0))
    _, weights = surgery.split(context.model)
    if found:  # what frozen stages answer is computed with the weights they have had since
        weights = surgery.Weights(
            params=_under("frozen", arrays) | _under("trained", arrays),
            stats=_under("stats", arrays),
        )
    with stop_signals() as stop:
        for index in range(resumed, len(context.recipe.phases)):
            trainer = PhaseTrainer(context, index, weights, first)
            if found and index == resumed:
                trainer.restore(arrays, where=found)
            weights = trainer.run(stop)
            first = trainer.ended
    return weights


def _resume_point(
    runtime: Runtime, devices: mesh.DataMesh
) -> tuple[Path | None, dict[str, np.ndarray], dict[str, Any]]:
    """The checkpoint that all processes go on from; process 0 chooses it and tidies up."""
    say, step = runtime.reporter.say, None
    if processes.is_first():
        chosen = checkpoint.resume_point(runtime.run, say)
        step = checkpoint.step_of(chosen) if chosen else None
        checkpoint.prune(runtime.run)  # what a killed process left behind
        history.rewind(runtime.run, step or 0)
    step = processes.agreed(step)
    if step is None:
        return None, {}, {}
    found = processes.seen(checkpoint.step_folder(runtime.run, step))
    arrays, manifest = checkpoint.load(found)
    before = int(manifest.get("devices", 1))
    if before != devices.size:
        say(
            f"the run was on {before} devices and goes on on {devices.size}: sums are rounded "
            "otherwise, so the weights will agree with an unbroken run's but not to the bit"
        )
    return found, arrays, manifest


def _under(name: str, arrays: dict[str, np.ndarray]) -> surgery.Arrays:
    """The arrays of one field of a saved state."""
    start = f"{name}|"
    return {p.removeprefix(start): jnp.array(a) for p, a in arrays.items() if p.startswith(start)}


def _batch_size(recipe: Recipe, total: int) -> int:
    """Pictures a step: the recipe's, or fewer where there are not so many."""
    parts = recipe.training.accumulate
    size = min(recipe.training.batch_size, total) // parts * parts
    if not size:
        raise DataError(
            f"a batch of {total} pictures, which are all there are, has no {parts} parts",
            hint="--set training.accumulate=1",
        )
    return size


@contextmanager
def stop_signals() -> Iterator[Callable[[], int | None]]:
    """Turns the first SIGINT or SIGTERM into a flag, so that the step can end and be saved."""
    received: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: do not wait for the step
        received.append(number)

    kinds = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {kind: signal.signal(kind, handler) for kind in kinds}
    try:
        yield lambda: received[0] if received else None
    finally:
        for kind, old in before.items():
            signal.signal(kind, old)
