"""The training loops that are timed against each other, one function a side.

Every side trains the same network from fresh weights with Adam at 1e-3 on batches of 128 pictures
that lie in memory, for ever, and calls `ended` after every `steps` steps, when all work that was
asked for is done.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

BATCH, RATE = 128, 1e-3


class Job(NamedTuple):
    """What a side is to do.

    Attributes:
        network: "cnn", "cnn-classic" or "vit".
        steps: Steps between two calls of `ended`.
        threads: CPU threads; the process is pinned to as many cores as well.
        devices: Of ours, None as many as it takes by itself; the peers know no such thing.
        ended: Called after every `steps` steps; raises when there is no more to do.
    """

    network: str
    steps: int
    threads: int
    devices: int | None
    ended: Callable[[], None]


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 28, 28) uint8 with as much ink as MNIST's have, and labels (N,) int64."""
    rng = np.random.default_rng(0)
    ink = rng.random((count, 28, 28)) < 0.19
    images = (ink * rng.integers(64, 256, ink.shape)).astype(np.uint8)
    return images, rng.integers(0, 10, count)


def recipe_of(network: str, compute: str) -> Any:
    """Our recipe of a network: its own, but for what the peers do otherwise."""
    from indicdigits import recipe as recipes

    changes = [
        "augment.transforms=[]",  # no pictures are drawn beside the training
        f"training.batch_size={BATCH}",
        f"training.compute={compute}",
        "training.mixup=0.0",
        "training.clip_norm=0.0",
        "phases.0.epochs=100000",
        "phases.0.optimizer=adam",
        "phases.0.weight_decay=0.0",
        f"phases.0.learning_rate={RATE}",
    ]
    return recipes.load(recipes.find(f"mnist-{network}"), changes)


def ours(job: Job, compute: str) -> None:
    """What `indicdigits pretrain` does: batches gathered, shifted at random, weights averaged."""
    from indicdigits.data.parts import Data, Split
    from indicdigits.evaluation.bench_training import EpochClock
    from indicdigits.models import create
    from indicdigits.training.loop import Runtime, fit

    choose(job)
    images, labels = pictures(job.steps * BATCH)
    keys = np.array([str(index).encode() for index in range(len(labels))], "S32")
    split = Split(images=images, labels=labels, keys=keys, name="random")
    empty = split.take(np.arange(0))
    data = Data(train=split, validation=empty, test=empty)
    recipe = recipe_of(job.network, compute)
    with tempfile.TemporaryDirectory(prefix="indicdigits-bench-") as folder:
        runtime = Runtime(
            run=Path(folder),
            reporter=EpochClock(job.ended),
            save_every=math.inf,
            devices=job.devices,
        )
        fit(recipe, data, create(recipe, seed=0), runtime)


def choose(job: Job) -> None:
    """Sets our devices, as the command line does."""
    from indicdigits.progress import Reporter
    from indicdigits.training import device

    device.choose("auto", Reporter(), devices=job.devices)


def ours_step(job: Job, compute: str) -> None:
    """Our step alone, on a batch that lies on the device; it still averages the weights."""
    import jax

    from indicdigits.models import create, freeze, surgery
    from indicdigits.training import mesh, optim
    from indicdigits.training.step import StepBuilder

    choose(job)
    devices = mesh.build(job.devices, BATCH)
    recipe = recipe_of(job.network, compute)
    model, phase = create(recipe, seed=0), recipe.phases[0]
    freeze.set_modes(model, phase)
    graph, weights = surgery.split(model)
    optimizer = optim.optimizer(phase, 100_000, weights.params, clip_norm=0.0)
    builder = StepBuilder(graph=graph, optimizer=optimizer, recipe=recipe, mesh=devices)
    state, step = builder.begin(weights), builder.compile()
    images, labels = pictures(BATCH)
    batch = devices.shard(images), devices.shard(labels.astype(np.int32))
    while True:
        for _ in range(job.steps):
            state = step(state, *batch)
        jax.block_until_ready(state)
        job.ended()


def torch_side(job: Job, compute: str, layout: str) -> None:
    """PyTorch's own loop, eager, with its fused Adam."""
    import torch

    from peers.torch_networks import NETWORKS

    torch.set_num_threads(job.threads)
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    images, labels = pictures(job.steps * BATCH)
    inputs = torch.from_numpy(images[:, None].astype(np.float32) / 255)
    inputs, targets = inputs.contiguous(memory_format=memory), torch.from_numpy(labels)
    model = NETWORKS[job.network]().to(memory_format=memory).train()
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    while True:
        order = torch.randperm(len(inputs))
        for chosen in order.split(BATCH):
            x = inputs[chosen].contiguous(memory_format=memory)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=compute == "bfloat16"):
                loss = torch.nn.functional.cross_entropy(model(x), targets[chosen])
            loss.backward()
            optimizer.step()
        float(loss.detach())
        job.ended()


def keras_side(job: Job, backend: str) -> None:
    """`Model.fit` of Keras 3, compiled where the backend compiles."""
    import os

    os.environ["KERAS_BACKEND"] = backend
    import keras

    from peers.keras_networks import NETWORKS

    if backend == "torch":
        import torch

        torch.set_num_threads(job.threads)
    images, labels = pictures(8 * job.steps * BATCH)
    model = NETWORKS[job.network]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)
    number = itertools.count(1)

    class Clock(keras.callbacks.Callback):
        """Inside an epoch: what an epoch's end costs would count too much here."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Waits for the step before it counts it."""
            if next(number) % job.steps == 0:
                float(next(iter(logs.values())))
                job.ended()

    inputs = images[..., None].astype(np.float32) / 255
    model.fit(inputs, labels, batch_size=BATCH, epochs=10**6, callbacks=[Clock()], verbose=0)


SIDES: dict[str, Callable[[Job], None]] = {
    "ours": lambda job: ours(job, "float32"),
    "ours, step alone": lambda job: ours_step(job, "float32"),
    "ours, bfloat16": lambda job: ours(job, "bfloat16"),
    "PyTorch, NCHW": lambda job: torch_side(job, "float32", "NCHW"),
    "PyTorch, channels_last": lambda job: torch_side(job, "float32", "channels_last"),
    "PyTorch, bfloat16, NCHW": lambda job: torch_side(job, "bfloat16", "NCHW"),
    "PyTorch, bfloat16, channels_last": lambda job: torch_side(job, "bfloat16", "channels_last"),
    "Keras 3 on JAX": lambda job: keras_side(job, "jax"),
    "Keras 3 on PyTorch": lambda job: keras_side(job, "torch"),
}
