from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from indicdigits import recipe as recipes
from indicdigits.data import source
from indicdigits.errors import DataError, PictureError
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from tests.data.conftest import digit_pictures, digits_of, idx_bytes

CLASSES = digits_of("kannada")
COUNT = 50
Load = Callable[..., source.Split]
pytestmark = pytest.mark.usefixtures("data_home")


@pytest.fixture
def load(tmp_path: Path, quiet: Reporter) -> Load:
    """Loads a part of what a recipe in `tmp_path` would name."""

    def run(part: Any, classes: tuple[ClassEntry, ...] = CLASSES, **options: Any) -> source.Split:
        return source.load_split(
            Source(dataset="labelled_images", **options),
            part,
            size=28,
            classes=classes,
            root=tmp_path,
            reporter=quiet,
        )

    return run


def write_folder(root: Path, *, start: int = 0) -> None:
    """A folder a class, named by value and by text in turn; one class has a deeper folder."""
    images, labels = digit_pictures(COUNT, 30, start=start)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = str(label) if label % 2 else CLASSES[label].text
        folder = root / name / ("deeper" if label == 3 else "")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number:03}.png"), image)


def write_csv(
    root: Path, rows: list[list[str]], header: tuple[str, ...] = ("path", "label")
) -> None:
    root.mkdir(exist_ok=True)
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def check_round_trip(load: Load, **options: Any) -> tuple[source.Split, source.Split]:
    """Both parts hold every picture once, right side up, in the order of the source."""
    train, test = load("train", **options), load("test", **options)
    images, labels = digit_pictures(COUNT, 30)
    wanted = {
        normalise(image, 28).tobytes(): int(label)
        for image, label in zip(images, labels, strict=True)
    }
    found = {
        image.tobytes(): int(label)
        for split in (train, test)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert found == wanted
    assert len(train) + len(test) == COUNT
    return train, test


def test_folder(tmp_path: Path, load: Load) -> None:
    """A folder a class, named by text or value, is read; a fifth of each class is for testing."""
    write_folder(tmp_path / "digits")
    (tmp_path / "digits" / "5" / "Thumbs.db").write_bytes(b"junk")
    (tmp_path / "digits" / ".hidden").mkdir()
    train, test = check_round_trip(load, format="folder", train="digits")
    assert np.bincount(test.labels).tolist() == [1] * 10
    assert "3/deeper/003.png" in {*train.groups["path"], *test.groups["path"]}


def test_whose_digits(tmp_path: Path, load: Load) -> None:
    """Of classes of several scripts, a source says whose digits its labels 0 to 9 are."""
    write_folder(tmp_path / "digits")
    several = (*digits_of("latin"), *CLASSES)
    options = {"format": "folder", "train": "digits"}
    with pytest.raises(DataError, match="label '1' may be a digit of 2 scripts") as caught:
        load("train", several, **options)
    assert "latin, kannada" in str(caught.value)
    test = load("test", several, **options, script="kannada")
    assert np.bincount(test.labels).tolist() == [0] * 10 + [1] * 10
    images, labels = digit_pictures(COUNT, 30)
    np.savez(tmp_path / "digits.npz", images=images, labels=labels)
    test = load("test", several, format="npz", train="digits.npz", script="latin")
    assert np.bincount(test.labels).tolist() == [1] * 10


def test_csv_keeps_columns(tmp_path: Path, load: Load) -> None:
    """A CSV of paths and labels is read, and its further columns come along, typed."""
    write_folder(tmp_path / "digits")
    images, labels = digit_pictures(COUNT, 30)
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / "digits" / f"{number}.png"), image)
    rows = [
        [f"{n}.png", CLASSES[label].text if n % 3 else str(label), str(n % 4), f"{n % 4:03}", "0.5"]
        for n, label in enumerate(labels)
    ]
    write_csv(tmp_path / "digits", rows, ("path", "label", "writer", "page", "Weight"))
    train, _ = check_round_trip(load, format="csv", train="digits/labels.csv")
    number = int(train.groups["path"][0].removesuffix(".png"))
    assert train.groups["writer"][0] == number % 4
    assert train.groups["writer"].dtype == np.int64
    assert train.groups["page"][0] == f"{number % 4:03}"
    assert train.groups["weight"].dtype == np.float64


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_of_spreadsheets(tmp_path: Path, load: Load, separator: str) -> None:
    """What spreadsheets save (a byte order mark, semicolons, CRLF, empty rows) is read."""
    images, labels = digit_pictures(COUNT, 30)
    lines = [separator.join(("Path", "Label"))]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
        lines.append(f"{number}.png{separator} {label}")
    text = "\ufeff" + "\r\n".join([*lines, separator, ""])
    (tmp_path / "labels.csv").write_bytes(text.encode())
    check_round_trip(load, format="csv", train="labels.csv")


@pytest.mark.parametrize("labels_as", ["values", "texts"])
@pytest.mark.parametrize("shape", ["grey", "one channel", "rgb"])
def test_npz(tmp_path: Path, load: Load, shape: str, labels_as: str) -> None:
    """An npz with images, labels and further columns is read."""
    images, labels = digit_pictures(COUNT, 30)
    stored: Any = labels if labels_as == "values" else [CLASSES[label].text for label in labels]
    pictures = images if shape == "grey" else images[..., None]
    pictures = np.repeat(pictures, 3, axis=3) if shape == "rgb" else pictures
    writer = np.arange(COUNT, dtype=np.int16) // 10
    np.savez(tmp_path / "d.npz", images=pictures, labels=np.array(stored), writer=writer)
    train, test = check_round_trip(load, format="npz", train="d.npz")
    assert np.bincount([*train.groups["writer"], *test.groups["writer"]]).tolist() == [10] * 5


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx(tmp_path: Path, load: Load, suffix: str) -> None:
    """A pair of IDX files is read, gzipped or not; `test` may be a pair of its own."""
    for part, start in (("train", 0), ("test", 500)):
        for kind, array in zip(
            ("images", "labels"), digit_pictures(COUNT, 30, start=start), strict=True
        ):
            payload = idx_bytes(array)
            path = tmp_path / f"{part}-{kind}{suffix}"
            path.write_bytes(gzip.compress(payload) if suffix else payload)
    train = {"train": f"train-images{suffix}", "train_labels": f"train-labels{suffix}"}
    check_round_trip(load, format="idx", **train)
    test = {"test": f"test-images{suffix}", "test_labels": f"test-labels{suffix}"}
    assert len(load("train", format="idx", **train, **test)) == COUNT
    assert len(load("test", format="idx", **train, **test)) == COUNT


def test_colour_is_kept(tmp_path: Path, load: Load, quiet: Reporter) -> None:
    """A colour picture is kept in colour, red first."""
    red = np.full((30, 20, 3), 255, np.uint8)
    red[5:25, 8:12] = (200, 10, 30)
    images = np.stack([np.roll(red, n, axis=1) for n in range(-3, 3)])
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(6) % 2)
    entry = Source(dataset="labelled_images", format="npz", train="d.npz")
    raw = source.raw_pictures(
        entry, "train", range(4), classes=CLASSES, root=tmp_path, reporter=quiet
    )
    assert {picture.tobytes() for picture in raw} < {image.tobytes() for image in images}


def test_is_test_column(tmp_path: Path, load: Load) -> None:
    """A column `is_test` decides the test part, and is no group of its own."""
    images, labels = digit_pictures(COUNT, 30)
    is_test = np.arange(COUNT) >= 30
    np.savez(tmp_path / "d.npz", images=images, labels=labels, is_test=is_test)
    train, test = check_round_trip(load, format="npz", train="d.npz")
    assert (len(train), len(test)) == (30, 20)
    assert "is_test" not in train.groups


def test_classes_without_a_value(tmp_path: Path, load: Load) -> None:
    """A class that is no digit is found by its text."""
    classes = (ClassEntry(text="௰", value=10), ClassEntry(text="not a digit"))
    images, _ = digit_pictures(COUNT, 30)
    labels = np.array(["10", "not a digit"])[np.arange(COUNT) % 2]
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    split = load("train", classes, format="npz", train="d.npz")
    assert set(split.labels) == {0, 1}


def test_shots(tmp_path: Path, quiet: Reporter) -> None:
    """A recipe on one's own pictures may train on a few of each class; the test part stays."""
    write_folder(tmp_path / "pictures")
    path = recipes.shipped()["labelled-images"]
    few, all_of_them = (
        source.load_data(recipes.load(path, [f"data.shots={shots}"]), tmp_path, quiet)
        for shots in (2, 0)
    )
    assert np.bincount(few.train.labels).tolist() == [2] * 10
    assert set(few.train.keys) < set(all_of_them.train.keys)
    assert few.test.keys.tolist() == all_of_them.test.keys.tolist()


def test_split_is_the_same_anywhere(tmp_path: Path, load: Load) -> None:
    """The same pictures in another folder under other names give the same test part."""
    write_folder(tmp_path / "one")
    for path in sorted((tmp_path / "one").rglob("*.png")):
        target = tmp_path / "two" / str(int(path.stem) % 10) / f"z{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    keys = [set(load("test", format="folder", train=name).keys) for name in ("one", "two")]
    assert keys[0] == keys[1]


def test_changed_pictures_are_noticed(tmp_path: Path, load: Load, data_home: Path) -> None:
    """A picture that was replaced is read anew, and the outdated copy is removed."""
    write_folder(tmp_path / "digits")
    before = load("train", format="folder", train="digits")
    path = tmp_path / "digits" / before.groups["path"][0]
    keys = before.keys.tolist()
    image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    cv2.imwrite(str(path), image[::-1])
    os.utime(path, ns=(1, 1))
    after = load("train", format="folder", train="digits")
    assert after.keys.tolist() != keys
    for kept in ("arrays", "tfds"):
        copies = [p for p in (data_home / kept / "labelled_images").iterdir() if "-" in p.name]
        assert len(copies) == 1


def folder_with(tmp_path: Path, change: Callable[[Path], object]) -> dict[str, str]:
    write_folder(tmp_path / "digits")
    change(tmp_path / "digits")
    return {"format": "folder", "train": "digits"}


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (lambda d: (d / "eleven").mkdir(), "eleven", "no class"),
        (lambda d: (d / "3" / "x.png").write_bytes(b""), "3/x.png", "repair or remove"),
        (lambda d: (d / "3" / "notes.txt").write_text("hello"), "3/notes.txt", "repair or remove"),
        (
            lambda d: (d / "7" / "cut.png").write_bytes(next(d.rglob("*.png")).read_bytes()[:60]),
            "7/cut.png",
            "repair or remove",
        ),
        (lambda d: [p.unlink() for p in (d / "5").iterdir()], "digits/5", "empty"),
        (lambda d: d.rename(d.with_name("elsewhere")), "digits", "no such file or folder"),
    ],
)
def test_bad_folder(
    tmp_path: Path, load: Load, data_home: Path, change: Any, where: str, words: str
) -> None:
    """What is wrong in a folder of classes is named with its path; nothing half done stays."""
    options = folder_with(tmp_path, change)
    with pytest.raises(DataError, match=words) as caught:
        load("train", **options)
    assert str(caught.value.where).endswith(where)
    assert caught.value.exit_code == 4
    assert not list(data_home.rglob("*.array_record*"))


def test_empty_folder(tmp_path: Path, load: Load) -> None:
    """A folder without class folders says which it wants."""
    (tmp_path / "digits").mkdir()
    with pytest.raises(DataError, match="no class folders") as caught:
        load("train", format="folder", train="digits")
    assert "೩ or 3" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["gone.png", "3"], "no such file: gone.png"),
        (["", "3"], "no such file"),
        (["0.png", "eleven"], "'eleven' is no class"),
        (["0.png", "11"], "'11' is no class"),
        (["0.png", "1" * 5000], "is no class"),
        (["0.png", "3", "more"], "3 cells"),
        (["broken.png", "3"], "repair or remove"),
    ],
)
def test_bad_csv_row(tmp_path: Path, load: Load, row: list[str], words: str) -> None:
    """A bad row of a CSV is named by file and number."""
    images, labels = digit_pictures(20, 30)
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no more")
    rows = [[f"{n}.png", str(label)] for n, label in enumerate(labels)]
    write_csv(tmp_path, [*rows[:4], row, *rows[4:]])
    with pytest.raises(DataError, match=words) as caught:
        load("train", format="csv", train="labels.csv", test_fraction=0.1)
    assert str(caught.value.where).endswith("labels.csv, row 6")


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no column 'path'"), ("path\na.png\n", "no column 'label'"), ("path,label\n", "no rows"),
     ("path,label,dataset\na,1,x\n", "cannot be called 'dataset'"),
     ("path,label,label\na,1,x\n", "two 'label'"),
     ("path,label\n" + "a" * 200_000 + ",1\n", "no readable CSV")],
)  # fmt: skip
def test_bad_csv(tmp_path: Path, load: Load, text: str, words: str) -> None:
    """A CSV without its columns or rows is an error that says what is wanted."""
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        load("train", format="csv", train="labels.csv")


IMAGES, LABELS = digit_pictures(20, 30)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": IMAGES}, "no array 'labels'"),
        ({"images": IMAGES, "labels": LABELS[:5]}, "'labels' has shape"),
        ({"images": IMAGES, "labels": LABELS + 5}, "'10' is no class"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, "float64"),
        ({"images": IMAGES[:, 0], "labels": LABELS}, "uint8 .20, 30."),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "uint8 .0, 30"),
        ({"images": IMAGES, "labels": np.array([{}] * 20)}, "no readable npz"),
        ({"images": IMAGES, "labels": LABELS, "writer": IMAGES}, "'writer' is uint8"),
        ({"images": IMAGES, "labels": LABELS, "is_test": LABELS}, "is_test holds '2'"),
        ({"images": IMAGES, "labels": LABELS, "is_test": LABELS < 0}, "no training part"),
        ({"images": IMAGES[[0] * 9], "labels": LABELS[[0] * 9]}, "no training part"),
    ],
)
def test_bad_npz(tmp_path: Path, load: Load, arrays: dict[str, Any], words: str) -> None:
    """An npz that is not as it must be is an error that names the array or row."""
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError, match=words) as caught:
        load("train", format="npz", train="d.npz")
    assert "d.npz" in str(caught.value.where)


def test_no_npz_at_all(tmp_path: Path, load: Load) -> None:
    """A file that only calls itself npz, or a truncated one, is an error."""
    np.savez(tmp_path / "whole.npz", images=IMAGES, labels=LABELS)
    for content in (b"", b"hello", (tmp_path / "whole.npz").read_bytes()[:-400]):
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(DataError, match="no readable npz"):
            load("train", format="npz", train="d.npz")


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (b"", idx_bytes(LABELS), "no IDX file"),
        (idx_bytes(LABELS), idx_bytes(LABELS), "no IDX file of bytes with 3 axes"),
        (idx_bytes(IMAGES)[:-7], idx_bytes(LABELS), "after its header"),
        (gzip.compress(idx_bytes(IMAGES))[:-9], idx_bytes(LABELS), "truncated"),
        (idx_bytes(IMAGES), idx_bytes(LABELS[:4]), "holds 4 labels"),
        (idx_bytes(IMAGES), idx_bytes(LABELS + 1), "'10' is no class"),
    ],
)
def test_bad_idx(tmp_path: Path, load: Load, images: bytes, labels: bytes, words: str) -> None:
    """IDX files that are none, are truncated or do not belong together are errors."""
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels").write_bytes(labels)
    with pytest.raises(DataError, match=words):
        load("train", format="idx", train="images", train_labels="labels")


def test_parts_with_other_columns(tmp_path: Path, load: Load) -> None:
    """A test part must have the columns that the training part has."""
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, writer=LABELS)
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match="writer"):
        load("train", format="npz", train="a.npz", test="b.npz")


def test_unreadable_picture_keeps_its_type(tmp_path: Path, load: Load) -> None:
    """An unreadable picture stays a PictureError on its way through TFDS."""
    options = folder_with(tmp_path, lambda d: (d / "3" / "x.png").write_bytes(b"GIF89a"))
    with pytest.raises(PictureError):
        load("train", **options)
