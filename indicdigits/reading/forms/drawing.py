"""A page on which the fields of a form are drawn with the mouse; it needs no network."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.reading.answer import Ink
from indicdigits.reading.forms.marks import squares
from indicdigits.reading.forms.printed import grid_of
from indicdigits.reading.page.corners import find_sheet, flatten, ordered
from indicdigits.reading.page.ink import ink_of, shrunk
from indicdigits.reading.page.layout import bounded

Picture = npt.NDArray[np.uint8]

_SHOWN = 1800  # longer side of the picture in the page, pixels
_ALIKE = 1.5  # by which the areas of a form's marks differ at most
_MARGIN = 1.6  # sides of a mark from its centre to the form's edge
_QUALITY = 80  # of the JPEG in the page


def drawing_page(picture: Picture) -> str:
    """The page, as HTML with the picture inside.

    Args:
        picture: uint8 (H,W) or (H,W,3) of the form, empty or filled in. A sheet that is seen from
            aside is laid flat, by its registration marks if there are four.
    """
    picture, _ = bounded(picture)
    sheet = find_sheet(picture)
    if sheet is not None:
        matrix, size = flatten(sheet)
        picture = np.asarray(cv2.warpPerspective(picture, matrix, size), np.uint8)
    picture = shrunk(picture, _SHOWN)
    ink = ink_of(picture)
    picture, ink, marks, side = _by_marks(picture, ink)
    height, width = ink.shape
    form: dict[str, Any] = {
        "size": [width, height],
        "marks": [[round(x), round(y)] for x, y in marks],
        "mark_size": round(side),
        "printed": grid_of(ink, (width, height), ()),
    }
    page = files("indicdigits.reading.forms").joinpath("drawing.html").read_text(encoding="utf-8")
    return page.replace("@IMAGE@", _jpeg(picture)).replace("@FORM@", json.dumps(form))


def _by_marks(picture: Picture, ink: Ink) -> tuple[Picture, Ink, list[tuple[float, float]], float]:
    """The picture between its marks, laid flat; as it is where four marks are not seen."""
    found = squares(ink)
    found = [one for one in found if one[2] > found[0][2] / _ALIKE]
    if len(found) < 4:
        return picture, ink, [], 0.0
    centres = np.array([one[:2] for one in found], np.float32)
    side = float(np.sqrt(np.median([one[2] for one in found])))
    total, difference = centres.sum(axis=1), centres[:, 0] - centres[:, 1]
    picked = [total.argmin(), difference.argmax(), total.argmax(), difference.argmin()]
    if len(set(picked)) < 4:
        return picture, ink, [], 0.0
    corners = ordered(centres[picked])
    _, (width, height) = flatten(corners)
    frame = _MARGIN * side
    right, bottom = frame + width, frame + height
    target = np.array(
        [[frame, frame], [right, frame], [right, bottom], [frame, bottom]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(corners, target)
    size = round(right + frame), round(bottom + frame)
    flat = np.asarray(cv2.warpPerspective(picture, matrix, size, borderValue=(255,) * 3), np.uint8)
    marks = cv2.perspectiveTransform(centres[None], matrix)[0]
    inked = np.asarray(cv2.warpPerspective(ink, matrix, size), np.uint8)
    return flat, inked, [(float(x), float(y)) for x, y in marks], side


def _jpeg(picture: Picture) -> str:
    shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(coded.tobytes()).decode()
