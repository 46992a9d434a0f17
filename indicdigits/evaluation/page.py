"""Pages that fetch nothing: their style is inside, their pictures are data URIs."""

from __future__ import annotations

import base64
import io
import re
from importlib.resources import files
from typing import Any

import jinja2
import markupsafe
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indicdigits.evaluation import sentences, words

PICTURE_SIDE = 112  # pixels; four times the network's own, and small enough to embed
# Functions that every page may use.
_WORDS = "percent interval certainty count duration plain_name capitalised".split()
_SENTENCES = (
    "apart_lines chance group_name calibration_line labels_line negatives_line reject_lines "
    "robustness_line".split()
)


def fill(template: str, **values: Any) -> str:
    """Fills in a template of this package.

    Args:
        template: Its file name.
        values: What it names, besides the functions that every page may use.

    Raises:
        jinja2.UndefinedError: It names something else.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {name: getattr(words, name) for name in _WORDS}
    environment.globals |= {name: getattr(sentences, name) for name in _SENTENCES}
    environment.globals |= {"markdown": _markdown, "how": sentences.HOW_TO_MEASURE}
    return environment.get_template(template).render(**values)


def _markdown(line: str) -> markupsafe.Markup:
    """A line of a card as HTML: `code` and **strong**, all else as it stands."""
    text = str(markupsafe.escape(line))
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", text)
    return markupsafe.Markup(re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text))


def _read(name: str) -> str:
    return (files("indicdigits.evaluation") / name).read_text(encoding="utf-8")


def data_uri(png: bytes) -> str:
    """A PNG file as an address that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def picture_uri(image: NDArray[np.uint8]) -> str:
    """A network's input as a page shows it.

    Args:
        image: uint8 (S, S), light ink on black; or (H, W, 3) RGB, which is shown as it is.
    """
    if image.ndim == 2:
        size = (PICTURE_SIDE, PICTURE_SIDE)
        shown = Image.fromarray(255 - np.asarray(image)).resize(size, Image.Resampling.BICUBIC)
    else:
        shown = Image.fromarray(image).quantize(128)
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue())
