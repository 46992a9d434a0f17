"""The train loop: phases, epochs, steps; saving, resuming, stopping.

The order of resume: the recipe is compared by digest, the newest checkpoint that verifies is
taken, the phase it stands in is set up as if new, its state is filled in, and the stream of batches
goes on at its step. Batches and randomness are functions of seed and step: nothing else is needed.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from indicdigits.data.pipeline import Batches, Copies
from indicdigits.data.source import Data, Split
from indicdigits.data.storage import storage_errors, write_whole
from indicdigits.errors import Interrupted, TrainingError
from indicdigits.models import freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Phase, Recipe
from indicdigits.training import checkpoint, optim
from indicdigits.training.step import State, fresh_tally, make_predict, make_train_step, predict_all

HISTORY = "metrics.jsonl"


@dataclass(kw_only=True)
class Runtime:
    """What decides how a run goes, never what comes out.

    Attributes:
        run: The run folder.
        reporter: Where progress goes.
        workers: Processes that draw augmented pictures; 0 draws in a thread.
        save_every: Seconds between checkpoints (always at the end of an epoch).
        resume_command: Said when the run is interrupted.
    """

    run: Path
    reporter: Reporter = field(default_factory=Reporter)
    workers: int = 0
    save_every: float = 15.0
    resume_command: str = "indicdigits finetune --resume RUN"


def fit(recipe: Recipe, data: Data, model: nnx.Module, runtime: Runtime) -> surgery.Weights:
    """Trains all phases, resuming where the run folder stands.

    Args:
        recipe: What to do.
        data: Training and validation parts.
        model: Holds the weights to start from; holds the final weights afterwards.
        runtime: How to do it.

    Returns:
        The final weights: moving averages of the last phase (frozen leaves as they were).

    Raises:
        TrainingError: The loss became NaN or infinite; the step is named.
        CheckpointError: The run has checkpoints, and every one is damaged.
        StorageError: The disk refused; the checkpoints before stand.
        Interrupted: SIGINT or SIGTERM came; the state has been saved.
    """
    batch_size = min(recipe.training.batch_size, len(data.train))
    found = checkpoint.resume_point(runtime.run, runtime.reporter.say)
    arrays, manifest = checkpoint.load(found) if found else ({}, {})
    step = int(manifest.get("step", 0))
    checkpoint.prune(runtime.run)  # what a killed process left behind
    history = [record for record in read_history(runtime.run) if record["step"] <= step]
    text = "".join(json.dumps(record) + "\n" for record in history)
    write_whole(runtime.run / HISTORY, text)  # the rest will be done again
    copies = Copies(
        data.train,
        recipe.augment.transforms,
        copies=recipe.augment.copies,
        seed=recipe.seed,
        folder=runtime.run / "augmented",
        workers=runtime.workers,
        first=step * batch_size // len(data.train),
    )
    batches = Batches(data.train, copies, batch_size=batch_size, seed=recipe.seed)
    _, weights = surgery.split(model)
    first, finished = 0, False
    try:
        with _signals() as stop:
            for index, phase in enumerate(recipe.phases):
                last = first + phase.epochs * batches.steps_per_epoch
                if index >= int(manifest.get("phase", 0)):
                    trainer = _PhaseTrainer(
                        recipe, phase, index, model, weights, first, last, batches, data, runtime
                    )
                    if index == manifest.get("phase"):
                        trainer.restore(arrays, where=found)
                    weights = trainer.run(stop)
                first = last
        finished = True
    finally:
        copies.close(delete=finished)
    surgery.assign(model, weights)
    freeze.set_modes(model, None)
    return weights


class _PhaseTrainer:
    """One phase: one step function, one optimizer tree."""

    def __init__(
        self,
        recipe: Recipe,
        phase: Phase,
        index: int,
        model: nnx.Module,
        weights: surgery.Weights,
        first: int,
        last: int,
        batches: Batches,
        data: Data,
        runtime: Runtime,
    ) -> None:
        self.recipe, self.phase, self.index = recipe, phase, index
        self.first, self.last = first, last
        self.batches, self.data, self.runtime = batches, data, runtime
        surgery.assign(model, weights)
        freeze.set_modes(model, None)
        self._predict = make_predict(surgery.split(model)[0])
        freeze.set_modes(model, phase)
        graph, weights = surgery.split(model)
        paths = freeze.trained_paths(weights.params, phase)
        trained = {p: a for p, a in weights.params.items() if p in paths}
        frozen = {p: a for p, a in weights.params.items() if p not in paths}
        optimizer = optim.optimizer(
            phase, last - first, trained, clip_norm=recipe.training.clip_norm
        )
        self.schedule = optim.schedule(phase, last - first)
        self._step = make_train_step(graph, optimizer, recipe, first_step=first)
        # Own buffers for every leaf: the step donates them.
        self.state = jax.tree.map(
            lambda leaf: jnp.array(leaf, copy=True),
            State(
                step=jnp.full((), first, jnp.int32),
                trained=trained,
                frozen=frozen,
                stats=weights.stats,
                optimizer=optimizer.init(trained),
                average={"params": trained, "stats": weights.stats},
                tally=fresh_tally(),
            ),
        )

    @property
    def weights(self) -> surgery.Weights:
        """The averaged weights as they stand."""
        average = self.state.average
        return surgery.Weights(
            params=self.state.frozen | average["params"], stats=dict(average["stats"])
        )

    def restore(self, arrays: dict[str, np.ndarray], *, where: object) -> None:
        """Fills in the state of a checkpoint of this phase."""
        self.state = checkpoint.unflatten(self.state, arrays, where=where)

    def run(self, stop: Callable[[], int | None]) -> surgery.Weights:
        """Goes on from where the state stands to the end of the phase."""
        step = int(self.state.step)
        per_epoch = self.batches.steps_per_epoch
        saved = started = time.monotonic()
        with self.runtime.reporter.track(self.phase.name, self.last - self.first) as task:
            task.advance(step - self.first)
            for images, labels in self.batches.iterate(step, self.last):
                self.state = self._step(self.state, images, labels)
                step += 1
                ended = (step - self.first) % per_epoch == 0
                if ended:
                    note = self._end_epoch(step, time.monotonic() - started)
                    started = time.monotonic()
                    task.advance(0, note)
                task.advance()
                due = ended and time.monotonic() - saved >= self.runtime.save_every
                number = stop()  # read once: it must not come between saving and raising
                if due or step == self.last or number is not None:
                    self._save(step)
                    saved = time.monotonic()
                if number is not None:
                    raise _interrupted(number, step, self.runtime)
        return self.weights

    def _end_epoch(self, step: int, seconds: float) -> str:
        tally = {name: float(value) for name, value in self.state.tally.items()}
        self._check_finite(int(tally["bad_step"]))
        self.state = self.state._replace(tally=fresh_tally())
        record: dict[str, Any] = {
            "phase": self.phase.name,
            "epoch": (step - self.first) // self.batches.steps_per_epoch,
            "step": step,
            "train_loss": tally["loss"] / tally["count"],
            "train_accuracy": tally["correct"] / tally["count"],
            "learning_rate": float(self.schedule(step - self.first)),
            "seconds": round(seconds, 3),
        }
        note = f"loss {record['train_loss']:.4f}"
        if len(self.data.validation):
            record |= self._validate(self.data.validation)
            note += f", validation {100 * record['validation_accuracy']:.2f} %"
        path = self.runtime.run / HISTORY
        hint = f"free some space, then {self.runtime.resume_command}"
        with storage_errors(path, hint), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        return note

    def _validate(self, split: Split) -> dict[str, float]:
        probabilities = predict_all(self._predict, self.weights, split.images)
        right = probabilities[np.arange(len(split)), split.labels]
        return {
            "validation_loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
            "validation_accuracy": float((probabilities.argmax(1) == split.labels).mean()),
        }

    def _check_finite(self, bad_step: int) -> None:
        if bad_step >= 0:
            raise TrainingError(
                f"the loss is not finite at step {bad_step} of phase {self.phase.name!r}",
                where=self.runtime.run,
                hint="lower the learning rate: --set phases."
                f"{self.phase.name}.learning_rate={self.phase.learning_rate / 3:.2g}",
            )

    def _save(self, step: int) -> None:
        self._check_finite(int(self.state.tally["bad_step"]))
        if not all(np.isfinite(array).all() for array in self.state.trained.values()):
            self._check_finite(step - 1)  # the loss was finite for the last time
        info = {
            "kind": "training",
            "step": step,
            "phase": self.index,
            "recipe_digest": self.recipe.digest(),
            "backbone": self.recipe.model.backbone,
        }
        folder = self.runtime.run / "checkpoints" / f"step_{step:08d}"
        checkpoint.save(folder, self.state, info)
        checkpoint.prune(self.runtime.run)


def _interrupted(number: int, step: int, runtime: Runtime) -> Interrupted:
    return Interrupted(
        f"stopped at step {step}; everything so far is saved in {runtime.run}",
        signal_number=number,
        hint=runtime.resume_command,
    )


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


def read_history(run: Path) -> list[dict[str, Any]]:
    """The records of a run's epochs so far; a line that a kill cut short is left out."""
    path = run / HISTORY
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]
