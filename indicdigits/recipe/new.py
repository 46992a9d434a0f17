"""A commented recipe for a script, written from Unicode facts alone."""

from __future__ import annotations

import os
from pathlib import Path

from indicdigits.errors import UsageError
from indicdigits.scripts import SCRIPTS, Script, look_alikes

FORMATS = {".csv": "csv", ".npz": "npz"}

HEADER = """\
# {title} numerals.
#
#   indicdigits recipe check {file}
#   indicdigits data show {file} -o sheet.png      (look at what it would learn)
#   indicdigits finetune --script {name}           (in this folder; or --recipe {file})
#
# Data: {data}
# Expect: not known yet; `indicdigits evaluate runs/{name}` tells.

extends = "finetune"
name = "{name}"
script = "{name}"
{licence}
{classes}
[data]
{sources}
"""
OWN_PICTURES = """\
# A fifth of each class is set aside to test on; name `test` to say which pictures instead.
sources = [
  {{ dataset = "labelled_images", format = "{format}", train = "{path}", test_fraction = 0.2 }},
]
validation_fraction = 0.1
train_on = "train"  # "train+validation" once you have settled on a recipe
"""
DRAWN = """\
# Drawn after the fonts that are installed and have these digits. Other sources, which may be mixed:
#   { dataset = "strokes" }      drawn from [strokes], which you add below
#   { dataset = "labelled_images", format = "folder", train = "pictures" }      your own pictures
#   weight = 3                   in any of them: its pictures stand three times in an epoch
sources = [{ dataset = "fonts" }]
"""
STROKES = """
# How people write each digit, if you want to draw it yourself: variants, each a list of strokes
# "x,y x,y! …" in the unit square, y down; a smooth line goes through the points, "!" is a corner.
#
#   [strokes]
#   "{zero}" = [
#     ["0.5,0.14 0.24,0.24 0.14,0.5 0.24,0.76 0.5,0.86 0.76,0.76 0.86,0.5 0.76,0.24 0.5,0.14"],
#   ]
"""


def draft(script: Script, file: Path, images: Path | None = None) -> str:
    """The text of a recipe.

    Args:
        script: The script and its digits.
        file: Where the recipe will stand; paths in it are relative to its folder.
        images: A folder with a folder for each class, a CSV or an npz; None draws after fonts.

    Raises:
        UsageError: The pictures do not lie in the recipe's folder, or are of no known format.
    """
    own = images is not None
    title = script.name.replace("-", " ").title()
    return HEADER.format(
        title=title,
        file=file.name,
        name=script.name,
        data="yours: say whose, and under which licence."
        if own
        else "drawn by indicdigits after installed fonts; no handwriting is seen.",
        licence='licence = "not stated"\n' if own else "",
        classes=_classes(script),
        sources=_own(images, file) if images is not None else DRAWN,
    ) + STROKES.format(zero=script.digits[0])


def _own(images: Path, file: Path) -> str:
    if not images.exists():
        raise UsageError("no such folder or file", where=images)
    kind = "folder" if images.is_dir() else FORMATS.get(images.suffix.lower())
    if kind is None:
        raise UsageError(
            "is of no known format", where=images, allowed="a folder, a .csv or an .npz file"
        )
    path = os.path.relpath(images.resolve(), file.parent.resolve())
    if path.startswith(".."):
        raise UsageError(
            "lies outside the recipe's folder, which a recipe cannot name",
            where=images,
            hint=f"-o {images.parent / file.name}",
        )
    return OWN_PICTURES.format(format=kind, path=Path(path).as_posix())


def _classes(script: Script) -> str:
    """The digits with their names and look-alikes; as classes where the package has no such."""
    lines = ["# The classes, in the order of the network's outputs:"]
    known = script.name in SCRIPTS
    if not known:
        lines.append("classes = [")
    for value, (text, name) in enumerate(zip(script.digits, script.digit_names, strict=True)):
        others = " ".join(sorted(look_alikes(text)))
        alike = f"; looks like {others}" if others else ""
        entry = f"#   {text}  " if known else f'  {{ text = "{text}", value = {value} }},  # '
        lines.append(f"{entry}U+{ord(text):04X} {name}{alike}")
    return "\n".join([*lines, *([] if known else ["]"]), ""])
