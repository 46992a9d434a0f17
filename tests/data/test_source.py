from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indicdigits.data import arrays, source
from indicdigits.data.audit import leaked
from indicdigits.datasets import cmaterdb, mnist
from indicdigits.errors import DataError, DownloadError, StorageError
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Recipe, Source, load, shipped
from tests.data.conftest import COUNTS, NOWHERE, digit_pictures, digits_of

ROOT = Path()


def load_part(dataset: str, part: Any, script: str, reporter: Reporter) -> source.Split:
    return source.load_split(
        Source(dataset=dataset),
        part,
        size=28,
        classes=digits_of(script),
        root=ROOT,
        reporter=reporter,
    )


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("part", ["train", "test"])
def test_mnist_round_trip(fake_mirror: Path, quiet: Reporter, part: str) -> None:
    """MNIST comes back in the publisher's order, normalised, with a digest of each raw picture."""
    split = load_part("mnist", part, "latin", quiet)
    images, labels = digit_pictures(COUNTS[part], 28, start=100 * (part == "test"))
    assert split.labels.tolist() == labels.tolist()
    assert split.images.dtype == np.uint8
    assert np.array_equal(split.images, np.stack([normalise(image, 28) for image in images]))
    assert split.keys.tolist() == [arrays.picture_key(image) for image in images]
    assert set(split.groups["dataset"]) == {"mnist"}


@pytest.mark.parametrize("config", ["bengali", "devanagari", "telugu"])
def test_cmaterdb_round_trip(fake_mirror: Path, quiet: Reporter, config: str) -> None:
    """Each configuration of CMATERdb comes back in order; the raw pictures are as they came."""
    split = load_part(f"cmaterdb/{config}", "train", config, quiet)
    images, labels = digit_pictures(COUNTS["train"], 32)
    assert split.labels.tolist() == labels.tolist()
    raw = source.raw_pictures(
        Source(dataset=f"cmaterdb/{config}"),
        "train",
        [3, 17],
        classes=digits_of(config),
        root=ROOT,
        reporter=quiet,
    )
    assert np.array_equal(raw, 255 - images[[3, 17]])


def test_second_load_needs_no_tfds(fake_mirror: Path, quiet: Reporter, data_home: Path) -> None:
    """The second load, in a new process, imports no TFDS and takes less than 50 ms."""
    load_part("mnist", "train", "latin", quiet)
    program = """
import json, sys, time
from pathlib import Path
import indicdigits.imaging.normalise
from indicdigits.data.source import load_split
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
classes = tuple(ClassEntry(text=str(v), value=v) for v in range(10))
def once():
    start = time.perf_counter()
    split = load_split(Source(dataset="mnist"), "train", size=28, classes=classes, root=Path(),
                       reporter=Reporter())
    return time.perf_counter() - start, len(split)
seconds = min(once()[0] for _ in range(3))
print(json.dumps([once()[1], seconds, "tensorflow_datasets" in sys.modules, "cv2" in sys.modules]))
"""
    environment = {**os.environ, "INDICDIGITS_HOME": str(data_home)}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    count, seconds, imported, _ = json.loads(answer.stdout)
    assert (count, imported) == (COUNTS["train"], False)
    assert seconds < 0.05
    assert "preparing" not in answer.stderr


def test_wrong_digest_prepares_nothing(
    fake_mirror: Path, quiet: Reporter, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong digest comes through TFDS as the DownloadError it is; nothing half done stays."""
    key = ("telugu", "test")
    wrong = dataclasses.replace(cmaterdb.RESOURCES[key], sha256="0" * 64)
    monkeypatch.setitem(cmaterdb.RESOURCES, key, wrong)
    with pytest.raises(DownloadError, match="wrong sha256"):
        load_part("cmaterdb/telugu", "train", "telugu", quiet)
    assert files_under(data_home / "arrays") == []
    assert not list((data_home / "tfds").rglob("*.array_record*"))


def test_missing_everywhere(
    fake_mirror: Path, quiet: Reporter, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With neither mirror nor network, loading says the ways out."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(data_home / "no-such-mirror"))
    assert mnist.RESOURCES["train-images-idx3-ubyte"].url == NOWHERE
    with pytest.raises(DownloadError, match="strokes"):
        load_part("mnist", "train", "latin", quiet)


@pytest.mark.parametrize("where", ["tfds", "tfds in words", "arrays"])
def test_full_disk(
    fake_mirror: Path,
    quiet: Reporter,
    data_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """A disk that fills up while preparing is a StorageError; the next try starts clean."""

    def full(*_: object, **__: object) -> None:
        if where == "tfds in words":  # as the library that writes the records does
            raise RuntimeError("write() failed: No space left on device; at byte 53248")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "arrays":
            patch.setattr(source, "write_npy", full)
        else:
            from indicdigits.datasets import base

            patch.setattr(base, "png_bytes", full)
        with pytest.raises(StorageError, match="disk is full"):
            load_part("mnist", "train", "latin", quiet)
    assert files_under(data_home / "arrays") == []
    assert len(load_part("mnist", "train", "latin", quiet)) == COUNTS["train"]


def test_another_process_is_first(
    fake_mirror: Path, quiet: Reporter, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When two processes prepare the same data set, the later one takes the earlier's copy."""
    from indicdigits.datasets import base

    load_part("mnist", "train", "latin", quiet)
    shutil.rmtree(data_home / "arrays")
    (data_home / "tfds" / "mnist").rename(data_home / "theirs")

    def theirs_arrives(picture: Any) -> Any:
        if (data_home / "theirs").exists():
            shutil.copytree(data_home / "theirs", data_home / "tfds" / "mnist", dirs_exist_ok=True)
            shutil.rmtree(data_home / "theirs")
        return png_bytes(picture)

    png_bytes = base.png_bytes
    monkeypatch.setattr(base, "png_bytes", theirs_arrives)
    assert len(load_part("mnist", "train", "latin", quiet)) == COUNTS["train"]


def test_leftovers_of_a_killed_process(fake_mirror: Path, quiet: Reporter, data_home: Path) -> None:
    """What `kill -9` left behind is removed after a day, and what is in use now is not."""
    split = load_part("mnist", "train", "latin", quiet)
    folder = Path(str(split.images.filename)).parent  # type: ignore[attr-defined]
    old, new = (folder.with_name(f".{folder.name}.{n}.partial") for n in ("dead", "live"))
    for leftover in (old, new):
        (leftover / "half").mkdir(parents=True)
    os.utime(old, (1, 1))
    shutil.rmtree(folder)
    load_part("mnist", "train", "latin", quiet)
    assert (old.exists(), new.exists()) == (False, True)


def test_home_is_no_folder(
    fake_mirror: Path, quiet: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache folder that cannot be one is a StorageError that names the way out."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INDICDIGITS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(StorageError, match="INDICDIGITS_HOME"):
        load_part("mnist", "train", "latin", quiet)


def test_labels_of_another_script(fake_mirror: Path, quiet: Reporter) -> None:
    """Digits of another script are refused, unless the classes are Western digits or words."""
    with pytest.raises(DataError, match="no class of the recipe"):
        load_part("cmaterdb/telugu", "train", "bengali", quiet)
    assert len(load_part("cmaterdb/telugu", "train", "latin", quiet)) == COUNTS["train"]
    words = tuple(ClassEntry(text=f"digit {9 - v}", value=9 - v) for v in range(10))
    split = source.load_split(
        Source(dataset="mnist"), "train", size=28, classes=words, root=ROOT, reporter=quiet
    )
    _, labels = digit_pictures(COUNTS["train"], 28)
    assert split.labels.tolist() == (9 - labels.astype(int)).tolist()


def recipe(*changes: str) -> Recipe:
    return load(shipped()["pretrain/mnist-cnn"], changes)


def test_validation_part(fake_mirror: Path, quiet: Reporter) -> None:
    """The validation part is stratified, repeatable, apart from training, and depends on a seed."""
    changes = ["data.validation_fraction=0.25", "data.train_on=train"]
    data = source.load_data(recipe(*changes), ROOT, quiet)
    assert np.bincount(data.validation.labels).tolist() == [1] * 10
    assert len(data.train) + len(data.validation) == COUNTS["train"]
    assert not np.isin(data.validation.keys, data.train.keys).any()
    again = source.load_data(recipe(*changes), ROOT, quiet)
    assert np.array_equal(again.validation.keys, data.validation.keys)
    other = source.load_data(recipe(*changes, "data.seed=1"), ROOT, quiet)
    assert not np.array_equal(other.validation.keys, data.validation.keys)
    assert len(data.test) == COUNTS["test"]


def test_train_on_both_parts_and_shots(fake_mirror: Path, quiet: Reporter) -> None:
    """`train+validation` trains on both; `shots` keeps so many a class, and fewer are nested."""
    both = source.load_data(recipe("data.train_on=train+validation"), ROOT, quiet)
    assert len(both.train) == COUNTS["train"]
    assert np.isin(both.validation.keys, both.train.keys).all()
    two, one = (source.load_data(recipe(f"data.shots={n}"), ROOT, quiet) for n in (2, 1))
    assert np.bincount(two.train.labels).tolist() == [2] * 10
    assert np.isin(one.train.keys, two.train.keys).all()


def test_two_sources(fake_mirror: Path, quiet: Reporter) -> None:
    """Several sources are joined, and the column `dataset` tells them apart."""
    names = ("mnist", "cmaterdb/telugu")
    both = dataclasses.replace(recipe().data, sources=tuple(Source(dataset=name) for name in names))
    data = source.load_data(dataclasses.replace(recipe(), data=both), ROOT, quiet)
    assert data.test.groups["dataset"].tolist() == [n for n in names for _ in range(COUNTS["test"])]
    assert set(data.validation.groups["dataset"]) == set(names)


def weighted(**weights: float) -> Recipe:
    sources = tuple(
        Source(dataset=name.replace("_", "/"), weight=weight) for name, weight in weights.items()
    )
    return dataclasses.replace(recipe(), data=dataclasses.replace(recipe().data, sources=sources))


def test_weights(fake_mirror: Path, quiet: Reporter) -> None:
    """A weight says how often a set's pictures stand in an epoch; with 0 it is tested on only."""
    plain = source.load_data(weighted(mnist=1, cmaterdb_telugu=1), ROOT, quiet)
    data = source.load_data(weighted(mnist=2.5, cmaterdb_telugu=1), ROOT, quiet)
    count, before = (
        {n: int((d.train.groups["dataset"] == n).sum()) for n in ("mnist", "cmaterdb/telugu")}
        for d in (data, plain)
    )
    assert count == {
        "mnist": int(2.5 * before["mnist"]),
        "cmaterdb/telugu": before["cmaterdb/telugu"],
    }
    assert data.validation.keys.tolist() == plain.validation.keys.tolist()
    tested = source.load_data(weighted(mnist=1, cmaterdb_telugu=0), ROOT, quiet)
    assert set(tested.train.groups["dataset"]) == {"mnist"}
    assert set(tested.validation.groups["dataset"]) == {"mnist"}
    assert set(tested.test.groups["dataset"]) == {"mnist", "cmaterdb/telugu"}


def test_shots_beside_drawn_digits(fake_mirror: Path, quiet: Reporter) -> None:
    """Shots count labelled pictures: drawn ones stay, and more than there are is an error."""
    changes = ["data.shots=2", 'data.sources=[{dataset="mnist"}, {dataset="strokes/latin"}]']
    data = source.load_data(recipe(*changes), ROOT, quiet)
    real = data.train.groups["dataset"] == "mnist"
    assert np.bincount(data.train.labels[real]).tolist() == [2] * 10
    assert np.bincount(data.train.labels[~real]).min() > 100
    with pytest.raises(DataError, match="5 pictures a class are asked for, and 0 has"):
        source.load_data(recipe("data.shots=5"), ROOT, quiet)
    with pytest.raises(DataError, match="every picture here is drawn"):
        source.load_data(
            recipe("data.shots=1", 'data.sources=[{dataset="strokes/latin"}]'), ROOT, quiet
        )


def test_class_without_pictures(fake_mirror: Path, quiet: Reporter) -> None:
    """A class of the recipe that no source has pictures of is an error that names it."""
    wider = dataclasses.replace(
        recipe(), classes=(*digits_of("latin"), ClassEntry(text="not a digit"))
    )
    with pytest.raises(DataError, match="not a digit"):
        source.load_data(wider, ROOT, quiet)


@pytest.mark.integration
@pytest.mark.parametrize(("config", "count"), [("bengali", 7), ("devanagari", 14), ("telugu", 3)])
def test_leaks_of_the_real_data(
    mirror: Path,
    data_home: Path,
    quiet: Reporter,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    count: int,
) -> None:
    """The audit finds exactly the pictures that are known to stand in train and test."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(mirror))
    train, test = (
        load_part(f"cmaterdb/{config}", part, config, quiet) for part in ("train", "test")
    )
    assert leaked(train, test).sum() == count
