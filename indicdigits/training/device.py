"""Where to compute, said with its reason, and the cache that spares a second compilation.

XLA uses a CPU's further cores poorly in a training step (docs/performance.md). So a CPU is made to
look like several devices, a core each, that share the batch as eight GPUs would.
"""

from __future__ import annotations

import contextlib
import os

import jax

from indicdigits.data.storage import home
from indicdigits.errors import UsageError
from indicdigits.progress import Reporter
from indicdigits.training.allocator import keep_freed_memory
from indicdigits.training.mesh import refuse_missing

MOST = 8  # devices that a CPU is split into unasked; a share of a batch must be worth its while


def choose(
    name: str, reporter: Reporter, *, compute: str = "float32", devices: int | None = 1
) -> None:
    """Sets the device for the whole process, and says which and why.

    Args:
        name: "auto", "cpu", "gpu" or "tpu".
        reporter: Hears the choice.
        compute: The precision of products, for what is said.
        devices: How many are wanted, for `Runtime.devices`; a CPU is split into so many. None is
            all there are, of a CPU one for each core that this process may use.

    Raises:
        UsageError: That device is not there, or not so many.
    """
    if name != "auto":
        jax.config.update("jax_platforms", {"gpu": "cuda,rocm"}.get(name, name))
    keep_compilations()
    _split_cpu(min(cores(), MOST) if devices is None else devices)
    try:
        found = jax.local_devices()
    except RuntimeError as error:
        raise UsageError(
            f"no {name} is there for JAX",
            where="--device",
            allowed="auto, cpu",
            hint="--device auto, or install JAX for that device",
        ) from error
    if found[0].platform == "cpu":
        keep_freed_memory()
    reason = "as asked" if name != "auto" else "the best that JAX found"
    if devices is not None:
        refuse_missing(devices, len(found))
    if found[0].platform == "cpu" and len(found) > cores():
        reporter.say(f"note: {len(found)} virtual devices share {cores()} cores, and wait for them")
    others = f" in each of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    reporter.say(
        f"device: {len(found)} x {found[0].platform} ({found[0].device_kind}){others}, {reason}; "
        f"{cores()} cores; {compute}"
    )


def keep_compilations() -> None:
    """Keeps what is compiled for the next process; a folder that the user has named stands.

    The smallest as well: a process that exports compiles a hundred, nine seconds' worth together.
    """
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(home() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def cores() -> int:
    """The cores that this process may use: fewer than the machine has, where it is pinned."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _split_cpu(count: int) -> None:
    # A user's own number in XLA_FLAGS stands; and once JAX has devices, it has no others.
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", count)
    if count > 1:
        spare_workers(count)


def spare_workers(devices: int) -> None:
    """Gives XLA's CPU client more threads than virtual devices; to be called before it starts.

    It takes as many threads as there are cores, or devices if those are more. A device that waits
    for the others in a sum over the batch holds its thread; and what another computes on meanwhile
    may wait, holding its own, for a part of a product that is left for the first to take up. On a
    busy machine with two cores every second training stood still like that, until XLA ended the
    process after a minute. With a thread for each device to wait in, the others are free.

    Args:
        devices: Virtual devices of this process.
    """
    os.environ.setdefault("NPROC", str(cores() + devices))  # where XLA looks for the number
