"""Where the time of a training step goes: what it saves to leave a part out, and each convolution.

    python benchmarks/step_profile.py [--network cnn] [--rounds 7] [--devices 1]

The step is compiled anew without each part; variants take turns. A part's share is what the step
saves without it, which is less than the part alone would take where XLA merges it with another.
The convolutions are timed one by one: forward, gradient to the input, gradient to the weights.
Writes benchmarks/results/step_profile.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from peers.sides import BATCH, pictures, recipe_of

from indicdigits import recipe as recipes
from indicdigits.models import create, freeze, layers, surgery
from indicdigits.progress import Reporter
from indicdigits.training import device, mesh, optim
from indicdigits.training.step import State, StepBuilder

Run = Callable[[int], None]
PASSES = ("forward", "to the input", "to the weights")


class WithoutAverage(StepBuilder):
    """A step that keeps no moving average."""

    def _averaged(self, state: State, current: dict[str, Any]) -> dict[str, surgery.Arrays]:
        return state.average


class Nothing(nnx.Module):
    """Stands in for a normalisation."""

    def __call__(self, x: jax.Array, *, relu: bool = False) -> jax.Array:
        """Gives back what it gets, rectified where that is asked."""
        return jax.nn.relu(x) if relu else x


def without_norms(module: Any) -> None:
    """Takes every batch normalisation out of a network."""
    for name, child in list(vars(module).items()):
        if isinstance(child, nnx.BatchNorm):
            setattr(module, name, Nothing())
        elif isinstance(child, nnx.Module):
            without_norms(child)


def variant(
    recipe: Any,
    devices: mesh.DataMesh,
    *,
    norms: bool = True,
    builder: type[StepBuilder] = StepBuilder,
    adam: bool = True,
    trains: Callable[[str], bool] = lambda path: True,
) -> Run:
    """A compiled step with something left out, as a function that runs so many of them."""
    model, phase = create(recipe, seed=0), recipe.phases[0]
    if not norms:
        without_norms(model)
    freeze.set_modes(model, phase)
    graph, weights = surgery.split(model)
    trained = {p: a for p, a in weights.params.items() if trains(p)}
    optimizer = optim.optimizer(phase, 10**6, trained, clip_norm=0.0) if adam else optax.sgd(1e-3)
    whole = builder(graph=graph, optimizer=optimizer, recipe=recipe, mesh=devices)
    step = whole.compile()
    held = [whole.begin(weights, trained)]
    images, labels = pictures(BATCH)
    batch = devices.shard(images), devices.shard(labels.astype(np.int32))

    def run(steps: int) -> None:
        for _ in range(steps):
            held[0] = step(held[0], *batch)
        jax.block_until_ready(held[0])

    return run


def variants(network: str, devices: mesh.DataMesh) -> dict[str, Run]:
    """The whole step, and the step without each part."""
    file = recipes.find(f"mnist-{network}")
    recipe = recipe_of(network, "float32")
    still = recipes.load(
        file,
        ["augment.transforms=[]", "augment.jitter=0", "phases.0.learning_rate=1e-3"],
    )
    bare: dict[str, Any] = {"adam": False, "builder": WithoutAverage}
    return {
        "whole step": variant(recipe, devices),
        "without jitter": variant(still, devices),
        "without moving average": variant(recipe, devices, builder=WithoutAverage),
        "SGD instead of Adam": variant(recipe, devices, adam=False),
        "without batch normalisation": variant(recipe, devices, norms=False),
        "products, norms and head only": variant(still, devices, **bare),
        "the same, no gradient to kernels": variant(
            still, devices, trains=lambda p: not p.endswith("/kernel"), **bare
        ),
        "the same, forward only": variant(
            still, devices, trains=lambda p: p.startswith("head/"), **bare
        ),
    }


def timed(runs: dict[str, Run], steps: int, rounds: int) -> dict[str, float]:
    """Median milliseconds a step of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(2)
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run(steps)
            times[name].append(1000 * (time.perf_counter() - started) / steps)
    return {name: round(statistics.median(seen), 3) for name, seen in times.items()}


def convolutions(network: str) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Name, layer and input shape of every convolution."""
    model = create(recipe_of(network, "float32"), seed=0)
    names = {id(m): "/".join(map(str, path)) for path, m in nnx.iter_graph(model)}
    model.eval()
    found: list[tuple[str, Any, tuple[int, ...]]] = []
    original = layers.Convolution.__call__

    def noted(self: Any, x: jax.Array) -> jax.Array:
        found.append((names[id(self)], self, x.shape))
        return original(self, x)

    layers.Convolution.__call__ = noted
    try:
        model(jnp.zeros((BATCH, 28, 28, 1)))
    finally:
        layers.Convolution.__call__ = original
    yield from found


def passes(layer: Any, shape: tuple[int, ...]) -> tuple[dict[str, Run], float]:
    """A convolution's three products as functions, and the GFLOP of each."""
    graph, state = nnx.split(layer)
    apply = lambda state, x: nnx.merge(graph, state)(x)  # noqa: E731
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    out = jax.eval_shape(apply, state, x)
    seed = jnp.asarray(rng.normal(size=out.shape), jnp.float32)
    functions = (
        jax.jit(apply),
        jax.jit(lambda state, x: jax.vjp(lambda x: apply(state, x), x)[1](seed)),
        jax.jit(lambda state, x: jax.vjp(lambda state: apply(state, x), state)[1](seed)),
    )

    def runner(function: Any) -> Run:
        def run(steps: int) -> None:
            for _ in range(steps):
                result = function(state, x)
            jax.block_until_ready(result)

        return run

    kernel = layer.kernel[...].shape
    gflop = 2e-9 * math.prod(out.shape) * math.prod(kernel[:3])
    return {name: runner(f) for name, f in zip(PASSES, functions, strict=True)}, gflop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="cnn", choices=("cnn", "cnn-classic", "vit"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=8, help="a round of each variant")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--out", type=Path, default=common.RESULTS / "step_profile.json")
    arguments = parser.parse_args()
    device.choose("auto", Reporter(), devices=arguments.devices)
    devices = mesh.build(arguments.devices, BATCH)
    parts = timed(variants(arguments.network, devices), arguments.steps, arguments.rounds)
    whole = parts["whole step"]
    print(f"| `{arguments.network}`, batch {BATCH} | ms a step | share |\n|---|---|---|")
    for name, taken in parts.items():
        print(f"| {name} | {taken:.1f} | {100 * taken / whole:.0f} % |")
    table: dict[str, Any] = {}
    print("\n| convolution | " + " | ".join(f"{name}, ms (GFLOP/s)" for name in PASSES) + " |")
    print("|---" * 4 + "|")
    for name, layer, shape in convolutions(arguments.network):
        runs, gflop = passes(layer, shape)
        spent = timed(runs, arguments.steps, arguments.rounds)
        table[name] = {"input": shape, "gflop": round(gflop, 4), "ms": spent}
        cells = [f"{ms:.2f} ({1000 * gflop / ms:.0f})" for ms in spent.values()]
        print(f"| {name} {shape[1]}x{shape[2]}x{shape[3]} | {' | '.join(cells)} |", flush=True)
    content = {
        "command": "python benchmarks/step_profile.py",
        "machine": common.machine(),
        "network": arguments.network,
        "devices": devices.size,
        "batch": BATCH,
        "ms_a_step": parts,
        "convolutions": table,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
