"""Moving weights between a module and flat dictionaries, and swapping heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.errors import CheckpointError, did_you_mean

Arrays = dict[str, jax.Array]
Graph: TypeAlias = "nnx.GraphDef[Any]"
# What a new head does not take over. Class means are means of trained features, and a norm that
# comes before the dense layer is part of those.
FRESH = {"reset": "head/", "prototype": "head/dense/"}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A network's weights: path -> array for parameters and for batch statistics."""

    params: Arrays
    stats: Arrays


def split(model: nnx.Module) -> tuple[Graph, Weights]:
    """Takes a module apart into its structure and its weights."""
    graph, params, *rest = nnx.split(model, nnx.Param, nnx.BatchStat)
    stats = rest[0]
    return graph, Weights(params=_flat(params), stats=_flat(stats))


def merge(graph: Graph, params: Mapping[str, jax.Array], stats: Mapping[str, jax.Array]) -> Any:
    """Puts a module together again; works on traced arrays."""
    return nnx.merge(graph, _nested(params, nnx.Param), _nested(stats, nnx.BatchStat))


def stats_of(model: nnx.Module) -> Arrays:
    """The batch statistics of a module."""
    return _flat(nnx.state(model, nnx.BatchStat))


def assign(model: nnx.Module, weights: Weights) -> None:
    """Writes weights into a module of the same structure."""
    nnx.update(model, _nested(weights.params, nnx.Param), _nested(weights.stats, nnx.BatchStat))


def transfer(fresh: Weights, loaded: Weights, *, head: str, where: object) -> Weights:
    """Fills a fresh network with loaded weights; only the head may differ.

    Args:
        fresh: Weights of the network to be trained.
        loaded: Weights from a checkpoint.
        head: "keep" demands the same head too; "reset" leaves the fresh head in place, and
            "prototype" its dense layer.
        where: The checkpoint, named in errors.

    Returns:
        The filled weights.

    Raises:
        CheckpointError: A path, shape or dtype differs.
    """
    prefix = FRESH.get(head)
    for ours, theirs, what in (
        (fresh.params, loaded.params, "parameter"),
        (fresh.stats, loaded.stats, "batch statistic"),
    ):
        compare(ours, theirs, what=what, where=where, ignore=prefix)
    filled = [
        {p: array if prefix and p.startswith(prefix) else theirs[p] for p, array in ours.items()}
        for ours, theirs in ((fresh.params, loaded.params), (fresh.stats, loaded.stats))
    ]
    # A copy: the step donates its inputs, and must not destroy the caller's arrays.
    copied = jax.tree.map(lambda array: jnp.array(array, copy=True), filled)
    return Weights(params=copied[0], stats=copied[1])


def compare(
    expected: Mapping[str, jax.Array],
    found: Mapping[str, jax.Array],
    *,
    what: str,
    where: object,
    ignore: str | None = None,
) -> None:
    """Compares two trees by path, shape and dtype.

    Raises:
        CheckpointError: The first difference, named.
    """

    def relevant(paths: Mapping[str, jax.Array]) -> set[str]:
        return {path for path in paths if ignore is None or not path.startswith(ignore)}

    for path in sorted(relevant(expected) ^ relevant(found)):
        side = "lacks" if path in expected else "has an unexpected"
        raise CheckpointError(
            f"the checkpoint {side} {what} {path!r}",
            where=where,
            hint=did_you_mean(path, found if path in expected else expected)
            or "use a checkpoint of the same backbone",
        )
    for path in sorted(relevant(expected)):
        ours, theirs = expected[path], found[path]
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            different_head = path.startswith("head/")
            raise CheckpointError(
                f"{what} {path!r} is {theirs.dtype}{list(theirs.shape)}",
                where=where,
                allowed=f"{ours.dtype}{list(ours.shape)}",
                hint='start.head = "reset" starts a new head' if different_head else None,
            )


def _flat(state: Any) -> Arrays:
    return {"/".join(map(str, path)): leaf[...] for path, leaf in nnx.to_flat_state(state)}


def _nested(arrays: Mapping[str, jax.Array], kind: type[Any]) -> Any:
    flat: Any = {_keys(path): kind(array) for path, array in arrays.items()}
    return nnx.from_flat_state(flat)


def _keys(path: str) -> tuple[str | int, ...]:
    """Path -> keys; list elements are numbers in NNX."""
    return tuple(int(part) if part.isdigit() else part for part in path.split("/"))
