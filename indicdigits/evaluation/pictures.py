"""Which pictures a network is measured on: its recipe's, any prepared set's, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from indicdigits.data.parts import Split, class_indices, joined
from indicdigits.data.source import is_prepared, load_data, load_split
from indicdigits.errors import DataError, UsageError, did_you_mean
from indicdigits.evaluation.metrics import true_digits
from indicdigits.evaluation.subject import Subject
from indicdigits.progress import Reporter
from indicdigits.recipe import Source
from indicdigits.recipe.sources import OWN, scripts_read
from indicdigits.registry import DATASETS
from indicdigits.scripts import get_script

Part = Literal["test", "validation", "train"]
PARTS: tuple[Part, ...] = ("test", "validation", "train")
WHOLE = "all"  # the part that a user's own pictures are
LAYOUTS = {".csv": "csv", ".npz": "npz"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """The pictures that are read, and what is known of those that were learnt from.

    Attributes:
        split: The pictures.
        part: "test", "validation" or "train"; "all" of a user's own.
        sources: Names of the data sets.
        of_recipe: Whether they are the recipe's own, rather than named for this measurement.
        seen: Keys of the pictures that were trained or chosen on; None where nobody can tell.
        counts: Part -> pictures of each class, of the parts that are known.
        validation: The part held out of training; None where it is not at hand.
        script: Whose digits 0 to 9 were said to be, as labels of a user's own; None of a reader of
            one script.
        negatives: Test pictures of no digit, of the sets that were trained on and are no part of
            the test split; None where there are none at hand.
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

    @property
    def leaked(self) -> NDArray[np.bool_] | None:
        """Bool (N,), which of them were trained or chosen on, byte for byte; None: unknown."""
        return None if self.seen is None else np.isin(self.split.keys, self.seen)


def choose(
    subject: Subject,
    data: Sequence[str],
    part: Part | None,
    reporter: Reporter,
    *,
    script: str | None = None,
) -> Pictures:
    """Loads what is to be read.

    Args:
        subject: What reads it; its classes are what labels may be.
        data: Names of prepared data sets, folders with a subfolder a class, CSV or npz files; of
            several all are read. Without any, the recipe's own.
        part: Which part; the test part where it is None. Own pictures are read whole.
        reporter: Where progress goes.
        script: Whose digits the labels 0 to 9 of own pictures are; asked for where the classes are
            digits of several scripts.

    Raises:
        UsageError: The data have no such part, or the reader no such script.
        DataError: No such data, or they do not fit the classes.
    """
    named = [_named(text, part) for text in data]
    if script is not None:
        script = _script_of_labels(subject, named, script)
        named = [replace(one, script=script) if one.dataset == OWN else one for one in named]
    if not named:
        return _of_recipe(subject, part or "test", reporter)
    splits = [
        own_pictures(subject, source, reporter)
        if source.dataset == OWN
        else _prepared(subject, source, part or "test", reporter)
        for source in named
    ]
    split, own = joined(splits), all(source.dataset == OWN for source in named)
    where = WHOLE if own else part or "test"
    return Pictures(
        split=split,
        part=where,
        sources=tuple(data),
        of_recipe=False,
        seen=_seen(subject, reporter),
        counts={where: _per_class(split, subject)},
        script=script,
    )


def _script_of_labels(subject: Subject, named: Sequence[Source], script: str) -> str:
    """The name of the script that labels are said to be of.

    Raises:
        UsageError: There is none of that name, the reader has no digits of it, or no data with
            labels of a user's own are named.
    """
    name, read = get_script(script).name, scripts_read(subject.recipe.labels)
    if not any(one.dataset == OWN for one in named):
        raise UsageError(
            "says whose digits the labels of pictures of one's own are, and there are none",
            where=f"--script {script}",
            allowed="beside --data FOLDER, a .csv or a .npz",
        )
    if name not in read:
        raise UsageError(
            f"{subject.name} reads no digits of that script",
            where=f"--script {script}",
            allowed=", ".join(read) or "no --script: its classes are no digits of any script",
        )
    return name


def _of_recipe(subject: Subject, part: Part, reporter: Reporter) -> Pictures:
    recipe = subject.recipe
    untested = [s for s in recipe.data.sources if s.weight and not s.tested]
    here = [source for source in untested if _is_here(subject, source)]
    # To draw what no digit is takes minutes and fonts, and how digits are read needs none of it.
    missing = {source.dataset for source in untested} - {source.dataset for source in here}
    if missing:
        reporter.say(f"not on this machine, and not measured: {', '.join(sorted(missing))}")
    data = load_data(recipe, subject.root, reporter, leave_out=missing)
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    if not len(parts[part]):
        raise DataError(f"the {part} part is empty", where=recipe.name, allowed="--part test")
    # A test picture in the validation part counts as seen too: choices were made on it.
    seen = [data.train.keys, *([data.validation.keys] if part == "test" else [])]
    return Pictures(
        split=parts[part],
        part=part,
        sources=tuple(source.dataset for source in recipe.data.sources if source.tested),
        of_recipe=True,
        seen=np.concatenate(seen),
        counts={name: _per_class(one, subject) for name, one in parts.items()},
        validation=data.validation,
        negatives=_negatives(subject, here, reporter) if part == "test" else None,
    )


def _is_here(subject: Subject, source: Source) -> bool:
    recipe = subject.recipe
    try:
        return is_prepared(source, classes=recipe.labels, root=subject.root, strokes=recipe.strokes)
    except DataError:
        return False


def _negatives(subject: Subject, sources: Sequence[Source], reporter: Reporter) -> Split | None:
    """The pictures of no digit in the test parts of these sets."""
    splits = [_prepared(subject, source, "test", reporter) for source in sources]
    if not splits:
        return None
    split = joined(splits)
    rows = np.flatnonzero(~true_digits(split.labels, subject.recipe.labels))
    return split.take(rows) if len(rows) else None


def _per_class(split: Split, subject: Subject) -> list[int]:
    return [int(n) for n in np.bincount(split.labels, minlength=len(subject.recipe.labels))]


def _named(text: str, part: Part | None) -> Source:
    """What a word after --data stands for.

    Raises:
        UsageError: Own pictures have no parts, and no set is divided into all of them.
        DataError: It is no data set, no folder and no file.
    """
    path = Path(text).expanduser()
    layout = "folder" if path.is_dir() else LAYOUTS.get(path.suffix.lower())
    name, _, config = text.partition("/")
    if name in DATASETS and name != OWN and config in DATASETS.get(name).scripts:
        if part == "validation":
            raise UsageError(
                "a validation part belongs to a recipe",
                where=f"--part {part}",
                allowed="test or train with --data",
            )
        return Source(dataset=text)
    if layout and path.exists():
        if part is not None:
            raise UsageError(
                "pictures of one's own are read whole", where=f"--part {part}", hint="no --part"
            )
        return Source(dataset=OWN, format=cast(Any, layout), train=str(path.absolute()))
    raise _unknown(text)


def _unknown(text: str) -> DataError:
    known = [
        f"{name}/{config}" if config else name
        for name in DATASETS
        if name != OWN
        for config in DATASETS.get(name).scripts
    ]
    return DataError(
        f"no data set and no pictures are called {text!r}",
        where="--data",
        allowed=f"{', '.join(known)}; a folder with a subfolder a class; a .csv or .npz file",
        hint=did_you_mean(text, known),
    )


def _prepared(subject: Subject, source: Source, part: Part, reporter: Reporter) -> Split:
    recipe = subject.recipe
    return load_split(
        source,
        cast(Literal["train", "test"], part),
        size=recipe.data.input_size,
        classes=recipe.labels,
        root=subject.root,
        reporter=reporter,
        strokes=recipe.strokes,
    )


def own_pictures(subject: Subject, source: Source, reporter: Reporter) -> Split:
    """A user's own labelled pictures, all of them, read where they lie.

    Args:
        subject: Whose classes the labels name, by text or by value.
        source: A source `labelled_images` whose `train` is an absolute path.
        reporter: Where progress goes.

    Raises:
        DataError: A label is no class, or a file is no usable picture.
    """
    from indicdigits.data.arrays import picture_key
    from indicdigits.data.request import Request
    from indicdigits.datasets.labelled_images.listing import list_all
    from indicdigits.imaging.normalise import normalise

    classes, size = subject.recipe.labels, subject.recipe.data.input_size
    table = list_all(Request(source=source, classes=classes, root=Path()))
    images = np.zeros((len(table), size, size), np.uint8)
    keys = np.zeros(len(table), "S32")
    with reporter.track("reading pictures", len(table)) as task:
        for number in range(len(table)):
            picture = table.read(number)
            images[number], keys[number] = normalise(picture, size), picture_key(picture)
            task.advance()
    name = Path(str(source.train)).name
    names = [(entry.text, entry.value) for entry in classes]
    return Split(
        images=images,
        labels=class_indices(table.labels, names, classes, name),
        keys=keys,
        groups={**table.columns, "dataset": np.full(len(table), name)},
        name=name,
    )


def _seen(subject: Subject, reporter: Reporter) -> NDArray[np.bytes_] | None:
    """Keys of what was trained on, as far as it was not drawn; None where it is not at hand.

    Nothing is downloaded to find out.
    """
    recipe = subject.recipe
    keys: list[NDArray[np.bytes_]] = [np.zeros(0, "S32")]
    for source in recipe.data.sources:
        if not source.weight or DATASETS.get(source.dataset.partition("/")[0]).drawn:
            continue
        if not _is_here(subject, source):
            return None
        keys.append(_prepared(subject, source, "train", reporter).keys)
    return np.concatenate(keys)


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
