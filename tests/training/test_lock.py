"""One run at a time in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indicdigits.errors import StorageError, UsageError
from indicdigits.training.lock import LOCK, locked, refuse_taken

HOLD = """
import sys, time
from pathlib import Path
from indicdigits.training.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of `tmp_path / "run"`."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_told_about_the_first(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    """The error names the process, since when it runs, and what to do."""
    for take in (
        lambda: locked(tmp_path / "run").__enter__(),
        lambda: refuse_taken(tmp_path / "run"),
    ):
        with pytest.raises(UsageError, match=f"process {holder.pid} on .*, since 20") as caught:
            take()
        assert caught.value.where == str(tmp_path / "run")
        assert f"kill {holder.pid}" in str(caught.value.hint)
        assert "--out" in str(caught.value.hint)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_frees_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """After kill -9 the file is still there, and the next run takes it."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert str(holder.pid) in (tmp_path / "run" / LOCK).read_text()
    refuse_taken(tmp_path / "run")
    with locked(tmp_path / "run"):
        assert str(os.getpid()) in (tmp_path / "run" / LOCK).read_text()


def test_the_lock_is_free_again_when_a_run_ends_or_fails(tmp_path: Path) -> None:
    """One run after the other, also after an error."""
    with pytest.raises(ValueError, match="failed"), locked(tmp_path / "run"):
        raise ValueError("failed")
    with locked(tmp_path / "run"), pytest.raises(UsageError), locked(tmp_path / "run"):
        pass
    refuse_taken(tmp_path / "run")
    refuse_taken(tmp_path / "no run at all")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where a folder should be is a StorageError that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a file, no folder"), locked(tmp_path / "file" / "run"):
        pass
