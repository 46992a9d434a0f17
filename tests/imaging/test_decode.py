"""`read_picture`: anything that holds a picture is read, anything hostile is refused by name."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indicdigits.errors import PictureError
from indicdigits.imaging import decode
from indicdigits.imaging.decode import read_picture


@pytest.fixture
def grey():
    """uint8 (20,30), all levels different from their neighbours."""
    return (np.arange(600, dtype=np.uint32).reshape(20, 30) * 37 % 256).astype(np.uint8)


def _encoded(picture, kind="PNG", **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _png_header(width, height):
    """A PNG that claims a size and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0IEND\xaeB`\x82"


def _refused(source, **options):
    with pytest.raises(PictureError) as caught:
        read_picture(source, **options)
    error = caught.value
    assert error.exit_code == 4
    assert error.where
    assert error.allowed
    assert error.hint
    return error


def _read_or_refused(data):
    """True where the bytes are read, or refused with a hint; other exceptions pass."""
    try:
        return read_picture(data).dtype == np.uint8
    except PictureError as error:
        return bool(error.hint)


def test_every_source(grey, tmp_path):
    """A path, a string, bytes, a PIL image and an array of one picture are the same array."""
    path = tmp_path / "digit.png"
    path.write_bytes(_encoded(grey))
    for source in (path, str(path), path.read_bytes(), Image.open(path), grey, grey[..., None]):
        assert np.array_equal(read_picture(source), grey)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_lossless_formats(grey, kind):
    """Each lossless format gives back the grey levels that went in."""
    got = read_picture(_encoded(grey, kind))
    assert np.array_equal(got if got.ndim == 2 else got[..., 0], grey)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats(kind):
    """Each lossy format gives back the shape and nearly the levels."""
    smooth = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    got = read_picture(_encoded(smooth, kind))
    got = got if got.ndim == 2 else got[..., 1]
    assert got.shape == smooth.shape
    assert np.abs(got.astype(int) - smooth).mean() < 4


def test_rgb_order():
    """Colour comes as red, green, blue."""
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert read_picture(_encoded(red))[0, 0].tolist() == [200, 0, 0]


def test_one_bit(grey):
    """One bit a pixel becomes 0 and 255."""
    got = read_picture(_encoded(Image.fromarray(grey).convert("1", dither=Image.Dither.NONE)))
    assert got.ndim == 2
    assert set(np.unique(got)) == {0, 255}


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_16_bit(grey, bits):
    """16-bit containers keep their levels, also where a scanner used fewer bits of them."""
    deep = grey.astype(np.uint16) << (bits - 8)
    assert np.array_equal(read_picture(_encoded(deep)), grey)


def test_float_tiff(grey):
    """Float grey is spread over 0 to 255; values that are no numbers are refused."""
    values = grey.astype(np.float32) / 255
    got = read_picture(_encoded(values, "TIFF"))
    assert np.abs(got.astype(int) - grey).max() <= 1
    values[3, 4] = np.nan
    assert "no numbers" in str(_refused(_encoded(values, "TIFF")))


def test_palette(grey):
    """A palette is looked up."""
    image = Image.fromarray(np.dstack([grey, grey, 255 - grey])).quantize(256)
    assert np.array_equal(read_picture(_encoded(image)), np.asarray(image.convert("RGB")))


def test_cmyk():
    """CMYK becomes RGB."""
    image = Image.new("CMYK", (9, 9), (0, 255, 255, 0))
    assert read_picture(_encoded(image, "TIFF"))[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("hidden", [0, 255])
def test_ink_on_nothing_is_seen(ink, hidden):
    """A digit cut out of its paper stands out from the ground, dark or light."""
    picture = np.full((20, 20, 4), hidden, np.uint8)
    picture[..., 3] = 0
    picture[4:16, 9:11] = (ink, ink, ink, 255)
    for source in (picture, _encoded(picture)):
        got = read_picture(source)
        assert got.shape == (20, 20, 3)
        assert got[10, 10].tolist() == [ink] * 3
        assert got[0, 0].tolist() == [255 - ink] * 3


@pytest.mark.parametrize("paper", [20, 235])
def test_transparent_corners_blend_with_paper(paper):
    """Transparent corners of a paper become like the paper, not like ink."""
    picture = np.full((20, 20, 4), paper, np.uint8)
    picture[..., 3] = 255
    picture[:3, :3, 3] = 0
    assert abs(int(read_picture(picture)[0, 0, 0]) - paper) <= 20


def test_exif_orientation(grey):
    """A phone's picture comes upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    assert np.array_equal(read_picture(_encoded(grey, exif=exif)), np.rot90(grey, -1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif(grey):
    """Broken EXIF does not make the pixels unreadable."""
    assert read_picture(_encoded(grey, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).shape


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_first_frame_of_an_animation(kind):
    """Of an animation the first frame is read."""
    frames = [Image.new("L", (12, 12), level) for level in (10, 120, 250)]
    options = {"save_all": True, "append_images": frames[1:]}
    if kind == "WEBP":
        options["lossless"] = True
    got = read_picture(_encoded(frames[0], kind, **options))
    assert abs(int(got.ravel()[0]) - 10) <= 1


def test_zero_bytes(tmp_path):
    """An empty file is told as one, with its path."""
    path = tmp_path / "empty.png"
    path.touch()
    assert str(path) in str(_refused(path))
    assert "no bytes" in str(_refused(b""))


def test_missing_file_and_folder(tmp_path):
    """A missing file and a folder are told apart."""
    assert "no such file" in str(_refused(tmp_path / "none.png"))
    assert "folder" in str(_refused(tmp_path))
    assert "cannot be read" in str(_refused("nul\0.png"))


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (1, 100_000), (100_000, 4), (20_000, 20_000)])
def test_sizes_outside_the_limits(size):
    """Too small, too long and too large are refused from the header alone, with the size."""
    error = _refused(_png_header(*size))
    assert "pixels" in str(error)
    assert "damaged" not in str(error)


def test_limit_of_pixels(grey):
    """`max_pixels` bounds every kind of source."""
    for source in (grey, _encoded(grey), Image.fromarray(grey)):
        assert "599 pixels" in str(_refused(source, max_pixels=599))
        assert read_picture(source, max_pixels=600).shape == (20, 30)


@pytest.mark.parametrize(
    ("side", "said"),
    [(9_000, "9000x9000 pixels"), (12_000, "12000x12000 pixels"), (31_623, "1,000,014,129 pixels")],
)
def test_far_too_large(side: int, said: str):
    """A picture of up to a thousand million pixels is refused in our words, and Pillow warns not.

    Its warning, and above that its error, think of an attack on a server.
    """
    header = b"P5 %d %d 255\n" % (side, side)
    with warnings.catch_warnings(action="error"), pytest.raises(PictureError) as caught:
        read_picture(header)
    assert str(caught.value).startswith(
        f"bytes: {said} are too many\n  allowed: at most 64,000,000"
    )


def test_text_bomb():
    """A PNG whose compressed text swells is refused or read, quickly, without its text."""
    bomb = zlib.compress(bytes(80_000_000))
    body = b"zTXtbomb\0\0" + bomb
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    png = _encoded(np.zeros((8, 8), np.uint8))
    assert _read_or_refused(png[:33] + chunk + png[33:])


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it then refuses or skips
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_cut_short(grey, kind):
    """Every truncation is a PictureError, or leaves the picture whole."""
    whole = _encoded(grey, kind)
    for length in range(1, len(whole), max(1, len(whole) // 40)):
        assert _read_or_refused(whole[:length])


def test_truncated_png(grey, tmp_path):
    """A PNG cut in the middle is told as damaged."""
    path = tmp_path / "half.png"
    whole = _encoded(grey)
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in str(_refused(path))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it then refuses or skips
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_flipped_bytes(grey, kind):
    """Damaged bytes are a PictureError or a picture, never another exception."""
    whole = _encoded(grey, kind)
    rng = np.random.default_rng(4)
    for _ in range(60):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 4):
            damaged[position] = rng.integers(0, 256)
        assert _read_or_refused(bytes(damaged))


KINDS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=30)), min_size=1, max_size=4
)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it then refuses or skips
@given(kind=st.sampled_from(KINDS), changes=EDITS)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_altered_pictures(kind, changes):
    """Pieces cut out of a picture's file and put into it: a PictureError or a picture."""
    data = _encoded(
        (np.arange(600, dtype=np.uint32).reshape(20, 30) * 37 % 256).astype(np.uint8), kind
    )
    for where, length, piece in changes:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + length :]
    assert _read_or_refused(data)


def test_name_that_lies(grey, tmp_path):
    """A GIF named .png is refused, and the right name is told."""
    path = tmp_path / "digit.png"
    path.write_bytes(_encoded(grey, "GIF"))
    error = _refused(path)
    assert "GIF" in str(error)
    assert error.hint is not None
    assert "digit.gif" in error.hint


def test_names_that_do_not_lie(grey, tmp_path):
    """Upper case, usual spellings and names without a suffix are taken."""
    for name, kind in (("a.PNG", "PNG"), ("b.jpg", "JPEG"), ("c.tif", "TIFF"), ("scan", "PNG")):
        (tmp_path / name).write_bytes(_encoded(grey, kind))
        assert read_picture(tmp_path / name).shape == grey.shape


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(999)])
def test_not_a_picture(data):
    """Text, PDF, PostScript and zeros are no picture; nothing is run to find out."""
    assert "known format" in str(_refused(data))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28), bool),
        np.zeros((28, 28), np.int64),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros((5, 28, 28, 3), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((0, 28), np.uint8),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)
def test_arrays_that_are_no_picture(array):
    """Arrays of another type or shape are refused with what is allowed."""
    _refused(array)


@pytest.mark.parametrize("source", [None, 7, ["a.png"], object()])
def test_sources_that_are_none(source):
    """What is no source at all is refused by its type."""
    assert type(source).__name__ in str(_refused(source))


def test_array_is_not_copied(grey):
    """An array that is a picture already comes back as it is."""
    assert read_picture(grey) is grey


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless device here")
def test_an_endless_device_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that never ends is read no further than the limit."""
    monkeypatch.setattr(decode, "MAX_BYTES", 1000)
    with pytest.raises(PictureError, match="too large"):
        read_picture("/dev/zero")
