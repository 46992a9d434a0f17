"""What the pictures depend on: the shipped strokes, and for letters the installed fonts."""

from __future__ import annotations

import hashlib

from indicdigits import recipe
from indicdigits.data import faces
from indicdigits.data.faces import Face
from indicdigits.data.request import Request
from indicdigits.errors import DataError
from indicdigits.scripts import SCRIPTS

LETTERS = "letters"


def fingerprint(request: Request) -> str:
    """Changes with the shipped recipes, whose digits are drawn and compared with, and the fonts.

    Raises:
        DataError: Letters are asked for, and there is no font.
    """
    digest = hashlib.sha256()
    for name, path in sorted(recipe.shipped().items()):
        digest.update(repr((name, dict(recipe.load(path).strokes))).encode())
    if request.config == LETTERS:
        files = [
            (script, face.family, face.path.name, face.path.stat().st_size)
            for script, listed in families().items()
            for face in listed
        ]
        digest.update(repr(files).encode())
    return digest.hexdigest()[:20]


def families() -> dict[str, list[Face]]:
    """The installed families of each script that has some.

    Raises:
        DataError: There is none at all.
    """
    found = {}
    for name, script in SCRIPTS.items():
        try:
            found[name] = faces.faces(script.digits)
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
