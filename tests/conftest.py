"""What all tests share: the mirror of the public data, and a cache folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
# Of the mirror, what the tests need: one file of each set that the project's recipes name.
EXPECTED_IN_MIRROR = ("mnist", "cmaterdb")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder that mirrors the public data.

    Without one a test is skipped; where `CI=true` it fails instead, so that nothing is skipped
    unseen.
    """
    named = os.environ.get("INDICDIGITS_MIRROR")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    missing = [name for name in EXPECTED_IN_MIRROR if not (folder / name).is_dir()]
    if missing:
        reason = (
            f"no mirror of the public data: {folder} holds no {', '.join(missing)}; "
            "set INDICDIGITS_MIRROR to a folder that does"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder.resolve()


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, set as `INDICDIGITS_HOME`."""
    home = tmp_path / "indicdigits-home"
    home.mkdir()
    monkeypatch.setenv("INDICDIGITS_HOME", str(home))
    return home


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Runs `indicdigits` with the words given, as its own process in an empty folder."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {
            "cwd": tmp_path,
            "capture_output": True,
            "text": True,
            "timeout": 120,
        } | options
        return subprocess.run([sys.executable, "-m", "indicdigits", *words], **settings)  # type: ignore[call-overload, no-any-return]

    return run
