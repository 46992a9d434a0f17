"""What the pictures depend on: shipped strokes, the recipe's classes, for letters the fonts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from indicdigits import recipe
from indicdigits.data import faces
from indicdigits.data.faces import Face
from indicdigits.data.request import Request
from indicdigits.data.strokes.shapes import Shapes, parse
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS, script_of

SCRIBBLES, LETTERS = "scribbles", "letters"  # the same in every recipe
FOREIGN, BLANK, OWN_LETTERS = "foreign", "blank", "own-letters"  # as the classes of the recipe ask


def fingerprint(request: Request) -> str:
    """Changes with the shipped recipes, whose digits are drawn and compared with, and the fonts.

    Raises:
        DataError: Letters are asked for, and there is no font; or no one knows how the classes
            of the recipe are written.
    """
    digest = hashlib.sha256()
    for name, path in sorted(recipe.shipped().items()):
        digest.update(repr((name, dict(recipe.load(path).strokes))).encode())
    if request.config in (FOREIGN, BLANK, OWN_LETTERS):
        digest.update(repr(own_digits(request)).encode())
    if request.config in (LETTERS, OWN_LETTERS):
        files = [
            (script, face.family, face.path.name, face.path.stat().st_size)
            for script, listed in families(scripts_of(request)).items()
            for face in listed
        ]
        digest.update(repr(files).encode())
    return digest.hexdigest()[:20]


def own_digits(request: Request) -> Shapes:
    """How the classes that have a value are written: as the recipe says, or a shipped one.

    Raises:
        DataError: No strokes say how one of them is written.
    """
    strokes = {}
    for text in (entry.text for entry in request.classes if entry.value is not None):
        script = script_of(text)
        known = request.strokes
        if text not in known and script is not None:
            known = recipe.load(recipe.find(f"scripts/{script.name}")).strokes
        if text not in known:
            raise DataError(
                f"no strokes say how {text!r} is written, and what looks like it is unknown",
                where=f"data set not_digits/{request.config}",
                hint=f"draw it under [strokes], or take not_digits/{SCRIBBLES} alone",
            )
        strokes[text] = known[text]
    return parse(strokes, strokes)


def scripts_of(request: Request) -> list[str]:
    """The scripts whose letters are drawn: all, or those that the classes are digits of."""
    if request.config == LETTERS:
        return list(SCRIPTS)
    own = (script_of(entry.text) for entry in request.classes)
    return list(dict.fromkeys(script.name for script in own if script))


def families(scripts: Iterable[str] = tuple(SCRIPTS)) -> dict[str, list[Face]]:
    """The installed families of each of these scripts that has some.

    Raises:
        DataError: There is none at all.
    """
    found = {}
    for name in scripts:
        try:
            found[name] = faces.faces(SCRIPTS[name].digits)
        except DataError:  # no family of this script: the letters of others will do
            continue
    if not found:
        raise no_font()
    return found


def no_font() -> DataError:
    """The error where there is no font to draw letters after."""
    return DataError(
        "no installed font has the digits and letters of a script",
        where="data set not_digits/letters",
        hint=faces.INSTALL,
    )
