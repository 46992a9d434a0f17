"""Reading pictures with a bundle."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import indicdigits
from indicdigits.errors import PictureError, UsageError, VerificationError
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import shipped
from indicdigits.runtime.acceptance import NOT_A_DIGIT, Acceptance, NotADigit, Point
from indicdigits.runtime.bundle import ClassLabel
from indicdigits.runtime.reader import Reader


@pytest.fixture(scope="module")
def reader(whole) -> Reader:
    return Reader(whole)


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


def test_reading(reader, picture):
    """A reading has text, value, probability and the next best two, in falling order."""
    reading = reader(picture)
    assert reading.text == "०१२३४५६७८९"[reading.value]
    assert reading.script == "devanagari"
    assert reading.accepted
    assert reading.reason is None
    chain = [reading.probability, *(other.probability for other in reading.alternatives)]
    assert chain == sorted(chain, reverse=True)
    assert len({reading.text, *(other.text for other in reading.alternatives)}) == 3
    assert 0 < sum(chain) <= 1 + 1e-6


def test_every_kind_of_picture(reader, picture, tmp_path):
    """A path, bytes, a PIL image and arrays with and without colour give the same reading."""
    path = tmp_path / "a.png"
    path.write_bytes(png(picture))
    expected = reader(picture)
    for source in (
        path,
        str(path),
        png(picture),
        Image.fromarray(picture),
        np.dstack([picture] * 3),
    ):
        assert reader(source) == expected


def test_polarity_does_not_matter(reader, picture):
    """Dark on light and light on dark are the same digit."""
    assert reader(picture).value == reader(255 - picture).value


def test_blank_picture(reader):
    """A picture without ink is not accepted, and says why; the best guess stays."""
    reading = reader(np.full((30, 30), 200, np.uint8))
    assert (reading.accepted, reading.reason) == (False, "no ink found")
    assert reading.value in range(10)


def test_threshold(make, picture):
    """Below the bundle's threshold a reading is not accepted, above it is."""
    probability = Reader(make())(picture).probability
    below = Reader(make(acceptance=Acceptance(threshold=min(1.0, probability + 1e-6))))(picture)
    assert (below.accepted, below.reason) == (False, "below threshold")
    assert below.value is not None
    assert Reader(make(acceptance=Acceptance(threshold=probability - 1e-6)))(picture).accepted


def test_temperature(make, picture):
    """A temperature above one flattens the probabilities, and changes no decision."""
    plain = Reader(make())(picture)
    warm = Reader(make(acceptance=Acceptance(temperature=3.0)))(picture)
    assert warm.value == plain.value
    assert warm.probability < plain.probability
    same = Reader(make(acceptance=Acceptance(temperature=1.0)))(picture)
    assert same.probability == pytest.approx(plain.probability, abs=1e-6)


POINTS = tuple(
    Point(error_rate=rate, threshold=threshold, coverage=coverage)
    for rate, threshold, coverage in ((0.01, 0.0, 1.0), (0.001, 0.999999, 0.5))
)
CHOICES = Acceptance(
    temperature=1.0, fitted_on="a test", threshold=0.999999, error_rate=0.001, points=POINTS
)


def test_error_rate(make, picture):
    """One may choose among the error rates that the bundle has thresholds for, and no other."""
    bundle = make(acceptance=CHOICES)
    assert not Reader(bundle)(picture).accepted
    assert not Reader(bundle, error_rate=0.001)(picture).accepted
    assert Reader(bundle, error_rate=0.01)(picture).accepted
    with pytest.raises(UsageError, match=r"(?s)0\.005.*allowed: 0\.01, 0\.001"):
        Reader(bundle, error_rate=0.005)
    with pytest.raises(UsageError, match="has no thresholds"):
        Reader(make(), error_rate=0.01)


def test_load_with_error_rate(make, picture, tmp_path):
    """load() passes the error rate on."""
    path = tmp_path / "a.indicdigits"
    bundles.write(make(acceptance=CHOICES), path)
    assert indicdigits.load(path, error_rate=0.01)(picture).accepted
    assert not indicdigits.load(path)(picture).accepted


def test_not_a_digit(make, whole, picture):
    """What is no digit keeps its best digit as the guess, and says how likely it is none."""
    plain = Reader(whole)(picture)
    classes = list(whole.classes)
    classes[plain.value] = ClassLabel(text=NOT_A_DIGIT)
    reading = Reader(make(classes=tuple(classes)))(picture)
    assert (reading.accepted, reading.reason) == (False, "not a digit")
    second = plain.alternatives[0]
    assert (reading.text, reading.value) == (second.text, second.value)
    assert reading.value is not None
    assert reading.probability == second.probability
    assert reading.alternatives[0].text == NOT_A_DIGIT
    assert reading.alternatives[0].value is None
    assert reading.alternatives[0].probability == plain.probability
    assert reading.alternatives[1].text == plain.alternatives[1].text


def test_not_a_digit_from_a_threshold(make, whole, picture):
    """The class need not be the most probable one: from its threshold on a picture is refused."""
    plain = Reader(whole)(picture)
    classes, second = list(whole.classes), plain.alternatives[0]
    classes[second.value] = ClassLabel(text=NOT_A_DIGIT)

    def reading(threshold):
        outside = NotADigit(threshold=threshold, digits_refused=0.01)
        bundle = make(classes=tuple(classes), acceptance=Acceptance(not_a_digit=outside))
        return Reader(bundle)(picture)

    refused = reading(0.5 * second.probability)
    assert (refused.reason, refused.value) == ("not a digit", plain.value)
    assert reading(2 * second.probability).accepted


@pytest.mark.parametrize("grey", [0, 1, 128, 254, 255], ids=lambda grey: f"grey {grey}")
@pytest.mark.parametrize("grain", [0, 4], ids=["even", "grainy"])
def test_all_ink_or_all_paper(reader, grey, grain):
    """A picture that is all ink or all paper is refused as such, of any size and colour."""
    noise = np.random.default_rng(0).integers(-grain, grain + 1, (40, 30))
    sheet = np.clip(grey + noise, 0, 255).astype(np.uint8)
    for picture in (sheet, np.dstack([sheet] * 3), np.tile(sheet, (20, 20)), sheet[:9, :7]):
        found = reader(picture)
        assert (found.accepted, found.reason) == (False, "no ink found")
        assert found.value in range(10)


@pytest.mark.parametrize("rows", [1, 20], ids=["line", "page"])
def test_more_than_one_digit(reader, picture, rows):
    """A page or a line where a crop was expected is refused as such, alone and in many()."""
    sheet = np.tile(picture, (rows, 10))
    found = reader(sheet)
    assert (found.accepted, found.reason) == (False, "more than one digit")
    one = np.full((1000, 900), 230, np.uint8)  # a large photo of a digit is none of these
    one[300:700, 400:500] = 20
    assert [each.reason for each in reader.many([sheet, one])] == ["more than one digit", None]


def test_class_without_value(make, picture):
    """A class without a value is read as its text, and its value is None."""
    letters = tuple(ClassLabel(text=text) for text in "abcdefghij")
    reading = Reader(make(classes=letters))(picture)
    assert reading.text in "abcdefghij"
    assert reading.value is None
    assert reading.accepted


def test_many(reader, picture):
    """many() answers as single calls do, in order, whatever the batch size."""
    pictures = [np.roll(picture, shift, axis=1) for shift in range(5)] + [255 - picture]
    expected = [reader(each) for each in pictures]
    for size in (1, 4, 6, 100):
        found = list(reader.many(iter(pictures), batch_size=size))
        assert [each.text for each in found] == [each.text for each in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.probability == pytest.approx(theirs.probability, abs=1e-6)
    assert list(reader.many([])) == []


def test_texts(reader, picture):
    """Crops in, text out: digits of the script or 0 to 9; something else for what is refused."""
    crops = [picture, np.full((9, 9), 200, np.uint8), np.rot90(picture).copy()]
    first, _, last = reader.many(crops)
    assert reader.texts(crops) == [first.text, "", last.text]
    assert reader.texts(iter(crops), native=False, refused="?") == [
        str(first.value),
        "?",
        str(last.value),
    ]
    with pytest.raises(UsageError, match="several"):
        reader.texts("a.png")


def test_many_is_lazy(reader, picture):
    """many() holds one batch at a time, however many pictures there are."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield np.tile(picture, (8, 8))

    readings = reader.many(endless(), batch_size=8)
    next(readings)
    assert taken == 8
    tracemalloc.start()
    for _ in range(80):
        next(readings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20  # 88 pictures of 100 kB would be 9 MB


@pytest.mark.parametrize("wrong", ["a.png", b"bytes", Path("a.png"), 5])
def test_many_of_one(reader, wrong):
    """A single picture given to many() is a usage error at once."""
    with pytest.raises(UsageError, match="several"):
        reader.many(wrong)


def test_bad_numbers(reader, whole):
    """Batch sizes and threads below one are usage errors."""
    with pytest.raises(UsageError):
        reader.many([], batch_size=0)
    with pytest.raises(UsageError):
        Reader(whole, threads=0)


def test_bad_picture(reader, tmp_path):
    """A file that is no picture is a picture error, alone and in many()."""
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    with pytest.raises(PictureError):
        reader(path)
    with pytest.raises(PictureError):
        list(reader.many([path]))


def test_golden_replay(reader):
    """Golden vectors replay: pictures give the same inputs, inputs the same probabilities."""
    reader.check_golden()


def test_golden_of_another_graph(make, whole):
    """Golden vectors that the graph does not answer are noticed."""
    golden = whole.golden
    wrong = type(golden)(
        pictures=golden.pictures,
        inputs=golden.inputs,
        probabilities=np.ascontiguousarray(golden.probabilities[:, ::-1]),
    )
    with pytest.raises(VerificationError, match="answered differently"):
        Reader(make(golden_npz=wrong.to_bytes())).check_golden()


def test_golden_of_another_normalisation(make, whole):
    """Golden pictures that are prepared differently are noticed."""
    golden = whole.golden
    wrong = type(golden)(
        pictures=golden.pictures,
        inputs=255 - golden.inputs,
        probabilities=golden.probabilities,
    )
    with pytest.raises(VerificationError, match="prepared differently"):
        Reader(make(golden_npz=wrong.to_bytes())).check_golden()


def test_other_normalisation(make, whole):
    """A bundle of pictures that were prepared differently is refused, not misread."""
    changed = dict(whole.normalisation) | {"version": 999}
    with pytest.raises(VerificationError, match=r"prepared differently.*version"):
        Reader(make(normalisation=changed))


def test_graph_of_another_shape(make):
    """A graph that does not fit the bundle's classes or size is refused."""
    eleven = tuple(ClassLabel(text=text) for text in "abcdefghijk")
    for changes in ({"classes": eleven}, {"input_size": 32}):
        with pytest.raises(VerificationError, match="the graph has"):
            Reader(make(**changes))


def test_no_graph(make, whole):
    """Bytes that are no graph are a verification error, not a crash."""
    from dataclasses import replace

    from indicdigits.runtime.container import sha256

    graph = b"not a graph"
    parity = replace(whole.parity, graph_sha256=sha256(graph))
    with pytest.raises(VerificationError, match="cannot be run"):
        Reader(make(graph=graph, parity=parity))


def test_load_by_path(bundle_file, picture):
    """load() takes the path of a bundle, as text or as Path."""
    for path in (bundle_file, str(bundle_file)):
        reader = indicdigits.load(path)
        assert reader.script == "devanagari"
        assert reader(picture).accepted


@pytest.fixture
def shelf(whole, tmp_path, monkeypatch) -> Path:
    """A package that ships one reader, for Devanagari."""
    bundles.write(whole, tmp_path / "devanagari.indicdigits")
    monkeypatch.setattr(shipped, "files", lambda _: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("name", ["devanagari", "hindi", "Marathi"])
def test_load_by_name(name):
    """load() takes a script whose reader ships, or a language written in it."""
    assert indicdigits.load(name).name == "devanagari"


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("devnagari", "did you mean 'devanagari'?"),
        ("hindu", "did you mean 'hindi'?"),
        ("kannada", "recipe for kannada"),
        ("zzzz", "devanagari"),
        ("no/such.indicdigits", "no such file"),
    ],
)
def test_load_unknown(name, hint):
    """An unknown reader is a usage error with the nearest spelling and what there is."""
    with pytest.raises(UsageError) as caught:
        indicdigits.load(name)
    assert hint in str(caught.value)


def test_version_and_names():
    """The package offers load, Reader, Reading and its version, and nothing misspelt."""
    assert indicdigits.__version__[0].isdigit()
    assert {"load", "Reader", "Reading"} <= set(dir(indicdigits))
    with pytest.raises(AttributeError):
        _ = indicdigits.laod


def test_imports_stay_light(bundle_file, tmp_path, picture):
    """Loading and reading import nothing of the training extra; importing the package, nothing."""
    path = tmp_path / "a.png"
    path.write_bytes(png(picture))
    code = f"""
import sys
import indicdigits
assert "numpy" not in sys.modules
assert indicdigits.load({str(bundle_file)!r})({str(path)!r}).accepted
heavy = {{"jax", "jaxlib", "flax", "optax", "orbax", "grain", "albumentations", "onnx", "scipy",
          "tensorflow_datasets", "matplotlib", "sklearn", "typer", "rich"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
