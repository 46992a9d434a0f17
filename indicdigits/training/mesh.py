"""The devices that share each batch: their mesh, and what is where on it.

Data parallel and nothing else: every device holds the whole state and computes an equal share of
each batch. The step is one program over the global batch, which XLA parts among the devices: so
batch statistics, mixing and randomness are those of the whole batch, whatever the layout. With one
device there is no mesh, and nothing is placed anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from indicdigits.errors import UsageError

AXIS = "batch"


@dataclass(frozen=True)
class DataMesh:
    """Devices in a row, those of process 0 first; None is the one default device."""

    devices: Mesh | None = None

    @property
    def size(self) -> int:
        """Devices of all processes together."""
        return 1 if self.devices is None else self.devices.size

    def __str__(self) -> str:
        processes = jax.process_count()
        devices = f"{self.size} device{'s' * (self.size > 1)}"
        return devices if processes == 1 else f"{devices} of {processes} processes"

    @property
    def replicated(self) -> NamedSharding | None:
        """The layout of what every device holds whole."""
        return None if self.devices is None else NamedSharding(self.devices, PartitionSpec())

    def rows(self, batch_size: int) -> slice:
        """Which rows of a global batch this process provides."""
        if self.devices is None:
            return slice(None)
        share = batch_size // jax.process_count()
        return slice(jax.process_index() * share, (jax.process_index() + 1) * share)

    def jit(self, function: Callable[..., Any], **options: Any) -> Any:
        """`jax.jit`; what comes out is whole on every device."""
        if self.devices is not None:
            options["out_shardings"] = self.replicated
        return jax.jit(function, **options)

    def shard(self, rows: npt.ArrayLike) -> Any:
        """The global batch, parted among all devices, of which this process gives its `rows`."""
        if self.devices is None:
            return rows
        sharding = NamedSharding(self.devices, PartitionSpec(AXIS))
        return jax.make_array_from_process_local_data(sharding, np.asarray(rows))

    def replicate(self, tree: Any) -> Any:
        """A copy of a tree of arrays for every device; all processes must give the same."""
        if self.devices is None:
            return tree
        put = jax.make_array_from_process_local_data
        # An own copy: the step donates its state, and memory may be shared on a CPU.
        return jax.tree.map(lambda leaf: put(self.replicated, np.array(leaf, copy=True)), tree)

    def local(self, tree: Any) -> Any:
        """What `replicate` has spread, on the default device of this process alone."""
        if self.devices is None:
            return tree
        return jax.tree.map(lambda leaf: jnp.array(np.asarray(leaf)), tree)

    def spread(self, tree: Any, *, axis: int = 0) -> Any:
        """Inside a jitted function: parts the arrays of a tree among the devices along `axis`.

        Whatever shuffles or reshapes a batch leaves XLA free to compute all of it on every device.
        """
        if self.devices is None:
            return tree
        sharding = NamedSharding(self.devices, PartitionSpec(*[None] * axis, AXIS))
        return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, sharding), tree)


ONE_DEVICE = DataMesh()


def build(count: int | None, batch_size: int, parts: int = 1) -> DataMesh:
    """The mesh of a run.

    Args:
        count: Devices of each process; None takes all of them, or on a CPU as many as divide
            the batch.
        batch_size: Pictures a step, in all processes together.
        parts: That a batch is computed in, one after the other.

    Raises:
        UsageError: There are not so many devices, or they do not divide the batch.
    """
    processes, there = jax.process_count(), jax.local_device_count()
    if count is None:
        count = there
        if jax.default_backend() == "cpu":
            count = max(_divisors(batch_size, processes * parts, there), default=there)
    check(count, batch_size, parts, processes=processes, there=there)
    if processes * count == 1:
        return ONE_DEVICE
    chosen: dict[int, list[jax.Device]] = {process: [] for process in range(processes)}
    for device in jax.devices():
        if len(chosen[device.process_index]) < count:
            chosen[device.process_index].append(device)
    return DataMesh(Mesh(np.array(list(chosen.values())).ravel(), (AXIS,)))


def check(count: int, batch_size: int, parts: int, *, processes: int, there: int) -> None:
    """Refuses devices that are not there, or that do not divide the batch.

    Args:
        count: Devices asked for, of each process.
        batch_size: Pictures a step.
        parts: That a batch is computed in.
        processes: How many there are.
        there: Devices that each of them has.

    Raises:
        UsageError: As said.
    """
    refuse_missing(count, there)
    share = processes * count * parts
    if batch_size % share == 0:
        return
    who = f"{count} devices" if processes == 1 else f"{processes} processes of {count} devices"
    fitting = _divisors(batch_size, processes * parts, there)
    rounded = max(1, batch_size // share) * share
    raise UsageError(
        f"a batch of {batch_size} pictures{f', in {parts} parts,' if parts > 1 else ''} "
        f"cannot be shared equally by {who}",
        where="--devices",
        allowed=f"{', '.join(map(str, fitting))} for this batch" if fitting else None,
        hint=" or ".join(
            [f"--devices {fitting[-1]}"] * bool(fitting) + [f"--set training.batch_size={rounded}"]
        ),
    )


def refuse_missing(count: int, there: int) -> None:
    """Refuses more devices than there are.

    Raises:
        UsageError: As said.
    """
    if count > there:
        raise UsageError(
            f"{count} devices are asked for, and there are {there}",
            where="--devices",
            allowed=f"auto, or 1 to {there}",
            hint=f"--devices {there}",
        )


def _divisors(batch_size: int, shares: int, there: int) -> list[int]:
    """The numbers of devices up to `there` that divide the batch."""
    return [n for n in range(1, there + 1) if batch_size % (shares * n) == 0]
