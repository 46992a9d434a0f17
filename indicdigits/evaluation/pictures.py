"""Which pictures a network is measured on: its recipe's, any prepared set's, or a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from indicdigits.data.parts import Split, joined
from indicdigits.data.source import is_prepared, load_data, load_split
from indicdigits.errors import DataError, UsageError, did_you_mean
from indicdigits.evaluation.metrics import true_digits
from indicdigits.evaluation.own import own_pictures, script_of_labels
from indicdigits.evaluation.picture_set import Pictures, set_apart
from indicdigits.evaluation.subject import Subject
from indicdigits.progress import Reporter
from indicdigits.recipe import Source
from indicdigits.recipe.sources import OWN, reads
from indicdigits.registry import DATASETS

Part = Literal["test", "validation", "train"]
PARTS: tuple[Part, ...] = ("test", "validation", "train")
WHOLE = "all"  # the part that a user's own pictures are
LAYOUTS = {".csv": "csv", ".npz": "npz"}


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
    named = [_named(subject, text, part) for text in data]
    if script is not None:
        script = script_of_labels(subject, named, script)
        named = [replace(one, script=script) if one.dataset == OWN else one for one in named]
    if not named:
        return _of_recipe(subject, part or "test", reporter)
    loaded = [
        own_pictures(subject, source, reporter)
        if source.dataset == OWN
        else (_prepared(subject, source, part or "test", reporter), {})
        for source in named
    ]
    split, own = joined([one for one, _ in loaded]), all(source.dataset == OWN for source in named)
    starts = np.cumsum([0, *(len(one) for one, _ in loaded)]).tolist()
    unread = {
        start + number: why
        for start, (_, found) in zip(starts, loaded, strict=False)
        for number, why in found.items()
    }
    where = WHOLE if own else part or "test"
    pictures = Pictures(
        split=split,
        part=where,
        sources=tuple(data),
        of_recipe=False,
        seen=_seen(subject, reporter),
        counts={where: _per_class(split, subject)},
        script=script,
    )
    return set_apart(pictures, subject.recipe.labels, unread)


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
    found = Pictures(
        split=parts[part],
        part=part,
        sources=tuple(source.dataset for source in recipe.data.sources if source.tested),
        of_recipe=True,
        seen=np.concatenate(seen),
        counts={name: _per_class(one, subject) for name, one in parts.items()},
        validation=data.validation,
        negatives=_negatives(subject, here, reporter) if part == "test" else None,
    )
    return set_apart(found, recipe.labels, {})


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


def _check_script(subject: Subject, dataset: str, script: str | None) -> None:
    """Refuses a data set of a script that a reader does not read.

    Raises:
        DataError: No digit of it is one of the reader's classes.
    """
    classes = subject.recipe.labels
    if script is None or reads(classes, script):
        return
    fit = [name for name, of in _configs().items() if of and reads(classes, of)]
    raise DataError(
        f"{dataset!r} holds digits of {script}, and {subject.name} reads none of them",
        where="--data",
        allowed=", ".join(fit) or "pictures of one's own",
        hint=f"a reader of {script}",
    )


def _configs() -> dict[str, str | None]:
    """Every prepared data set by its full name -> its script."""
    return {
        f"{name}/{config}" if config else name: script
        for name in DATASETS
        if name != OWN
        for config, script in DATASETS.get(name).scripts.items()
    }


def _named(subject: Subject, text: str, part: Part | None) -> Source:
    """What a word after --data stands for.

    Raises:
        UsageError: Own pictures have no parts, and no set is divided into all of them.
        DataError: It is no data set, no folder and no file, or of a script that is not read.
    """
    path = Path(text).expanduser()
    layout = "folder" if path.is_dir() else LAYOUTS.get(path.suffix.lower())
    name, _, config = text.partition("/")
    if name in DATASETS and name != OWN and config in DATASETS.get(name).scripts:
        _check_script(subject, text, DATASETS.get(name).scripts[config])
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
    known = list(_configs())
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
