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
from types import FrameType

from flax import nnx

from indicdigits.data.pipeline import Batches, Copies
from indicdigits.data.source import Data
from indicdigits.errors import DataError
from indicdigits.models import freeze, surgery
from indicdigits.recipe import Recipe
from indicdigits.training import checkpoint, history
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
        TrainingError: The loss became NaN or infinite; the step is named.
        DataError: A batch cannot be parted as the recipe says.
        CheckpointError: The run has checkpoints, and every one is damaged.
        StorageError: The disk refused; the checkpoints before stand.
        Interrupted: SIGINT or SIGTERM came; the state has been saved.
    """
    batch_size = _batch_size(recipe, len(data.train))
    found = checkpoint.resume_point(runtime.run, runtime.reporter.say)
    arrays, manifest = checkpoint.load(found) if found else ({}, {})
    resumed, step = int(manifest.get("phase", 0)), int(manifest.get("step", 0))
    checkpoint.prune(runtime.run)  # what a killed process left behind
    history.rewind(runtime.run, step)
    copies = Copies(
        data.train,
        recipe.augment.transforms,
        copies=recipe.augment.copies,
        seed=recipe.seed,
        folder=runtime.augmented or runtime.run / "augmented",
        workers=runtime.workers,
        first=step * batch_size // len(data.train),
    )
    batches = Batches(data.train, copies, batch_size=batch_size, seed=recipe.seed)
    context = Context(recipe, data, model, copies, batches, teachers, runtime)
    _, weights = surgery.split(model)
    first, finished = int(manifest.get("phase_began", 0)), False
    try:
        with _signals() as stop:
            for index in range(resumed, len(recipe.phases)):
                trainer = PhaseTrainer(context, index, weights, first)
                if found and index == resumed:
                    trainer.restore(arrays, where=found)
                weights = trainer.run(stop)
                first = trainer.ended
        finished = True
    finally:
        copies.close(delete=finished and runtime.augmented is None)
    surgery.assign(model, weights)
    freeze.set_modes(model, None)
    return weights


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
def _signals() -> Iterator[Callable[[], int | None]]:
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
