"""Checkpoints: Orbax writes the tree, our manifest proves it. The only file that imports orbax.

Orbax is atomic but checks nothing: a flipped bit restores as silently different weights, and
shapes are ignored. So every file's SHA-256 and every array's path, shape and dtype stand in a
manifest that is written last with a digest of itself, and nothing is restored before it has been
verified.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from indicdigits.data.storage import as_refusal, refused
from indicdigits.errors import CheckpointError, StorageError

MANIFEST = "manifest.json"
SCHEMA = 1
SELF = "sha256"  # the manifest's key for the digest of all its other keys
FULL_HINT = "free some space, then run again with --resume; earlier checkpoints stand"


def save(folder: Path, tree: Any, info: Mapping[str, Any]) -> Path:
    """Writes a checkpoint so that it either is there whole or not at all.

    Args:
        folder: Where it will stand; an older one there is replaced.
        tree: Any pytree of arrays.
        info: Plain data for the manifest (step, recipe digest, …).

    Returns:
        `folder`.

    Raises:
        StorageError: The disk is full or refuses; what stood there before is untouched.
    """
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        arrays = flatten(jax.device_get(tree))
        with _quiet_logs(), _checkpointer() as checkpointer:
            checkpointer.save(temporary.absolute() / "tree", dict(arrays))
        files = sorted(p for p in (temporary / "tree").rglob("*") if p.is_file())
        manifest = {
            "schema": SCHEMA,
            **info,
            "arrays": {
                path: {"shape": list(array.shape), "dtype": str(array.dtype)}
                for path, array in arrays.items()
            },
            "files": {p.relative_to(temporary).as_posix(): _sha256(p) for p in files},
        }
        manifest[SELF] = _digest_of(manifest)
        _write_synced(temporary / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
        _sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, ValueError) as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(temporary, ignore_errors=True)
        refusal = as_refusal(error)
        if refusal is not None:
            raise refused(refusal, folder, FULL_HINT) from error
        if isinstance(error, OSError):
            raise StorageError(str(error), where=folder, hint=FULL_HINT) from error
        raise
    return folder


def _checkpointer() -> ocp.Checkpointer:
    """Orbax's, for this process alone: unasked it waits for all processes, which do not come."""
    alone = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix=f"process{jax.process_index()}",
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a checkpoint.

    Raises:
        CheckpointError: There is none, or it is damaged or from a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise CheckpointError(
            "is no checkpoint: it has no manifest",
            where=folder,
            hint=_newest_good(folder) or "give a run folder or a checkpoint folder",
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        schema = int(manifest["schema"])
        _ = (manifest["files"].items(), manifest["arrays"].items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, path, "the manifest cannot be read") from error
    if schema > SCHEMA:
        raise CheckpointError(
            f"was written by a newer version (schema {schema})",
            where=folder,
            allowed=f"schema {SCHEMA}",
            hint="pip install --upgrade indicdigits",
        )
    if manifest.pop(SELF, None) not in (None, _digest_of(manifest)):
        raise _damaged(folder, path, "the manifest is not what was written (its digest differs)")
    return manifest


def verify(folder: Path) -> dict[str, Any]:
    """Checks every file of a checkpoint against its manifest, and returns the manifest.

    Raises:
        CheckpointError: A file is missing or altered; the newest good step is named.
    """
    manifest = read_manifest(folder)
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise _damaged(folder, path, "a file is missing")
        if _sha256(path) != digest:
            raise _damaged(folder, path, "a file is not what was written (its digest differs)")
    return manifest


def load(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Verifies and restores a checkpoint.

    Returns:
        Path -> array, and the manifest.

    Raises:
        CheckpointError: It is damaged.
    """
    manifest = verify(folder)
    with _checkpointer() as checkpointer:
        restore = jax.tree.map(
            lambda _: ocp.RestoreArgs(restore_type=np.ndarray),
            dict(manifest["arrays"]),
            is_leaf=lambda node: isinstance(node, dict) and "shape" in node,
        )
        restored = checkpointer.restore(folder.absolute() / "tree", restore_args=restore)
    arrays = {path: np.asarray(array) for path, array in restored.items()}
    for path, expected in manifest["arrays"].items():
        array = arrays.get(path)
        if array is None or [list(array.shape), str(array.dtype)] != [
            expected["shape"],
            expected["dtype"],
        ]:
            raise _damaged(folder, folder / "tree", f"array {path!r} is not as the manifest says")
    return arrays, manifest


def newest(run: Path) -> Path | None:
    """The newest checkpoint of a run that verifies, or None."""
    for folder in reversed(steps(run)):
        try:
            verify(folder)
        except CheckpointError:
            continue
        return folder
    return None


def resume_point(run: Path, say: Callable[[str], None]) -> Path | None:
    """The checkpoint to go on from; newer ones that are damaged are put aside, and that is said.

    Returns:
        The folder, or None when the run has no checkpoint yet.

    Raises:
        CheckpointError: It has some, and every one is damaged.
    """
    found, all_steps = newest(run), steps(run)
    for folder in all_steps[all_steps.index(found) + 1 :] if found else reversed(all_steps):
        try:
            verify(folder)
        except CheckpointError as error:
            if found is None:
                raise
            # Under its own name it would count as newer than what is saved from now on.
            aside = folder.with_name(f"damaged_{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            say(f"{error.where}: {error.message}; put aside as {aside}, going on from {found}")
    return found


def step_folder(run: Path, step: int) -> Path:
    """Where the checkpoint of a step stands."""
    return run / "checkpoints" / f"step_{step:08d}"


def step_of(folder: Path) -> int:
    """The step whose checkpoint stands there; the inverse of `step_folder`."""
    return int(folder.name.rpartition("_")[2])


def steps(run: Path) -> list[Path]:
    """The step checkpoints of a run, oldest first."""
    return sorted(p for p in (run / "checkpoints").glob("step_*") if p.is_dir())


def prune(run: Path, keep: int = 2) -> None:
    """Removes all but the newest step checkpoints, and what a killed process left behind."""
    for folder in steps(run)[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (run / "checkpoints").glob(".*"):
        shutil.rmtree(folder, ignore_errors=True)


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """A pytree of arrays as path -> array; `unflatten` is its inverse."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path): np.asarray(leaf) for path, leaf in leaves}


def unflatten(like: Any, arrays: Mapping[str, np.ndarray], *, where: object) -> Any:
    """Puts arrays into a pytree of the same structure.

    Raises:
        CheckpointError: A path, shape or dtype differs from `like`.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    expected = {_name(path): leaf for path, leaf in leaves}
    for path in sorted(set(expected) ^ set(arrays)):
        side = "lacks" if path in expected else "has an unexpected"
        raise CheckpointError(f"the checkpoint {side} array {path!r}", where=where)
    for path, leaf in expected.items():
        if arrays[path].shape != leaf.shape or arrays[path].dtype != leaf.dtype:
            raise CheckpointError(
                f"array {path!r} is {arrays[path].dtype}{list(arrays[path].shape)}",
                where=where,
                allowed=f"{leaf.dtype}{list(leaf.shape)}",
            )
    return jax.tree_util.tree_unflatten(structure, [jax.numpy.array(arrays[p]) for p in expected])


def _name(path: tuple[Any, ...]) -> str:
    """Tree path -> "average|params|stem/conv/kernel": unique, and no folder to Orbax."""
    keys = [getattr(k, "key", getattr(k, "name", getattr(k, "idx", k))) for k in path]
    return "|".join(map(str, keys))


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silences Orbax, whose threads log the traceback of an error that is raised here as well."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _newest_good(folder: Path) -> str | None:
    """The hint that names the newest good step beside a bad one."""
    for other in sorted(folder.parent.glob("step_*"), reverse=True):
        if other == folder:
            continue
        try:
            verify(other)
        except CheckpointError:
            continue
        return f"the newest good checkpoint is {other}; --resume takes it by itself"
    return None


def _damaged(folder: Path, path: Path, what: str) -> CheckpointError:
    hint = _newest_good(folder) or "restore the file from a copy, or train again"
    return CheckpointError(f"checkpoint {folder} is damaged: {what}", where=path, hint=hint)
