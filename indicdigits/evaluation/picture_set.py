"""A set of labelled pictures as they are measured: names for each, and what is counted apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indicdigits.data.parts import Split
from indicdigits.errors import DataError, PictureError
from indicdigits.evaluation.metrics import true_digits
from indicdigits.recipe import ClassEntry
from indicdigits.runtime.reading import NO_INK


@dataclass(frozen=True, kw_only=True)
class Apart:
    """A picture that no network is asked about: a reader refuses it whatever is answered.

    Attributes:
        id: Its name, as in predictions.csv.
        label: Index of its class.
        reason: Why, such as "no ink found".
        error: What is wrong with a file that is no picture; None of a picture.
    """

    id: str
    label: int
    reason: str
    error: PictureError | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """The pictures that are read, and what is known of those that were learnt from.

    Attributes:
        split: The pictures.
        part: "test", "validation" or "train"; "all" of a user's own.
        sources: Names of the data sets.
        of_recipe: Whether they are the recipe's own, rather than named for this measurement.
        seen: Keys of the pictures that were trained or chosen on; None where nobody can tell.
        counts: Part -> pictures of each class, of the parts that are known, all that there are.
        validation: The part held out of training; None where it is not at hand.
        script: Whose digits 0 to 9 were said to be, as labels of a user's own; None of a reader of
            one script.
        negatives: Test pictures of no digit, of the sets that were trained on and are no part of
            the test split; None where there are none at hand.
        apart: Pictures that are not in `split`: digits without ink, more than one digit, or broken.
        names: Names of the pictures where their places do not give them.
    """

    split: Split
    part: str
    sources: tuple[str, ...]
    of_recipe: bool
    seen: NDArray[np.bytes_] | None
    counts: Mapping[str, Sequence[int]]
    validation: Split | None = None
    negatives: Split | None = None
    script: str | None = None
    apart: Sequence[Apart] = ()
    names: Sequence[str] = ()

    @property
    def ids(self) -> Sequence[str]:
        """(N,), a name for each picture of `split`, as in predictions.csv."""
        return self.names or identify(self.split, self.part)

    @property
    def leaked(self) -> NDArray[np.bool_] | None:
        """Bool (N,), which of them were trained or chosen on, byte for byte; None: unknown."""
        return None if self.seen is None else np.isin(self.split.keys, self.seen)


def set_apart(
    pictures: Pictures, classes: Sequence[ClassEntry], unread: Mapping[int, str | PictureError]
) -> Pictures:
    """Takes out what no network is asked about, and says why.

    A picture without ink that is labelled as no digit stays: to refuse it is right.

    Args:
        pictures: All that there are, in their order.
        classes: What labels name.
        unread: Place -> why a reader refuses it, or what is wrong with a file that is no picture.

    Raises:
        DataError: Not one can be read.
    """
    split, names = pictures.split, pictures.ids
    blank = true_digits(split.labels, classes) & ~split.images.any(axis=(1, 2))
    why = dict.fromkeys(np.flatnonzero(blank).tolist(), NO_INK) | dict(unread)
    out = np.isin(np.arange(len(split)), list(why))
    apart = [_apart(names[at], int(split.labels[at]), why[at]) for at in sorted(why)]
    if out.all():
        raise DataError(
            f"none of the {len(split)} pictures can be read, the first for this: "
            + (apart[0].reason if apart else "there is none"),
            where=split.name,
            allowed="pictures of one digit each, with ink on paper",
        )
    if not apart:
        return pictures
    kept = np.flatnonzero(~out).tolist()
    names = [names[number] for number in kept]
    return replace(pictures, split=split.take(kept), names=names, apart=apart)


def _apart(name: str, label: int, why: str | PictureError) -> Apart:
    if isinstance(why, PictureError):
        return Apart(id=name, label=label, reason=why.message, error=why)
    return Apart(id=name, label=label, reason=why)


def identify(split: Split, part: str) -> list[str]:
    """A name for each picture that stays the same: its path, or its place in its data set.

    Args:
        split: The pictures.
        part: Of the data sets.

    Returns:
        Paths where every picture has its own, else "cmaterdb/devanagari/test/00012".
    """
    paths = split.groups.get("path")
    if paths is not None and "" not in paths and len(np.unique(paths)) == len(split):
        return [str(path) for path in paths.tolist()]
    names = split.groups.get("dataset", np.full(len(split), "pictures"))
    places = np.zeros(len(split), np.int64)
    for name in np.unique(names):
        of = names == name
        places[of] = np.arange(np.count_nonzero(of))
    return [
        f"{name}/{part}/{place:05d}" for name, place in zip(names.tolist(), places, strict=True)
    ]
