"""Checkpoints prove what they hold."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from indicdigits.errors import CheckpointError, StorageError
from indicdigits.training import checkpoint

TREE = {"params": {"stem/conv/kernel": np.arange(64, dtype=np.float32)}, "step": np.int32(7)}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint with an older one beside it."""
    checkpoint.save(tmp_path / "checkpoints" / "step_00000001", TREE, {"step": 1})
    return checkpoint.save(tmp_path / "checkpoints" / "step_00000002", TREE, {"step": 2})


def test_what_was_saved_comes_back(saved: Path) -> None:
    """Values, dtypes and shapes survive, and unflatten gives the tree."""
    arrays, manifest = checkpoint.load(saved)
    tree = checkpoint.unflatten(TREE, arrays, where=saved)
    assert manifest["step"] == 2
    np.testing.assert_array_equal(
        tree["params"]["stem/conv/kernel"], TREE["params"]["stem/conv/kernel"]
    )
    assert tree["step"] == 7
    assert tree["step"].dtype == np.int32


def test_every_flipped_bit_is_noticed(saved: Path) -> None:
    """One bit in any file: the file and the newest good step are named, nothing is restored."""
    for path in [p for p in saved.rglob("*") if p.is_file() and p.stat().st_size]:
        original = path.read_bytes()
        middle = len(original) // 2
        flipped = bytes([original[middle] ^ 1])
        path.write_bytes(original[:middle] + flipped + original[middle + 1 :])
        with pytest.raises(CheckpointError) as caught:
            checkpoint.load(saved)
        assert str(path) in str(caught.value)
        assert "step_00000001" in str(caught.value)
        assert caught.value.exit_code == 5
        path.write_bytes(original)
    checkpoint.load(saved)


def test_a_flipped_bit_in_the_manifest_changes_nothing_unseen(saved: Path) -> None:
    """One bit anywhere in the manifest is an error, or leaves every entry as it was."""
    path = saved / checkpoint.MANIFEST
    original, expected = path.read_bytes(), checkpoint.read_manifest(saved)
    noticed = 0
    for position in range(len(original)):
        flipped = bytes([original[position] ^ 1 << position % 7])
        path.write_bytes(original[:position] + flipped + original[position + 1 :])
        try:
            found = checkpoint.read_manifest(saved)
        except CheckpointError:
            noticed += 1
        else:  # the name of the digest's own key, or a space
            assert {key: found.get(key) for key in expected} == expected
    assert noticed > 0.95 * len(original)


class Killed(BaseException):
    """Stands in for `kill -9`: no handler of the code under test may catch it."""


@pytest.mark.parametrize(
    "moment", ["Path.mkdir", "Checkpointer.save", "os.fsync", "Path.rename", "after Path.rename"]
)
def test_a_kill_at_any_moment_of_a_save_loses_nothing(
    saved: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What was saved before is still the newest good one, and what is left is swept away."""
    name = moment.removeprefix("after ")
    owner = {"Path.": Path, "Checkpointer.": checkpoint.ocp.Checkpointer, "os.": checkpoint.os}[
        name.partition(".")[0] + "."
    ]
    attribute = name.partition(".")[2]
    right = getattr(owner, attribute)

    def dies(*arguments: object, **options: object) -> object:
        if moment.startswith("after"):
            right(*arguments, **options)
        if attribute != "mkdir" or str(arguments[0]).find(".tmp-") >= 0:
            raise Killed
        return right(*arguments, **options)

    run = saved.parent.parent
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, dies)
        with pytest.raises(Killed):
            checkpoint.save(run / "checkpoints" / "step_00000003", TREE, {"step": 3})
    newest = checkpoint.newest(run)
    assert newest is not None
    assert checkpoint.load(newest)[1]["step"] == (3 if moment == "after Path.rename" else 2)
    checkpoint.prune(run)
    assert all(p.name.startswith("step_") for p in (run / "checkpoints").iterdir())


def test_a_missing_file_is_noticed(saved: Path) -> None:
    """Deleting any file of the tree is an error that names it."""
    victim = next(p for p in sorted(saved.rglob("*")) if p.is_file() and p.name != "manifest.json")
    victim.unlink()
    with pytest.raises(CheckpointError, match="a file is missing"):
        checkpoint.load(saved)


def test_without_manifest_it_is_no_checkpoint(saved: Path) -> None:
    """What a killed process left behind is never taken for a checkpoint."""
    (saved / checkpoint.MANIFEST).unlink()
    with pytest.raises(CheckpointError, match="no manifest"):
        checkpoint.load(saved)
    assert checkpoint.newest(saved.parent.parent) == saved.parent / "step_00000001"


def test_a_newer_schema_is_refused(saved: Path) -> None:
    """A checkpoint of a later version says so instead of failing somewhere inside."""
    path = saved / checkpoint.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    with pytest.raises(CheckpointError, match="newer version"):
        checkpoint.load(saved)


def test_another_shape_or_dtype_does_not_fit(saved: Path) -> None:
    """Orbax would cast and ignore shapes; we compare."""
    arrays, _ = checkpoint.load(saved)
    for wrong in (np.zeros(63, np.float32), np.zeros(64, np.float16)):
        with pytest.raises(CheckpointError, match=r"allowed: float32\[64\]"):
            checkpoint.unflatten(TREE, arrays | {"params|stem/conv/kernel": wrong}, where=saved)
    with pytest.raises(CheckpointError, match="lacks"):
        checkpoint.unflatten(TREE, {"step": arrays["step"]}, where=saved)


def test_a_full_disk_leaves_the_older_checkpoint(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC at any point of a save: a typed error, and what stood there still verifies."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("_write_synced", "flatten"):
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, name, full)
            with pytest.raises(StorageError, match="disk is full") as caught:
                checkpoint.save(saved, TREE, {"step": 3})
            assert caught.value.exit_code == 4
        assert checkpoint.load(saved)[1]["step"] == 2
    assert not [p for p in saved.parent.iterdir() if p.name.startswith(".")]


def test_a_full_disk_told_in_words(
    saved: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Orbax tells of a full disk in a ValueError's text; its traceback is logged nowhere."""

    def full(*_: object) -> None:
        checkpoint.logging.getLogger("absl").error("Traceback")
        raise ValueError("RESOURCE_EXHAUSTED: No space left on device [os_error_code='28']")

    monkeypatch.setattr(checkpoint.ocp.Checkpointer, "save", full)
    with pytest.raises(StorageError, match="disk is full"):
        checkpoint.save(saved, TREE, {"step": 3})
    assert checkpoint.load(saved)[1]["step"] == 2
    assert not caplog.records


def test_a_refused_rename_puts_the_old_one_back(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last rename fails, what stood there before stands there again."""
    right = Path.rename

    def refuses(self: Path, target: Path) -> Path:
        if ".tmp-" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return right(self, target)

    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(StorageError, match="disk is full"):
        checkpoint.save(saved, TREE, {"step": 3})
    assert checkpoint.load(saved)[1]["step"] == 2


def test_resuming_puts_damaged_steps_aside_and_says_so(saved: Path) -> None:
    """The good step before is taken; with none left it is an error, and nothing is begun anew."""
    run, said = saved.parent.parent, []
    assert checkpoint.resume_point(run, said.append) == saved
    (saved / checkpoint.MANIFEST).write_text("{}")
    older = saved.with_name("step_00000001")
    assert checkpoint.resume_point(run, said.append) == older
    assert "damaged_step_00000002" in said[0]
    assert checkpoint.steps(run) == [older]
    (older / checkpoint.MANIFEST).write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.resume_point(run, said.append)
    assert older.is_dir()
    assert checkpoint.resume_point(run / "another", said.append) is None


def test_prune_keeps_the_newest_and_sweeps_leftovers(saved: Path) -> None:
    """Old steps and half-written folders go; the newest stay."""
    run = saved.parent.parent
    checkpoint.save(run / "checkpoints" / "step_00000003", TREE, {"step": 3})
    (saved.parent / ".step_00000009.tmp-1").mkdir()
    checkpoint.prune(run, keep=2)
    assert [p.name for p in sorted(saved.parent.iterdir())] == ["step_00000002", "step_00000003"]
