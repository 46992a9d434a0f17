"""`normalise`: any picture of a digit becomes the same network input."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from indicdigits.errors import PictureError, UsageError
from indicdigits.imaging.normalise import SPEC, ink_found, normalise


def _box(output):
    rows, columns = np.nonzero(output.any(1))[0], np.nonzero(output.any(0))[0]
    return rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def test_output_form(drawn):
    """The output is uint8, square, black where there is paper, and 255 in the ink."""
    for size in (20, 28, 32, 64):
        output = normalise(drawn(), size)
        assert output.shape == (size, size)
        assert output.dtype == np.uint8
        assert output.max() == 255
        assert not output[0].any()
        assert not output[:, 0].any()
        assert max(_box(output)) == pytest.approx(size * 20 / 28, rel=0.05)


def test_polarity_does_not_matter(drawn):
    """A digit and its inverse give the same output, byte for byte, found or told."""
    picture = drawn()
    light = normalise(picture)
    assert np.array_equal(light, normalise(255 - picture))
    assert np.array_equal(light, normalise(picture, polarity="light-on-dark"))
    assert np.array_equal(light, normalise(255 - picture, polarity="dark-on-light"))


def test_bold_digit_cut_to_its_ink():
    """A bold ring cut to its ink, which fills most of area and border, keeps its polarity."""
    ring = np.zeros((32, 32), np.uint8)
    cv2.circle(ring, (16, 16), 12, 255, 11)
    assert (ring > 0).mean() > 0.6
    for picture in (ring, 255 - ring):
        output = normalise(picture)
        assert output[14, 14] == 0
        assert not output[:3, :3].any()


@pytest.mark.parametrize("factor", [0.4, 0.75, 2, 6, 40])
def test_size_does_not_matter(drawn, likeness, factor):
    """The same digit in any size gives nearly the same output."""
    picture = drawn(64, 64)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    other = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=how)
    assert likeness(normalise(picture), normalise(other)) > 0.95


def test_place_does_not_matter(drawn):
    """Where on the paper the digit stands, and how much paper there is, changes nothing."""
    picture = drawn(40, 40)
    wide = np.zeros((90, 120), np.uint8)
    wide[5:45, 71:111] = picture
    assert np.array_equal(normalise(picture), normalise(wide))


@pytest.mark.parametrize(("height", "width"), [(60, 12), (12, 60), (40, 40), (150, 30)])
def test_aspect_is_kept(height, width):
    """The ink box keeps its proportions."""
    picture = np.zeros((200, 200), np.uint8)
    picture[20 : 20 + height, 30 : 30 + width] = 200
    picture[20 + height // 2 :, 30 : 30 + width // 2][: height // 4] = 0
    got_height, got_width = _box(normalise(picture))
    assert got_height / got_width == pytest.approx(height / width, rel=0.13)
    assert max(got_height, got_width) == 20


def test_centred_by_mass(drawn):
    """The centre of mass lies within half a pixel of pixel 14, as in MNIST."""
    for scale in (0.5, 0.8, 1.0):
        moments = cv2.moments(normalise(drawn(100, 80, scale=scale)))
        assert abs(moments["m10"] / moments["m00"] - 14) <= 0.51
        assert abs(moments["m01"] / moments["m00"] - 14) <= 0.51


def test_again_changes_nothing(drawn):
    """An output of `normalise` passes through it nearly unchanged."""
    once = normalise(drawn(90, 70))
    twice = normalise(once)
    assert np.abs(once.astype(int) - twice).mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (4, 1), (28, 28), (500, 700, 3)])
@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_blank(size, level):
    """One even colour is blank: all zero, and `ink_found` says so."""
    output = normalise(np.full(size, level, np.uint8))
    assert not output.any()
    assert not ink_found(output)


def test_blank_paper_with_noise(photo):
    """A photo of empty paper is blank, whatever its noise, shade and colour."""
    for depth in (0.0, 0.6):
        paper = photo((240, 220, 150), (240, 220, 150), depth=depth, noise=10)
        assert not ink_found(normalise(paper))


def test_ink_is_found(drawn):
    """`ink_found` is true for a digit, even a pale one."""
    assert ink_found(normalise((200 - drawn() // 8).astype(np.uint8)))


def test_lone_specks_change_nothing(drawn):
    """Specks far from the digit neither stretch its box nor stay in the output."""
    picture = drawn()
    dirty = picture.copy()
    dirty[2, 2] = dirty[61, 3] = dirty[4:6, 60] = 255
    assert np.array_equal(normalise(picture), normalise(dirty))


PHOTOS = {
    "pencil": ((110, 110, 115), (225, 222, 215)),
    "blue on yellow": ((40, 60, 160), (245, 225, 120)),
    "red on green, nearly equal luminance": ((225, 105, 120), (120, 175, 110)),
    "orange on cyan, equal luminance": ((230, 125, 40), (70, 170, 190)),
    "chalk on a board": ((225, 228, 220), (40, 70, 55)),
    "white on red": ((250, 245, 245), (190, 30, 40)),
}


@pytest.mark.parametrize("depth", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("name", PHOTOS)
def test_photos(photo, drawn, likeness, name, depth):
    """Coloured ink on coloured paper, lit unevenly and noisy, gives the clean digit."""
    ink, paper = PHOTOS[name]
    clean = normalise(drawn(300, 400, thickness=12, scale=0.7))
    output = normalise(photo(ink, paper, depth=depth, noise=6))
    assert likeness(clean, output) > 0.9
    assert np.median(output) == 0


def test_equal_channels_are_grey(drawn):
    """An RGB picture with equal channels is taken as the grey picture it is."""
    picture = drawn()
    assert np.array_equal(normalise(np.dstack([picture] * 3)), normalise(picture))


def test_input_is_left_alone(drawn, photo):
    """The caller's array is not written to; a read-only or strided one is taken."""
    for picture in (255 - drawn(), photo((40, 60, 160), (245, 225, 120), depth=0.5)):
        before = picture.copy()
        picture.setflags(write=False)
        output = normalise(picture)
        assert np.array_equal(picture, before)
        strided = np.asfortranarray(picture)[::-1][::-1]
        assert np.array_equal(normalise(strided), output)


@pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 3), (3000, 4000, 3)])
def test_wild_shapes(shape):
    """Very long and very large pictures are shrunk first, not refused."""
    picture = np.full(shape, 240, np.uint8)
    picture[shape[0] // 3 : shape[0] // 2 + 1, shape[1] // 3 : shape[1] // 2 + 1] = 20
    assert ink_found(normalise(picture))


@given(
    hnp.arrays(
        np.uint8,
        st.one_of(
            st.tuples(st.integers(1, 40), st.integers(1, 40)),
            st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
        ),
        elements=st.one_of(st.sampled_from([0, 255]), st.integers(0, 255)),
    ),
    st.sampled_from(["auto", "dark-on-light", "light-on-dark"]),
    st.integers(8, 40),
)
@settings(max_examples=150, deadline=None)
def test_any_array(picture, polarity, size):
    """No picture whatsoever raises, and none leaves the output's form."""
    output = normalise(picture, size, polarity)
    assert output.shape == (size, size)
    assert output.dtype == np.uint8


def test_pale_ink_beside_bright_specks():
    """A digit much paler than the specks around it is an answer, not an error."""
    picture = np.zeros((120, 120), np.uint8)
    picture[30:90, 58:62] = 70
    picture[5:115:6, 5:50:6] = 255
    picture[5:115:6, 70:115:6] = 255
    assert normalise(picture).shape == (28, 28)
    frame = np.zeros((300, 300), np.uint8)
    frame[[0, -1], :] = frame[:, [0, -1]] = 17
    assert normalise(frame, 8, "light-on-dark").shape == (8, 8)


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_raise(seed):
    """Pure noise of any size and spread is answered, not raised at."""
    rng = np.random.default_rng(seed)
    shape = (*rng.integers(1, 90, 2), 3)[: 2 + seed % 2]
    normalise(rng.normal(128, rng.uniform(1, 80), shape).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28, 4), np.uint8),
        np.zeros(28, np.uint8),
        np.zeros((0, 28), np.uint8),
        [[0, 255]],
    ],
    ids=["float", "rgba", "one axis", "empty", "list"],
)
def test_no_picture(picture):
    """What is no uint8 picture is a PictureError that tells what is allowed."""
    with pytest.raises(PictureError) as caught:
        normalise(picture)
    assert caught.value.allowed


def test_bad_options(drawn):
    """A misspelt polarity and a size without room are usage errors with a hint or a bound."""
    with pytest.raises(UsageError, match="dark-on-light"):
        normalise(drawn(), polarity="dark-on-ligth")
    with pytest.raises(UsageError, match="8 or more"):
        normalise(drawn(), size=2)


def test_spec_is_plain_data():
    """SPEC survives JSON unchanged, and carries its version."""
    assert json.loads(json.dumps(SPEC)) == SPEC
    assert SPEC["version"] >= 1


def test_thread_setting_is_left_alone(drawn):
    """OpenCV's global thread setting is the user's."""
    before = cv2.getNumThreads()
    normalise(drawn(600, 600))
    assert cv2.getNumThreads() == before


def test_throughput(drawn):
    """Small crops pass at thousands a second (measured: over 10,000; the bound is for CI)."""
    crops = [drawn(32, 32, thickness=2), 255 - drawn(28, 28, thickness=3)] * 500
    seconds = []
    for _ in range(5):
        start = time.process_time()
        for crop in crops:
            normalise(crop)
        seconds.append(time.process_time() - start)
    assert len(crops) / min(seconds) > 3000


@pytest.mark.integration
def test_mnist_stays_mnist(mirror: Path):
    """MNIST passes nearly unchanged: it was made by the same rules."""
    with gzip.open(mirror / "mnist" / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(16 + 784 * 2000), np.uint8, offset=16)
    images = images.reshape(-1, 28, 28)
    outputs = np.array([normalise(image) for image in images])
    difference = np.abs(outputs.astype(int) - images).mean((1, 2))
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.95) < 2


@pytest.mark.integration
@pytest.mark.parametrize("script", ["bangla", "devanagari", "telugu"])
def test_cmaterdb_polarity(mirror: Path, script: str):
    """On every training image of CMATERdb the dark pixels are found to be the ink."""
    path = mirror / "cmaterdb" / f"{script}-numerals" / "training-images.npz"
    images = np.load(path)["images"]
    wrong = [
        index
        for index, image in enumerate(images)
        if not np.array_equal(normalise(image), normalise(image, polarity="dark-on-light"))
    ]
    assert wrong == []
