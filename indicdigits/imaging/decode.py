"""Files, bytes, PIL images and arrays -> one uint8 array, within limits.

Pillow decodes: it reads size and format before any pixel, so that a decompression bomb is
refused while it is still small, and it knows palettes, EXIF and odd depths. What the bytes are
is told by the bytes; a name that says something else is an error, since one of the two is wrong.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from indicdigits.errors import PictureError

Picture = npt.NDArray[np.uint8]
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[Any]

MAX_PIXELS = 64_000_000
LEAST_SIDE = 3  # pixels; nothing narrower holds a digit
MAX_RATIO = 200  # longer side : shorter side; a line of text is far below
MAX_BYTES = 512 * 1024 * 1024  # of an encoded picture

# Formats by the names their files go by. Other decoders of Pillow are not tried: some start
# programs, and none is a format of scans.
_FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),  # what Pillow calls the JPEG of some phones
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
_DECODERS = [kind for kind in _FORMATS if kind != "MPO"]  # the decoder of JPEG finds MPO
SUFFIXES = {suffix for suffixes in _FORMATS.values() for suffix in suffixes}
_ALLOWED_FORMATS = "PNG, JPEG, TIFF, BMP, GIF, WebP or PNM"
_ALLOWED_ARRAYS = "uint8, (H,W) grey, (H,W,1), (H,W,3) RGB or (H,W,4) RGBA"


def read_picture(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture from wherever it is.

    Of an animation the first frame is taken, the EXIF orientation is applied, and transparent
    parts are laid on the ground (white or black) that lets the rest be seen.

    Args:
        source: A path, encoded bytes, a PIL image, or a uint8 array (H,W), (H,W,1), (H,W,3) RGB
            or (H,W,4) RGBA.
        max_pixels: Largest allowed height times width. Pillow's own limit (about 179 million
            pixels, `PIL.Image.MAX_IMAGE_PIXELS`) holds besides.

    Returns:
        uint8 (H,W) grey or (H,W,3) RGB, contiguous. An array that already is one is not copied.

    Raises:
        PictureError: The source is missing, unreadable, not a picture, or outside the limits.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        _check_size(*source.size, max_pixels, "PIL image")
        return _from_image(source, "PIL image")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(source), max_pixels, "bytes", suffix="")
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return _from_bytes(_read(path), max_pixels, str(path), suffix=path.suffix.lower())
    raise PictureError(
        "this is no picture",
        where=f"source of type {type(source).__name__}",
        allowed="a path, bytes, a PIL image or a uint8 array",
        hint="pass the path of a picture file",
    )


def _read(path: Path) -> bytes:
    """The bytes of a file of bearable size."""
    try:
        if path.is_dir():
            raise PictureError(
                "this is a folder", where=path, allowed="a file", hint="name the files in it"
            )
        with path.open("rb") as file:
            # Asked for no more than is allowed: a device or pipe does not know its size.
            known = os.fstat(file.fileno()).st_size
            data = b"" if known > MAX_BYTES else file.read(MAX_BYTES + 1)
        if known > MAX_BYTES or len(data) > MAX_BYTES:
            raise PictureError(
                "the file is too large",
                where=path,
                allowed=f"at most {MAX_BYTES // 2**20} MiB",
                hint="save the picture as PNG or JPEG, cropped to what shall be read",
            )
        return data
    except FileNotFoundError:
        raise PictureError(
            "there is no such file",
            where=path,
            allowed="the path of a picture file",
            hint=f"look for it with: ls {path.parent}",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise PictureError(
            f"the file cannot be read ({error})",
            where=path,
            allowed="a file that this user may read",
            hint="check the path and its permissions",
        ) from error


def _from_bytes(data: bytes, max_pixels: int, where: str, *, suffix: str) -> Picture:
    if not data:
        raise PictureError(
            "there are no bytes in it",
            where=where,
            allowed=_ALLOWED_FORMATS,
            hint="copy or download the picture again",
        )
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            # its words are for programmers; our own limit is below that of the warning
            image = Image.open(io.BytesIO(data), formats=_DECODERS)
    except UnidentifiedImageError:
        raise PictureError(
            "the bytes are no picture of a known format",
            where=where,
            allowed=_ALLOWED_FORMATS,
            hint="convert it to PNG or JPEG first",
        ) from None
    except Image.DecompressionBombError as error:
        # it says how many pixels there are, and thinks of an attack
        pixels = re.search(r"\d{6,}", str(error))
        many = f"{int(pixels[0]):,} pixels" if pixels else "its pixels"
        raise _too_large(f"{many} are too many", max_pixels, where) from None
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise _damaged(error, where) from error
    with image:
        _check_name(image.format or "", suffix, where)
        _check_size(*image.size, max_pixels, where)
        return _from_image(image, where)


def _from_image(image: Image.Image, where: str) -> Picture:
    """Decodes an opened picture of allowed size; the first frame of several."""
    try:
        image.load()
    except Exception as error:  # as above: OSError, SyntaxError, struct.error, MemoryError…
        raise _damaged(error, where) from error
    with contextlib.suppress(Exception):  # broken EXIF says nothing about the pixels: keep them
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # else Pillow would copy it
            image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return _deep_to_grey(np.asarray(image), where)
    if image.has_transparency_data:
        return _on_ground(np.asarray(image.convert("RGBA")))
    wanted = "L" if image.mode in ("1", "L") else "RGB"
    if image.mode != wanted:
        image = image.convert(wanted)
    return np.ascontiguousarray(np.asarray(image))


def _from_array(array: npt.NDArray[Any], max_pixels: int) -> Picture:
    where = f"array {array.shape} {array.dtype}"
    if array.dtype != np.uint8:
        raise PictureError(
            f"an array of {array.dtype} is no picture",
            where=where,
            allowed=_ALLOWED_ARRAYS,
            hint="scale to 0-255 first: (array * 255).astype('uint8') if it holds 0 to 1",
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"an array of shape {array.shape} is no picture",
            where=where,
            allowed=_ALLOWED_ARRAYS,
            hint="for a batch use reader.many(pictures)",
        )
    _check_size(array.shape[1], array.shape[0], max_pixels, where)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    elif array.ndim == 3 and array.shape[2] == 4:
        return _on_ground(array)
    return np.ascontiguousarray(array)


def _check_name(kind: str, suffix: str, where: str) -> None:
    """Refuses a file whose name says another format than its bytes."""
    if suffix in SUFFIXES and suffix not in _FORMATS[kind]:
        raise PictureError(
            f"the name ends in {suffix}, but the bytes are {kind}",
            where=where,
            allowed=f"{kind} in a file named *{_FORMATS[kind][0]}",
            hint=f"rename it to {Path(where).with_suffix(_FORMATS[kind][0]).name}",
        )


def _check_size(width: int, height: int, max_pixels: int, where: str) -> None:
    size = f"{width}x{height} pixels"
    if width * height > max_pixels:
        raise _too_large(f"{size} are too many", max_pixels, where)
    if min(width, height) < LEAST_SIDE:
        raise PictureError(
            f"{size} cannot show a digit",
            where=where,
            allowed=f"at least {LEAST_SIDE} pixels each way",
            hint="crop the digit from the scan with some paper around it",
        )
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PictureError(
            f"{size} are too long for their width",
            where=where,
            allowed=f"a longer side of at most {MAX_RATIO} times the shorter",
            hint="crop the digit from the scan with some paper around it",
        )


def _too_large(message: str, max_pixels: int, where: str) -> PictureError:
    return PictureError(
        message,
        where=where,
        allowed=f"at most {max_pixels:,} pixels",
        hint="crop or shrink it first; a digit needs no more than some hundred pixels",
    )


def _damaged(error: Exception, where: str) -> PictureError:
    return PictureError(
        f"the picture is damaged or cut short ({error or type(error).__name__})",
        where=where,
        allowed="a complete file",
        hint="copy or download the picture again",
    )


def _deep_to_grey(deep: npt.NDArray[Any], where: str) -> Picture:
    """More than 8 bits a pixel -> uint8, by the bits (integers) or the range (floats) in use."""
    if np.issubdtype(deep.dtype, np.floating):
        low, high = float(deep.min()), float(deep.max())
        if not np.isfinite([low, high]).all():
            raise PictureError(
                "the picture holds values that are no numbers",
                where=where,
                allowed="finite grey values",
                hint="convert it to 8 or 16 bits first",
            )
        return ((deep - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    # Scanners leave 10 or 12 bits in 16; taking the upper 8 of those would lose most levels.
    shift = max(int(deep.max()).bit_length() - 8, 0)
    return (np.maximum(deep, 0) >> shift).astype(np.uint8)


def _on_ground(picture: Picture) -> Picture:
    """(H,W,4) RGBA -> (H,W,3) on white or black.

    Mostly transparent is a digit cut out of its paper: it gets the ground it stands out from.
    Mostly opaque is paper with transparent corners: they get the ground it blends with.
    """
    alpha = picture[..., 3:].astype(np.float32) / 255
    colour = picture[..., :3].astype(np.float32)
    visible = float(alpha.mean())
    if visible == 1:
        return np.ascontiguousarray(picture[..., :3])
    light = float((colour * alpha).mean()) > 127.5 * visible
    ground = 255.0 if light == (visible >= 0.5) else 0.0
    return np.asarray((colour * alpha + ground * (1 - alpha)).round(), np.uint8)
