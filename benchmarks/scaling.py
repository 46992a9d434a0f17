"""Time of an epoch, predicted from multiply-adds, bytes and peaks, beside what is measured.

    python benchmarks/scaling.py [--backbone cnn] [--devices 1 2] [--steps 30] [--rounds 5]

Measures the peak of a large matrix product and the speed of a large copy on this machine, one
layout after the other, and prints for every layout the predicted and the measured time of an epoch
of 60,000 pictures. Writes benchmarks/results/scaling.json.

    python benchmarks/scaling.py --predict --devices 1 8 --peak 60e12 --memory 3e12 --link 200e9

only predicts, for a device that is not here: `--peak` in FLOP/s at the training precision,
`--memory` and `--link` in bytes/s, of one device.

The model (docs/scaling.md): a step of B pictures on n devices takes
max(6 M B / n / peak, bytes / n / memory) + all-reduce of the gradients, where M are the
multiply-adds of one picture, a multiply-add is two operations, and the backward pass costs twice
the forward pass. It is a bound that no step beats, so measured / predicted says how much is left.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import common
import jax
import jax.numpy as jnp
import numpy as np

from indicdigits import recipe as recipes
from indicdigits.models import create, freeze, surgery
from indicdigits.models.cost import multiply_adds
from indicdigits.training import mesh, optim
from indicdigits.training.step import StepBuilder

EPOCH = 60_000  # pictures of MNIST
BACKWARD = 2  # times the forward pass: the gradient to the inputs and the one to the weights
LATENCY = 20e-6  # seconds that one sum over the devices takes at least


def predicted(
    *,
    work: float,
    moved: float,
    parameters: int,
    batch: int,
    devices: int,
    machine: dict[str, float],
) -> float:
    """Seconds of an epoch.

    Args:
        work: Multiply-adds of one picture, forward.
        moved: Bytes that a step reads and writes on one device, as XLA counts them.
        parameters: How many are trained.
        batch: Pictures a step, on all devices together.
        devices: How many share it.
        machine: Of one device: `peak` FLOP/s, `memory` and `link` bytes/s.
    """
    computing = 2 * (1 + BACKWARD) * work * batch / devices / machine["peak"]
    moving = moved / devices / machine["memory"]
    # A ring sends and receives each gradient nearly twice.
    summing = 2 * (devices - 1) / devices * 4 * parameters / machine["link"]
    return EPOCH / batch * (max(computing, moving) + (summing + LATENCY) * (devices > 1))


def stepping(backbone: str, devices: int) -> tuple[Any, Any, tuple[Any, Any], dict[str, float]]:
    """A step, its state, a batch, and what they cost."""
    recipe = recipes.load(recipes.find(f"pretrain/mnist-{backbone}"))
    batch, phase = recipe.training.batch_size, recipe.phases[0]
    layout = mesh.build(devices, batch)
    model = create(recipe, seed=0)
    cost = {"work": multiply_adds(model, recipe.data.input_size), "batch": batch}
    freeze.set_modes(model, phase)
    graph, weights = surgery.split(model)
    rule = optim.optimizer(phase, 1000, weights.params, clip_norm=recipe.training.clip_norm)
    builder = StepBuilder(graph=graph, optimizer=rule, recipe=recipe, mesh=layout)
    state = builder.begin(weights)
    rng, size = np.random.default_rng(0), recipe.data.input_size
    images = rng.integers(0, 256, (batch, size, size), dtype=np.uint8)
    inputs = (images, rng.integers(0, 10, batch).astype(np.int32))
    lowered = layout.jit(builder._step).lower(state, *inputs, (), np.uint32(0))
    counted = lowered.compile().cost_analysis()
    cost["parameters"] = sum(array.size for array in weights.params.values())
    # XLA counts what one device does.
    cost["moved"] = float(counted.get("bytes accessed", 0)) * (devices if devices > 1 else 1)
    return builder.compile(), state, inputs, cost


def peaks(seconds: float = 2.0) -> dict[str, float]:
    """FLOP/s of a large float32 product and bytes/s of a large copy, on the default device."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    square = jnp.ones((size, size), jnp.float32)
    long = jnp.ones(1 << 26, jnp.float32)
    product = jax.jit(lambda a: a @ a)
    copy = jax.jit(lambda a: a + 1)
    return {
        "peak": 2 * size**3 / _fastest(product, square, seconds),
        "memory": 2 * long.nbytes / _fastest(copy, long, seconds),
    }


def _fastest(function: Any, argument: Any, seconds: float) -> float:
    jax.block_until_ready(function(argument))
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        jax.block_until_ready(function(argument))
        times.append(time.perf_counter() - began)
    return min(times)


def measure(backbone: str, devices: int, steps: int) -> dict[str, float]:
    """Median seconds of a step on so many devices, and what it costs."""
    step, state, inputs, cost = stepping(backbone, devices)
    times = []
    for _ in range(steps + 3):
        began = time.perf_counter()
        state = step(state, *inputs)
        jax.block_until_ready(state.step)
        times.append(time.perf_counter() - began)
    return {**cost, "step": statistics.median(times[3:])}


def child(words: list[str], devices: int) -> dict[str, float]:
    """What this script measures in a process of its own: JAX has its devices once and for all."""
    command = [sys.executable, __file__, "--child", str(devices), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(rows: list[dict[str, float]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| devices | predicted s an epoch | measured | measured / predicted | against one device |",
        "|---|---|---|---|---|",
    ]
    one = next((row for row in rows if row["devices"] == 1), rows[0])
    for row in rows:
        found = row.get("measured")
        cells = (
            ("", "", f"{one['predicted'] / row['predicted']:.2f} (predicted)")
            if found is None
            else (
                f"{found:.1f}",
                f"{found / row['predicted']:.2f}",
                f"{one['measured'] / found:.2f}",
            )
        )
        lines.append(f"| {row['devices']:.0f} | {row['predicted']:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone", default="cnn")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--predict", action="store_true", help="measure nothing")
    parser.add_argument("--peak", type=float, help="FLOP/s of one device")
    parser.add_argument("--memory", type=float, help="bytes/s of one device's memory")
    parser.add_argument("--link", type=float, help="bytes/s between devices")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def of_one_device(arguments: argparse.Namespace) -> dict[str, float]:
    """Peak, memory and link of one device: measured, unless they are given."""
    machine: dict[str, float] = {}
    if not arguments.predict:
        # On a CPU the peaks are of all its cores, which are the devices.
        cores = len(os.sched_getaffinity(0)) if jax.default_backend() == "cpu" else 1
        machine = {name: value / cores for name, value in child([], 0).items()}
    given = {name: getattr(arguments, name) for name in ("peak", "memory", "link")}
    machine |= {name: value for name, value in given.items() if value}
    machine.setdefault("link", machine.get("memory", 0.0))  # virtual devices share the memory
    if missing := [name for name in ("peak", "memory", "link") if not machine.get(name)]:
        raise SystemExit(f"give --{' --'.join(missing)}")
    return machine


def gather(arguments: argparse.Namespace) -> dict[int, list[dict[str, float]]]:
    """What the steps of every layout took and cost, round after round."""
    words = ["--backbone", arguments.backbone, "--steps", str(arguments.steps)]
    if arguments.predict:
        return {1: [child([*words[:2], "--steps", "1"], 1)]}
    found: dict[int, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):  # interleaved: what else the machine does hits all alike
        for devices in arguments.devices:
            found.setdefault(devices, []).append(child(words, devices))
    return found


def rows_of(
    arguments: argparse.Namespace,
    machine: dict[str, float],
    found: dict[int, list[dict[str, float]]],
) -> list[dict[str, float]]:
    """Predicted and, where there are measurements, measured seconds of an epoch."""
    cost, rows = next(iter(found.values()))[0], []
    for devices in arguments.devices:
        seconds = predicted(
            work=cost["work"],
            moved=cost["moved"],
            parameters=int(cost["parameters"]),
            batch=int(cost["batch"]),
            devices=devices,
            machine=machine,
        )
        row: dict[str, float] = {"devices": devices, "predicted": seconds}
        if not arguments.predict:
            middle = statistics.median(one["step"] for one in found[devices])
            row["measured"] = middle * EPOCH / cost["batch"]
        rows.append(row)
    return rows


def main() -> None:
    arguments = parsed()
    if arguments.child is not None:
        if jax.config.jax_platforms in (None, "", "cpu"):
            jax.config.update("jax_num_cpu_devices", max(1, arguments.child))
        if arguments.child:
            print(json.dumps(measure(arguments.backbone, arguments.child, arguments.steps)))
        else:
            print(json.dumps(peaks()))
        return
    machine, found = of_one_device(arguments), gather(arguments)
    rows, cost = rows_of(arguments, machine, found), next(iter(found.values()))[0]
    print(
        f"{arguments.backbone}: {cost['work'] / 1e6:.2f} M multiply-adds a picture, "
        f"{cost['moved'] / 1e6:.0f} MB moved a step of {cost['batch']:.0f}; one device: "
        f"{machine['peak'] / 1e9:,.0f} GFLOP/s, {machine['memory'] / 1e9:,.1f} GB/s\n"
    )
    print(table(rows))
    if not arguments.predict:
        content = {
            "command": "python benchmarks/scaling.py",
            "machine": common.machine(),
            "device": machine,
            "cost": cost,
            "rows": rows,
        }
        (common.RESULTS / "scaling.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
