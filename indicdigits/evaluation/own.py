"""A user's own labelled pictures, read where they lie, and what their labels mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indicdigits.data.parts import Split, class_indices
from indicdigits.errors import PictureError, UsageError
from indicdigits.evaluation.subject import Subject
from indicdigits.progress import Reporter
from indicdigits.recipe import Source
from indicdigits.recipe.sources import OWN, scripts_read
from indicdigits.runtime.reading import CROWDED
from indicdigits.scripts import get_script


def own_pictures(
    subject: Subject, source: Source, reporter: Reporter
) -> tuple[Split, dict[int, str | PictureError]]:
    """A user's own labelled pictures, all of them, read where they lie.

    Args:
        subject: Whose classes the labels name, by text or by value.
        source: A source `labelled_images` whose `train` is an absolute path.
        reporter: Where progress goes.

    Returns:
        The pictures, and place -> what is wrong with those that a reader does not read: a reason,
        or the error of a file that is no picture, which is blank here.

    Raises:
        DataError: A label is no class.
    """
    from indicdigits.data.arrays import picture_key
    from indicdigits.data.request import Request
    from indicdigits.datasets.labelled_images.listing import list_all
    from indicdigits.imaging.normalise import is_crowded, normalise

    classes, size = subject.recipe.labels, subject.recipe.data.input_size
    table = list_all(Request(source=source, classes=classes, root=Path()))
    images = np.zeros((len(table), size, size), np.uint8)
    keys = np.zeros(len(table), "S32")
    unread: dict[int, str | PictureError] = {}
    with reporter.track("reading pictures", len(table)) as task:
        for number in range(len(table)):
            try:
                picture = table.read(number)
                images[number], keys[number] = normalise(picture, size), picture_key(picture)
                if is_crowded(picture):
                    unread[number] = CROWDED
            except PictureError as error:
                unread[number] = error
            task.advance()
    name = Path(str(source.train)).name
    names = [(entry.text, entry.value) for entry in classes]
    split = Split(
        images=images,
        labels=class_indices(table.labels, names, classes, name),
        keys=keys,
        groups={**table.columns, "dataset": np.full(len(table), name)},
        name=name,
    )
    return split, unread


def script_of_labels(subject: Subject, named: Sequence[Source], script: str) -> str:
    """The name of the script that the labels 0 to 9 are said to be of.

    Args:
        subject: What reads the pictures.
        named: The data that were named.
        script: The script, as a user names it.

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
