"""Several processes that train one network: joining, agreeing, and stopping together.

Process 0 alone writes the run folder and talks; the others read the folder, so all must see it.
What a process decides by its own clock or from its own signals is agreed on before it counts:
where one leaves the others waiting in a sum over the devices, nothing moves any more.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from indicdigits.errors import CheckpointError, IndicDigitsError, TrainingError, UsageError
from indicdigits.training.mesh import DataMesh

HEARTBEAT = 100  # seconds without a sign of life after which a process counts as dead
MEETING = 300  # seconds to wait for all processes at the start
# How the libraries underneath begin when a sum over the devices lost one of them.
LOST = ("gloo", "nccl", "unavailable", "deadline_exceeded", "coordination", "connection")
_NONE = -1


def join(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Makes this process one of several; must come before anything is computed.

    Args:
        coordinator: HOST:PORT of process 0, the same in all; "auto" leaves everything to what the
            scheduler says (SLURM, Open MPI, Cloud TPU); None stays alone.
        processes: How many there are.
        process: Which of them this is, from 0.

    Raises:
        UsageError: The options do not fit together, or the others cannot be reached.
    """
    if coordinator is None:
        if processes is not None or process is not None:
            raise _bad("--processes and --process need --coordinator")
        return
    alone = {"cluster_detection_method": "deactivate"}
    if coordinator == "auto":
        coordinator, alone = None, {}
    else:
        if processes is None or process is None:
            raise _bad("--coordinator needs --processes and --process")
        if not 0 <= process < processes:
            raise _bad(f"there is no process {process} among {processes}")
        if not coordinator.rpartition(":")[2].isdigit():
            raise _bad(f"{coordinator!r} names no port")
    # It would catch SIGTERM before `fit` does.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=MEETING,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=2 * HEARTBEAT,
            **alone,  # type: ignore[arg-type]
        )
    except (ValueError, TypeError, RuntimeError) as error:
        raise _bad(f"no meeting with the other processes: {error}") from error


def _bad(message: str) -> UsageError:
    return UsageError(
        message,
        where="--coordinator",
        allowed="auto, or --coordinator HOST:PORT --processes N --process I with I from 0 to N-1",
        hint="docs/scaling.md has the commands for SLURM and Kubernetes",
    )


def is_first() -> bool:
    """Whether this is the process that writes and talks; so it is where there is but one."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Waits until all processes are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def agreed(number: int | None) -> int | None:
    """The number of process 0, in every process."""
    if jax.process_count() == 1:
        return number
    told = multihost_utils.broadcast_one_to_all(np.int32(_NONE if number is None else number))
    return None if int(told) == _NONE else int(told)


def seen(path: Path) -> Path:
    """The path, which process 0 has written.

    Raises:
        CheckpointError: This process does not see it.
    """
    if not path.exists():
        raise CheckpointError(
            f"process {jax.process_index()} does not see it, process 0 does",
            where=path,
            hint="put the run folder on a file system that all hosts share",
        )
    return path


@contextmanager
def scratch(run: Path) -> Iterator[Path]:
    """Where a process keeps what it draws: the run folder, or for the others their own disk."""
    if is_first():
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="indicdigits-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class StopSignal:
    """Lets all processes stop after the same step.

    What a process has been asked is summed over all every few steps, and the sum is looked at when
    the next one is asked for, so that no step waits for it.
    """

    EVERY = 8

    def __init__(self, mesh: DataMesh) -> None:
        self._mesh = mesh
        self._pending: jax.Array | None = None
        self._most = mesh.jit(jnp.max)

    def __call__(self, step: int, asked: int | None) -> int | None:
        """After `step`: the signal to stop by, the same in every process, or None.

        Args:
            step: Steps done.
            asked: The signal that this process has got, if any.
        """
        if jax.process_count() == 1:
            return asked
        if step % self.EVERY:
            return None
        told = 0 if self._pending is None else int(self._pending)
        mine = np.full(self._mesh.size // jax.process_count(), asked or 0, np.int32)
        self._pending = self._most(self._mesh.shard(mine))
        return told or None


@contextmanager
def lost_is_said(run: Path, resume_command: str) -> Iterator[None]:
    """Turns what a lost process leaves behind in the others into an error that says so."""
    try:
        yield
    except (ValueError, RuntimeError) as error:  # JAX raises both
        text = str(error).lower()
        if jax.process_count() == 1 or not any(word in text for word in LOST):
            raise
        raise TrainingError(
            f"another process of this run has stopped ({str(error).splitlines()[0][:120]})",
            where=run,
            hint=f"see what that process said; then, in all of them, {resume_command}",
        ) from error


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Ends a process that fails without its waiting for the others, which wait for it."""
    try:
        yield
    except BaseException as error:
        if jax.distributed.is_initialized():
            code = error.exit_code if isinstance(error, IndicDigitsError) else 1
            atexit.register(_leave, code)  # runs before JAX's own, which waits for the others
        raise


def _leave(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
