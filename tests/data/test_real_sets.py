"""The further real sets: from the mirror, from archives of the publishers' layout, or an error."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from indicdigits.data.source import load_split
from indicdigits.datasets import arabic_indic, dhcd, gujarati, kannada, tamil_numerals
from indicdigits.errors import DataError, DownloadError
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from tests.data.conftest import NOWHERE, digit_pictures, digits_of

SETS: dict[str, tuple[ModuleType, str, int, dict[str, Any]]] = {
    "dhcd": (dhcd, "devanagari", 32, {"is_test": np.arange(40) >= 30}),
    "kannada": (kannada, "kannada", 28, {"writer": np.arange(40) // 10 * 4}),
    "gujarati": (gujarati, "gujarati", 28, {}),
    "arabic_indic": (arabic_indic, "arabic-indic", 28, {"is_test": np.arange(40) >= 30}),
}


@pytest.fixture
def mirror_of_sets(tmp_path: Path, data_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror of small files laid out like the real ones; the builders know their digests."""
    folder = tmp_path / "mirror"
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(folder))
    for package, _, size, columns in SETS.values():
        builder = package.Builder  # before its module is changed: importing it reads RESOURCE
        images, labels = digit_pictures(40, size)
        path = folder / package.RESOURCE.mirror_path
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=images, labels=labels.astype(np.int64), **columns)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        changed = dataclasses.replace(package.RESOURCE, sha256=digest)
        monkeypatch.setattr(package, "RESOURCE", changed)
        monkeypatch.setattr(builder, "RESOURCE", changed)
    return folder


def part_of(dataset: str, part: Any, classes: tuple[ClassEntry, ...]) -> Any:
    return load_split(
        Source(dataset=dataset),
        part,
        size=28,
        classes=classes,
        root=Path(),
        reporter=Reporter(quiet=True),
    )


@pytest.mark.parametrize("name", SETS)
def test_round_trip(mirror_of_sets: Path, name: str) -> None:
    """Each set comes back whole, every picture in one part, with its labels."""
    script = SETS[name][1]
    train, test = (part_of(name, part, digits_of(script)) for part in ("train", "test"))
    assert len(train) + len(test) == 40
    assert not set(train.keys) & set(test.keys)
    assert sorted([*train.labels, *test.labels]) == sorted(list(range(10)) * 4)


def test_writers_stay_apart(mirror_of_sets: Path) -> None:
    """Nobody who is tested on has been trained on."""
    train, test = (part_of("kannada", part, digits_of("kannada")) for part in ("train", "test"))
    assert set(train.groups["writer"]) == {"0", "4"}
    assert set(test.groups["writer"]) == {"8", "12"}


def png(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def archive(path: Path, names: dict[str, int], size: int) -> None:
    """A zip with so many pictures in each folder, all different."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images, _ = digit_pictures(sum(names.values()), size)
    pictures = iter(images)
    with zipfile.ZipFile(path, "w") as file:
        for folder, count in names.items():
            for number in range(count):
                file.writestr(f"{folder}/{number}.png", png(next(pictures)))
        file.writestr("__MACOSX/Train/digit_0/._1.png", b"nothing")


def test_dhcd_from_its_publishers_archive(
    mirror_of_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digits are taken out of the 46 classes, in the publisher's split."""
    (mirror_of_sets / dhcd.RESOURCE.mirror_path).unlink()
    monkeypatch.setattr(dhcd, "COUNTS", {"Train": 2, "Test": 1})
    folders = {
        f"DevanagariHandwrittenCharacterDataset/{part}/{name}": count
        for part, count in dhcd.COUNTS.items()
        for name in [*(f"digit_{digit}" for digit in range(10)), "character_1_ka"]
    }
    archive(mirror_of_sets / dhcd.ARCHIVE.mirror_path, folders, 32)
    train, test = (part_of("dhcd", part, digits_of("devanagari")) for part in ("train", "test"))
    assert np.bincount(train.labels).tolist() == [2] * 10
    assert np.bincount(test.labels).tolist() == [1] * 10


def test_dhcd_with_a_class_too_small(mirror_of_sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that is not what it should be is refused, with what is missing."""
    (mirror_of_sets / dhcd.RESOURCE.mirror_path).unlink()
    archive(mirror_of_sets / dhcd.ARCHIVE.mirror_path, {"D/Train/digit_0": 3}, 32)
    with pytest.raises(DataError, match=r"Train/digit_0 holds 3 pictures"):
        part_of("dhcd", "train", digits_of("devanagari"))


TEN = (*digits_of("tamil"), ClassEntry(text="௰", value=10))


@pytest.mark.parametrize(("config", "classes"), [("numbers", TEN), ("digits", TEN[:10])])
def test_tamil_numerals(mirror_of_sets: Path, config: str, classes: tuple[ClassEntry, ...]) -> None:
    """An archive of folders 0 to 10: with ten as a class, or the digits alone."""
    folders = {f"N_resized/{label}": 5 for label in range(11)}
    archive(mirror_of_sets / tamil_numerals.RESOURCE.mirror_path, folders, 40)
    train = part_of(f"tamil_numerals/{config}", "train", classes)
    test = part_of(f"tamil_numerals/{config}", "test", classes)
    assert np.bincount(train.labels).tolist() == [4] * len(classes)
    assert np.bincount(test.labels).tolist() == [1] * len(classes)


def test_tamil_numerals_not_there(
    data_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be had the error says where a person finds it and where to put it."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(tmp_path))
    changed = dataclasses.replace(tamil_numerals.RESOURCE, url=NOWHERE)
    monkeypatch.setattr(tamil_numerals, "RESOURCE", changed)
    with pytest.raises(DownloadError) as caught:
        part_of("tamil_numerals/digits", "train", TEN[:10])
    assert tamil_numerals.PAGE in str(caught.value)
    assert "downloads/tamil_numerals/N_resized.zip" in str(caught.value)


def test_a_damaged_archive(mirror_of_sets: Path) -> None:
    """What is no zip is refused as such."""
    path = mirror_of_sets / tamil_numerals.RESOURCE.mirror_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(io.BytesIO(b"<html>not found</html>").getvalue())
    with pytest.raises(DataError, match="no readable zip"):
        part_of("tamil_numerals/digits", "train", TEN[:10])
