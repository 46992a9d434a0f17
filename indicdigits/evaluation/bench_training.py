"""How fast this machine trains, fine-tunes and augments; needs the kit.

Training is timed where a user waits for it: `fit` runs as ever, and its own progress reports say
when an epoch ends.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import jax
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.data.augment import Augmenter
from indicdigits.data.parts import Data, Split
from indicdigits.evaluation.bench import Budget, Figure, Part, drawn, rate
from indicdigits.imaging.normalise import normalise
from indicdigits.models import create
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.training.loop import Runtime, fit

FOR_EVER = "phases.0.epochs=100000"  # the clock ends it
# No augmented copies: drawing them is a figure of its own.
NO_COPIES = "augment.transforms=[]"
STAGES = ("stem", "stage1", "stage2", "stage3")
CACHED = ", ".join(f'{{prefix="{stage}", frozen=true}}' for stage in STAGES)


class EpochClock(Reporter):
    """A reporter that calls a function at the end of every epoch of a run.

    Args:
        ended: Called when the epoch's last step is done; may raise to end the run.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__(quiet=True)
        self._ended = ended

    @contextmanager
    def track(self, label: str, total: float) -> Iterator[_Epochs]:
        """Stands in for the progress bar."""
        yield _Epochs(self._ended)


class _Epochs:
    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def advance(self, amount: float = 1, note: str = "") -> None:
        if note:  # how the epoch went
            self._ended()


class _EnoughError(Exception):
    """Ends a run that has been timed."""


def parts(devices: int | None = 1) -> list[Part]:
    """What is measured with the kit: label -> function of a budget.

    Args:
        devices: That share a batch, as in `Runtime`.
    """
    return [
        ("augmenting", augmenting),
        ("training", partial(training, devices=devices)),
        ("fine-tuning", partial(fine_tuning, devices=devices)),
        ("fine-tuning the head", partial(cached_head, devices=devices)),
    ]


def device() -> str:
    """Where JAX computes."""
    devices = jax.devices()
    return f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})"


def augmenting(budget: Budget) -> list[Figure]:
    """The augmentation of the pretraining recipe, one core."""
    augmenter = Augmenter(recipes.load(recipes.find("mnist-cnn")).augment.transforms)
    images, rng = _split(budget).images[:256], np.random.default_rng(0)
    speed = rate(lambda: len(augmenter(images, rng)), budget)
    return [Figure("preparation: augment 28x28 pictures", speed, "images/s/core")]


def training(budget: Budget, *, devices: int | None) -> list[Figure]:
    """All of `cnn`, as `pretrain` does it."""
    recipe = _recipe("mnist-cnn", [])
    return [
        Figure(f"training `cnn`, {_about(recipe)}", fit_rate(recipe, budget, devices), "images/s")
    ]


def fine_tuning(budget: Budget, *, devices: int | None) -> list[Figure]:
    """The rules of the scripts' recipes: the first stages frozen."""
    recipe = _recipe("scripts/devanagari", [])
    name = f"fine-tuning, first stages frozen, {_about(recipe)}"
    return [Figure(name, fit_rate(recipe, budget, devices), "images/s")]


def cached_head(budget: Budget, *, devices: int | None) -> list[Figure]:
    """The head alone, on what the frozen stages answered once."""
    changes = [f'phases.0.rules=[{CACHED}, {{prefix=""}}]', "phases.0.cache_frozen=true"]
    recipe = _recipe("scripts/devanagari", changes)
    name = f"fine-tuning, head on kept features, {_about(recipe)}"
    return [Figure(name, fit_rate(recipe, budget, devices), "images/s")]


def fit_rate(recipe: Recipe, budget: Budget, devices: int | None = 1) -> float:
    """Images a second in training, once everything is compiled: the median over epochs.

    Args:
        recipe: With more epochs than there is time for.
        budget: How thoroughly.
        devices: That share a batch.
    """
    data = Data(train=_split(budget), validation=_split(budget, 0), test=_split(budget, 0))
    batch = min(recipe.training.batch_size, len(data.train))
    images = max(1, round(len(data.train) / batch)) * batch
    times: list[float] = []

    def ended() -> None:
        times.append(time.perf_counter())
        # The first epoch compiles, and makes what is kept of frozen stages.
        if len(times) > budget.repeats and times[-1] - times[0] >= budget.seconds:
            raise _EnoughError

    with tempfile.TemporaryDirectory(prefix="indicdigits-bench-") as folder:
        runtime = Runtime(
            run=Path(folder), reporter=EpochClock(ended), save_every=math.inf, devices=devices
        )
        with suppress(_EnoughError):
            fit(recipe, data, create(recipe, seed=0), runtime)
    return images / statistics.median(np.diff(times))


def _recipe(name: str, changes: Sequence[str]) -> Recipe:
    return recipes.load(recipes.find(name), [NO_COPIES, FOR_EVER, *changes])


def _about(recipe: Recipe) -> str:
    return f"batch {recipe.training.batch_size}, {recipe.training.compute}"


def _split(budget: Budget, count: int | None = None) -> Split:
    """Drawn digits as the network sees them."""
    pictures, labels = drawn(budget.pictures)
    images = np.stack([normalise(picture) for picture in pictures])
    keys = np.array([str(index).encode() for index in range(len(labels))], "S32")
    split = Split(images=images, labels=labels, keys=keys, name="drawn digits")
    return split if count is None else split.take(np.arange(count))
