"""Carving a part out of the data: stratified, deterministic, identical pictures together.

The choice follows from a hash of each picture's digest and the seed. It depends neither on the
order of the pictures nor on a library's random numbers, and adding pictures moves few others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]


def chosen_of_each(
    strata: npt.NDArray[np.int64], keys: npt.NDArray[np.bytes_], fraction: float, *, seed: int
) -> Bool:
    """Chooses about `fraction` of each stratum; identical pictures of one go to the same side.

    Args:
        strata: (N,) number of the class of each picture, or of what else is kept in proportion.
        keys: S32 (N,) hexadecimal digests.
        fraction: Part to choose, 0 to 1. Above 0, a stratum with two different pictures or more
            gives at least one of them and keeps at least one.
        seed: Another seed, another choice.

    Returns:
        bool (N,), true where chosen.
    """
    chosen = np.zeros(len(strata), bool)
    if fraction <= 0:
        return chosen
    ranks = _ranks(keys, seed)
    for members in _members(strata):
        unique, inverse, counts = np.unique(ranks[members], return_inverse=True, return_counts=True)
        if len(unique) >= 2:
            fits = np.cumsum(counts) - counts / 2 <= fraction * len(members)
            chosen[members] = inverse < np.clip(fits.sum(), 1, len(unique) - 1)
    return chosen


def first_of_each(
    strata: npt.NDArray[np.int64], keys: npt.NDArray[np.bytes_], number: int, *, seed: int
) -> Bool:
    """Chooses `number` pictures of each stratum (all of it where it has fewer).

    What a smaller number chooses, a larger one chooses too.

    Args:
        strata: (N,) number of the class of each picture.
        keys: S32 (N,) hexadecimal digests.
        number: How many to choose of each.
        seed: Another seed, another choice.

    Returns:
        bool (N,), true where chosen.
    """
    chosen = np.zeros(len(strata), bool)
    ranks = _ranks(keys, seed)
    for members in _members(strata):
        chosen[members[np.argsort(ranks[members], kind="stable")[:number]]] = True
    return chosen


def _members(strata: npt.NDArray[np.int64]) -> list[npt.NDArray[np.intp]]:
    return [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]


def _ranks(keys: npt.NDArray[np.bytes_], seed: int) -> npt.NDArray[np.uint64]:
    """uint64 (N,): the first 64 bits of each digest, mixed with the seed (SplitMix64)."""
    text = keys.astype("S16").tobytes().decode()
    bits = np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64)
    mixed = bits ^ np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
