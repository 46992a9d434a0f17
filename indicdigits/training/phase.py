"""One phase of a run: its step function, its state, its epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from indicdigits.data.features import Features
from indicdigits.data.pipeline import Awaited, Batches, Copies
from indicdigits.data.source import Data, Split
from indicdigits.errors import Interrupted, TrainingError
from indicdigits.models import freeze, surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Phase, Recipe
from indicdigits.recipe.heads import heads_of
from indicdigits.training import checkpoint, history, optim, watch
from indicdigits.training.distill import Teachers
from indicdigits.training.heads import told_head
from indicdigits.training.mesh import DataMesh
from indicdigits.training.prediction import make_predict, predict_all
from indicdigits.training.processes import StopSignal, is_first
from indicdigits.training.step import (
    State,
    StepBuilder,
    fresh_tally,
    make_prefix,
)
from indicdigits.training.trackers import Trackers


@dataclass(kw_only=True)
class Runtime:
    """What decides how a run goes, never what comes out.

    Attributes:
        run: The run folder.
        reporter: Where progress goes.
        workers: Processes that draw augmented pictures; 0 draws in a thread.
        save_every: Seconds between checkpoints (always at the end of an epoch).
        resume_command: Said when the run is interrupted.
        devices: Devices of each process that share a batch; None is all of them, on a CPU as many
            as divide the batch.
        started: When the process began (`time.monotonic()`), to say how long the first step took.
        augmented: Where augmented copies are kept for other runs on the same pictures with the
            same augmentation and seed; without it they are the run's own and go with its end.
        trackers: Where the epochs are sent to as well.
    """

    run: Path
    reporter: Reporter = field(default_factory=Reporter)
    workers: int = 0
    save_every: float = 15.0
    resume_command: str = "indicdigits finetune --resume RUN"
    devices: int | None = 1
    started: float | None = None
    augmented: Path | None = None
    trackers: Trackers = field(default_factory=Trackers)


class Context(NamedTuple):
    """What the phases of a run have in common."""

    recipe: Recipe
    data: Data
    model: nnx.Module
    copies: Copies
    batches: Batches
    teachers: Teachers
    runtime: Runtime
    mesh: DataMesh
    scratch: Path


class PhaseTrainer:
    """One phase: one step function, one optimizer tree.

    Args:
        context: Of the run.
        index: Of the phase.
        weights: To start from.
        began: The step at which the phase begins.
    """

    def __init__(self, context: Context, index: int, weights: surgery.Weights, began: int) -> None:
        self.context, self.index = context, index
        self.recipe, self.runtime, self.mesh = context.recipe, context.runtime, context.mesh
        self.phase: Phase = context.recipe.phases[index]
        self.batches = context.batches
        self.began = began
        self.ended = began + self.phase.epochs * self.batches.steps_per_epoch
        model = context.model
        surgery.assign(model, weights)
        freeze.set_modes(model, None)
        graph, weights = surgery.split(model)
        self.heads = heads_of(self.recipe)
        self._predict = make_predict(graph, self.mesh, heads=self.heads)
        self._features = self._cached(graph, weights)
        freeze.set_modes(model, self.phase)
        self.state, self._step = self._compiled(surgery.split(model)[0], weights)

    def _compiled(self, graph: surgery.Graph, weights: surgery.Weights) -> tuple[State, Any]:
        phase, steps = self.phase, self.ended - self.began
        paths = freeze.trained_paths(weights.params, phase)
        trained = {p: a for p, a in weights.params.items() if p in paths}
        optimizer = optim.optimizer(phase, steps, trained, clip_norm=self.recipe.training.clip_norm)
        self.schedule = optim.schedule(phase, steps)
        builder = StepBuilder(
            graph=graph,
            optimizer=optimizer,
            recipe=self.recipe,
            first_step=self.began,
            start=self._cut if self._features else 0,
            teachers=self.context.teachers.graphs,
            mesh=self.mesh,
        )
        step = builder.compile(self.context.teachers.ensemble)
        if not self._features:  # compiled while the first pictures are still being drawn
            step(builder.begin(weights, paths), *self.batches.blank())
        return builder.begin(weights, paths), step

    @property
    def _cut(self) -> int:
        """How many whole stages from the first on are frozen."""
        model: Any = self.context.model
        frozen = self.phase.frozen_stages(surgery.split(model)[1].params)
        return next(i for i, stage in enumerate(model.STAGES) if stage not in frozen)

    def _cached(self, graph: surgery.Graph, weights: surgery.Weights) -> Features | None:
        """The frozen stages' output for every copy, where the phase says to keep it."""
        if not self.phase.cache_frozen:
            return None
        prefix = make_prefix(graph, self.recipe, stop=self._cut)
        features = Features(
            self.context.copies,
            lambda images, number, block: np.asarray(prefix(weights, images, number, block)),
            self.context.scratch / f"features-{self.index}",
        )
        self.batches = self.batches.of(features)
        return features

    @property
    def weights(self) -> surgery.Weights:
        """The averaged weights as they stand."""
        average = self.state.average
        return surgery.Weights(
            params=self.state.frozen | average["params"], stats=dict(average["stats"])
        )

    def restore(self, arrays: dict[str, np.ndarray], *, where: object) -> None:
        """Fills in the state of a checkpoint of this phase."""
        self.state = self.mesh.replicate(checkpoint.unflatten(self.state, arrays, where=where))
        if watch.is_over(self.state.watch, self.phase):
            self.ended = int(self.state.step)

    def run(self, stop: Callable[[], int | None]) -> surgery.Weights:
        """Goes on from where the state stands to the end of the phase."""
        step = int(self.state.step)
        per_epoch = self.batches.steps_per_epoch
        saved = started = time.monotonic()
        agree = StopSignal(self.mesh)
        batches = Awaited(self.batches.iterate(step, self.ended))
        with self.runtime.reporter.track(self.phase.name, self.ended - self.began) as task:
            task.advance(step - self.began)
            for inputs, labels in batches:
                self.state = self._step(self.state, inputs, labels)
                step += 1
                self._say_first(step)
                epoch_ends = (step - self.began) % per_epoch == 0
                if epoch_ends:
                    note = self._end_epoch(step, started, batches.take())
                    started = time.monotonic()
                    task.advance(0, note)
                task.advance()
                due = epoch_ends and time.monotonic() - saved >= self.runtime.save_every
                # Read once: it must not come between saving and raising.
                number = agree(step, stop())
                if due or step == self.ended or number is not None:
                    self._save(step)
                    saved = time.monotonic()
                if number is not None:
                    raise _interrupted(number, step, self.runtime)
                if step == self.ended:  # which an early end has moved
                    break
        if self._features:
            self._features.close()
        weights = self.weights
        return surgery.Weights(
            params=self.mesh.local(weights.params), stats=self.mesh.local(weights.stats)
        )

    def _say_first(self, step: int) -> None:
        """How long a user waits for the first step: imports, data, compilation."""
        if step == 1 and self.runtime.started is not None:
            jax.block_until_ready(self.state.step)
            seconds = time.monotonic() - self.runtime.started
            self.runtime.reporter.say(f"first step done {seconds:.1f} s after the start")

    def _end_epoch(self, step: int, started: float, waited: float) -> str:
        tally = {name: float(value) for name, value in self.state.tally.items()}
        seconds = time.monotonic() - started  # now, when the steps are done that were dispatched
        self._check_finite(int(tally["bad_step"]))
        self.state = self.state._replace(tally=self.mesh.replicate(fresh_tally()))
        rate = float(self.schedule(step - self.began)) * float(self.state.watch["scale"])
        record: dict[str, Any] = {
            "phase": self.phase.name,
            "epoch": (step - self.began) // self.batches.steps_per_epoch,
            "step": step,
            "train_loss": tally["loss"] / tally["count"],
            "train_accuracy": tally["correct"] / tally["count"],
            "learning_rate": rate,
            "seconds": round(seconds, 3),
            "waited": round(waited, 3),
        }
        note = f"loss {record['train_loss']:.4f}"
        if len(self.context.data.validation):
            record |= self._validate(self.context.data.validation)
            note += f", validation {100 * record['validation_accuracy']:.2f} %"
        hint = f"free some space, then {self.runtime.resume_command}"
        if is_first():
            history.append(self.runtime.run, record, hint=hint)
            self.runtime.trackers.follow(self.runtime.run)
        if self.phase.needs_validation:
            self._decide(step, record)
        return note

    def _validate(self, split: Split) -> dict[str, float]:
        probabilities = predict_all(self._predict, self.weights, split.images, mesh=self.mesh)
        probabilities = told_head(probabilities, split.labels, self.heads)
        right = probabilities[np.arange(len(split)), split.labels]
        return {
            "validation_loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
            "validation_accuracy": float((probabilities.argmax(1) == split.labels).mean()),
        }

    def _decide(self, step: int, record: dict[str, Any]) -> None:
        """Halves the rate or ends the phase where validation says so."""
        seen = watch.observe(self.state.watch, record["validation_loss"], self.phase)
        self.state = self.state._replace(watch=self.mesh.replicate(seen))
        if watch.is_over(seen, self.phase):
            self.runtime.reporter.say(
                f"phase {self.phase.name}: stopped after epoch {record['epoch']}, "
                f"{self.phase.early_stopping} without a better validation loss"
            )
            self.ended = step

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
            "phase_began": self.began,
            "recipe_digest": self.recipe.digest(),
            "backbone": self.recipe.model.backbone,
            "devices": self.mesh.size,
        }
        if not is_first():
            return
        checkpoint.save(checkpoint.step_folder(self.runtime.run, step), self.state, info)
        checkpoint.prune(self.runtime.run)


def _interrupted(number: int, step: int, runtime: Runtime) -> Interrupted:
    return Interrupted(
        f"stopped at step {step}; everything so far is saved in {runtime.run}",
        signal_number=number,
        hint=runtime.resume_command,
    )
