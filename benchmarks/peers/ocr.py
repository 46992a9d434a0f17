"""OCR programs as readers of one digit: how a crop is shown to them, and what their text means.

Every program is a function of a setting and a script that gives a function of a crop, grey and
dark on light, to text. `tesserocr` is in the extra `peers` and brings Tesseract; its data come from
Debian (tesseract-ocr-hin, -ben, -tel and tesseract-ocr-script-deva, -beng, -telu).
"""

from __future__ import annotations

import importlib.util
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Crop = npt.NDArray[np.uint8]
Setting = Mapping[str, Any]
Read = Callable[[Crop], str]

# Language data and script data of each script, as Tesseract names them.
MODELS = {
    "devanagari": ("hin", "Devanagari"),
    "bengali": ("ben", "Bengali"),
    "telugu": ("tel", "Telugu"),
    "tamil": ("tam", "Tamil"),
}
PREFIXES = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata")
WHITE = 255


@dataclass(frozen=True, kw_only=True)
class Program:
    """An OCR program.

    Attributes:
        name: As the table says it.
        missing: What must be installed, or None where it is all there.
        options: Name of an option -> its values, the first to start from, for a script.
        open: (setting, digits of the script) -> what reads a crop.
        note: What one must know of its weights.
    """

    name: str
    missing: Callable[[], str | None]
    options: Callable[[str], dict[str, Sequence[Any]]]
    open: Callable[[Setting, Sequence[str]], Read]
    note: str


def best_setting(
    options: Mapping[str, Sequence[Any]], right: Callable[[Setting], int], *, rounds: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The setting that reads most right, one option after the other, and all that were tried.

    Args:
        options: Name of an option -> its values, the first to start from.
        right: How many are read right by a setting.
        rounds: Of all options, at most.
    """
    best: dict[str, Any] = {name: choices[0] for name, choices in options.items()}
    tried: dict[str, dict[str, Any]] = {}

    def known(setting: dict[str, Any]) -> int:
        key = json.dumps(setting, sort_keys=True)
        if key not in tried:
            tried[key] = setting | {"right": right(setting)}
        return int(tried[key]["right"])

    for _ in range(rounds):
        before = dict(best)
        for name, choices in options.items():
            best = max([best, *({**best, name: choice} for choice in choices)], key=known)
        if best == before:
            break
    return best, sorted(tried.values(), key=lambda one: -one["right"])


def shown(crop: Crop, setting: Setting) -> Crop:
    """A crop as it is shown: enlarged to a height, with white round it, and again beside itself."""
    height, width = crop.shape
    factor = setting["height"] / height
    large = cv2.resize(
        crop, (max(1, round(width * factor)), setting["height"]), interpolation=cv2.INTER_CUBIC
    )
    if setting.get("smooth"):
        large = cv2.GaussianBlur(large, (0, 0), setting["height"] / 40)
    margin = round(setting["margin"] * setting["height"])
    gap = np.full((setting["height"], max(margin // 2, 4)), WHITE, np.uint8)
    row = np.hstack([large, *[gap, large] * (setting.get("copies", 1) - 1)])
    return cv2.copyMakeBorder(
        np.asarray(row, np.uint8), margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=WHITE
    )


def value_of(text: str, zero: str) -> int | None:
    """The commonest digit in a text, of the script's or of 0 to 9, whatever stands around it."""
    found: Counter[int] = Counter()
    for character in text:
        value = unicodedata.decimal(character, None)
        if value is not None and chr(ord(character) - value) in (zero, "0"):
            found[value] += 1
    return found.most_common(1)[0][0] if found else None


def _tessdata() -> str | None:
    folders = [os.environ.get("TESSDATA_PREFIX", ""), *PREFIXES]
    return next((f for f in folders if f and (Path(f) / "hin.traineddata").is_file()), None)


def _tesseract_missing() -> str | None:
    if importlib.util.find_spec("tesserocr") is None:
        return "pip install '.[peers]'"
    if _tessdata() is None:
        return "apt-get install tesseract-ocr-hin tesseract-ocr-ben tesseract-ocr-tel"
    return None


def _tesseract_options(script: str) -> dict[str, Sequence[Any]]:
    data = Path(_tessdata() or "")
    here = [name for name in MODELS[script] if (data / f"{name}.traineddata").is_file()]
    return {
        "model": here,
        "copies": (1, 3, 5),  # several beside each other make a line, which it was trained on
        "mode": (10, 8, 13, 7, 6),  # one character, a word, a raw line, a line, a block
        "whitelist": ("native", "native and 0-9", "none"),
        "height": (48, 24, 36, 64, 96),
        "margin": (0.5, 0.1, 0.25, 1.0),
        "smooth": (False, True),
        "words": (True, False),  # its dictionaries
    }


def _tesseract(setting: Setting, digits: Sequence[str]) -> Read:
    import tesserocr
    from PIL import Image

    allowed = {
        "native": "".join(digits),
        "native and 0-9": "".join(digits) + "0123456789",
        "none": "",
    }[setting["whitelist"]]
    dictionaries = ("system", "freq", "punc", "number", "unambig", "bigram")
    off = {} if setting["words"] else {f"load_{name}_dawg": "0" for name in dictionaries}
    api = tesserocr.PyTessBaseAPI(
        path=_tessdata(),
        lang=setting["model"],
        psm=setting["mode"],
        oem=tesserocr.OEM.LSTM_ONLY,  # Debian's data of these scripts hold no legacy engine
        variables=off,
    )
    if allowed:
        api.SetVariable("tessedit_char_whitelist", allowed)

    def read(crop: Crop) -> str:
        api.SetImage(Image.fromarray(shown(crop, setting)))
        text = api.GetUTF8Text()
        api.Clear()
        return str(text).strip()

    return read


def _rapid_missing() -> str | None:
    here = importlib.util.find_spec("rapidocr_onnxruntime")
    # Without its dependencies: it wants another OpenCV, which would overwrite ours.
    return None if here else "pip install --no-deps rapidocr-onnxruntime pyclipper shapely"


def _rapid_options(script: str) -> dict[str, Sequence[Any]]:
    del script
    return {"copies": (1, 3, 5), "height": (48, 32, 96), "margin": (0.25, 0.1, 0.5, 1.0)}


def _rapid(setting: Setting, digits: Sequence[str]) -> Read:
    del digits
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(intra_op_num_threads=1)

    def read(crop: Crop) -> str:
        picture = np.repeat(shown(crop, setting)[..., None], 3, axis=2)
        found, _ = engine(picture, use_det=False, use_cls=False, use_rec=True)
        return "".join(str(line[0]) for line in found or [])

    return read


PROGRAMS = {
    "tesseract": Program(
        name="Tesseract",
        missing=_tesseract_missing,
        options=_tesseract_options,
        open=_tesseract,
        note="Debian's data, printed text; LSTM engine (these data hold no legacy engine)",
    ),
    "rapidocr": Program(
        name="RapidOCR",
        missing=_rapid_missing,
        options=_rapid_options,
        open=_rapid,
        note="the weights in its package know Chinese and Latin and none of these digits; "
        "0 to 9 count as right where it takes a digit for one",
    ),
}
