"""Which fonts a recipe asks for, and which of them are tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from indicdigits.data import faces
from indicdigits.data.request import Request
from indicdigits.data.strokes.shapes import Shapes
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS

TEST_SHARE = 4  # every so-manieth group of families is tested on
Part = Literal["train", "test"]


def texts_of(request: Request) -> tuple[str, ...]:
    """The digits to draw: of the script that is named, or else the recipe's classes."""
    if request.config:
        return SCRIPTS[request.config].digits
    return request.written


def fingerprint(request: Request) -> str:
    """Changes with the installed fonts: a digest of their files' names and sizes.

    Raises:
        DataError: There is no such font.
    """
    texts = texts_of(request)
    found = faces.faces(texts, request.source.families)
    files = [(face.family, face.path.name, face.path.stat().st_size) for face in found]
    return hashlib.sha256(repr((texts, files)).encode()).hexdigest()[:20]


def resolve(request: Request) -> dict[Part, dict[str, Shapes]]:
    """For each part the shapes of its families, by name.

    Families whose digits are copies of each other are on one side. Where there is but one kind of
    digits, both parts have it, and other writers.

    Raises:
        DataError: There is no font, or none whose digits are what they should be.
    """
    from indicdigits.data.strokes.skeleton import strokes_of

    texts = texts_of(request)
    groups = faces.groups(faces.faces(texts, request.source.families), texts)
    if not groups:
        raise DataError(
            f"no installed font has plausible digits {' '.join(texts)}",
            where=request.source.dataset,
            hint=faces.INSTALL,
        )
    parts: dict[Part, dict[str, Shapes]] = {"train": {}, "test": {}}
    for part, chosen in parted(groups).items():
        for face in chosen:
            shapes: Shapes = {text: (strokes_of(faces.glyph(face.path, text)),) for text in texts}
            parts[part][face.family] = shapes
    return parts


def parted(groups: Sequence[Sequence[faces.Face]]) -> dict[Part, list[faces.Face]]:
    """For each part the first face of each of its groups; a single group is in both."""
    parts: dict[Part, list[faces.Face]] = {"train": [], "test": []}
    for number, group in enumerate(groups):
        tested = number % TEST_SHARE == TEST_SHARE // 2 and len(groups) > 1
        if len(groups) <= TEST_SHARE // 2:
            tested = number == 1
        parts["test" if tested else "train"].append(group[0])
    if not parts["test"]:
        parts["test"] = parts["train"]
    return parts
