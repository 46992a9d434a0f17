"""The command as a whole: help, exit codes, and what becomes of an error."""

from __future__ import annotations

import errno
import json
import resource
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from indicdigits.cli import app as cli
from indicdigits.cli.common import emit, plain
from indicdigits.errors import (
    CheckpointError,
    DataError,
    IndicDigitsError,
    Interrupted,
    ParityError,
    RecipeError,
    UsageError,
)

HEAVY = "albumentations cv2 flax grain jax matplotlib numpy onnxruntime optax orbax PIL sklearn"
LIGHT = [["--help"], ["recipe", "check", "devanagari"], ["backbones"], ["backbones", "--json"]]


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the command a verb `fail` that raises `error`."""
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def fail(json: bool = False) -> None:
        raise error

    @app.command()
    def other() -> None:
        pass

    monkeypatch.setattr(cli, "app", app)


def code_of(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (RecipeError("x"), 3),
        (DataError("x"), 4),
        (CheckpointError("x"), 5),
        (ParityError("x"), 6),
        (IndicDigitsError("x"), 1),
        (Interrupted("x", signal_number=15), 143),
        (Interrupted("x", signal_number=2), 130),
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 4),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), 4),
        (ModuleNotFoundError("No module named 'jax'", name="jax"), 2),
        (ModuleNotFoundError("No module named 'orbax.x'", name="orbax.checkpoint"), 2),
        (ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow"), 2),
        (ZeroDivisionError("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exit_codes(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of error has its exit code, and none shows a traceback."""
    raising(error, monkeypatch)
    assert code_of("fail") == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_error_says_where_what_and_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error's place, what is allowed and the hint reach the user."""
    raising(DataError("is empty", where="a/b", allowed="pictures", hint="ls a"), monkeypatch)
    code_of("fail")
    assert capsys.readouterr().err == "error: a/b: is empty\n  allowed: pictures\n  try: ls a\n"


def test_error_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the error is JSON on standard output as well."""
    raising(DataError("is empty", where="a/b"), monkeypatch)
    code_of("fail", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"] == "DataError"
    assert (answer["where"], answer["exit_code"]) == ("a/b", 4)


def test_full_disk_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk is an error with the file and what to do."""
    raising(OSError(errno.ENOSPC, "No space left on device", "/data/x"), monkeypatch)
    code_of("fail")
    assert capsys.readouterr().err.startswith("error: /data/x: the disk is full\n  try: ")


def test_missing_extra_names_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training verb in the light install says the one command that is missing."""
    raising(ModuleNotFoundError("No module named 'flax'", name="flax.nnx"), monkeypatch)
    code_of("fail")
    assert "pip install 'indicdigits[train]'" in capsys.readouterr().err


def test_a_module_of_ours_is_no_missing_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken installation is not taken for a light one."""
    raising(
        ModuleNotFoundError("No module named 'indicdigits.x'", name="indicdigits.x"), monkeypatch
    )
    assert code_of("fail") == 1
    assert "indicdigits[train]" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--debug", "fail"), ("fail", "--debug")])
def test_debug_shows_the_traceback(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--debug may stand anywhere, and shows where an error came from."""
    raising(DataError("is empty"), monkeypatch)
    assert code_of(*words) == 4
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["nonsense"], ["recipe", "show"], ["--nonsense"], ["recipe", "ls", "--nonsense"]]
)
def test_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is exit code 2 with one line about it, with --json as JSON too."""
    assert code_of(*words) == 2
    assert "Error: " in capsys.readouterr().err
    assert code_of(*words, "--json") == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--help names every verb, and each has help of its own."""
    assert code_of("--help") == 0
    text = capsys.readouterr().out
    for verb in (*cli.VERBS, *cli.GROUPS):
        assert verb in text
        assert code_of(verb, "--help") == 0
        assert "Usage: indicdigits " + verb in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version, and that is all."""
    assert code_of("--version") == 0
    assert capsys.readouterr().out.startswith("indicdigits 0.")


@pytest.mark.parametrize("words", LIGHT)
def test_light_commands_import_nothing_heavy(
    words: list[str], command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The light verbs import none of the libraries that take their time."""
    code = (
        "import sys\nfrom indicdigits.cli.app import main\n"
        f"try: main({words!r})\nexcept SystemExit as stop: assert not stop.code\n"
        f"print(sorted(set(sys.modules) & set({HEAVY.split()!r})), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "[]\n"


@pytest.mark.parametrize("words", LIGHT)
def test_light_commands_are_quick(
    words: list[str], command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The light verbs take less than 0.3 s of processor time, whatever else is running."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert command(*words).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.3, seconds


def test_answer_of_a_console_without_unicode(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A console that cannot write १ is no reason to fail."""
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    result = command("recipe", "check", "devanagari", env=environment)
    assert result.returncode == 0
    assert "\\u0967" in result.stdout


def test_reader_that_leaves_early() -> None:
    """`indicdigits … | head -1` ends without a traceback."""
    line = f"{sys.executable} -m indicdigits recipe show devanagari --resolved | true"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert result.stderr == ""


def test_emit_json_of_numpy_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    """Answers may hold numpy values and paths; a number that is not finite becomes null."""
    from pathlib import Path

    import numpy as np

    emit({"a": np.float32(0.5), "b": np.arange(2), "c": Path("x"), "d": float("nan")}, True, "")
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [0, 1], "c": "x", "d": None}
    with pytest.raises(TypeError):
        plain({1, 2})
