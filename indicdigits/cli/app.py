"""The command `indicdigits`: its verbs, and what becomes of an error.

Nothing heavy may be imported here or at the top of a verb's file: `--help` takes under 0.3 s.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from indicdigits.cli.common import emit
from indicdigits.errors import IndicDigitsError, StorageError, UsageError

VERBS = (
    "backbones",
    "pretrain",
    "finetune",
    "lines",
    "evaluate",
    "calibrate",
    "compare",
    "card",
    "explain",
    "export",
    "predict",
    "read",
    "inspect",
    "verify",
    "reread",
    "bench",
)
GROUPS = ("data", "recipe", "template")

# What the extra `train` brings.
TRAIN_MODULES = frozenset(
    "albumentations flax fontpkg fontTools grain importlib_resources jax jax2onnx jaxlib jinja2 "
    "matplotlib onnx optax orbax requests scipy sklearn tensorflow_datasets".split()
)
# Module -> the extra that brings it.
EXTRAS = dict.fromkeys(TRAIN_MODULES, "train") | {
    "openvino": "openvino",
    "tensorflow": "export-tensorflow",
}
REFUSALS = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run the command again"),
    errno.EROFS: ("the disk is read-only", "name another folder"),
    errno.EACCES: ("permission denied", "name another folder, or change the permissions"),
    errno.EPERM: ("operation not permitted", "name another folder, or change the permissions"),
}

app = typer.Typer(
    name="indicdigits",
    help="Reads numbers written in Indian scripts, and teaches a reader one more script.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        emit(None, False, f"indicdigits {version('indicdigits')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it, exit."),
    ] = False,
    debug: Annotated[  # taken out of the arguments by `main`, so that it may stand anywhere
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    pass


def _register() -> None:
    for name in VERBS:
        app.command(name)(getattr(importlib.import_module(f"indicdigits.cli.{name}"), name))
    for name in GROUPS:
        app.add_typer(importlib.import_module(f"indicdigits.cli.{name}").app, name=name)


_register()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits.

    An `IndicDigitsError` becomes its message on standard error (with `--json` also the error as
    JSON on standard output) and its exit code; a traceback is shown with `--debug` only.

    Args:
        arguments: The words after the command's name; those of the process by default.

    Raises:
        SystemExit: Always, with the exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug, json = "--debug" in words, "--json" in words
    words = [word for word in words if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):  # a console that cannot write १ shows \u0967
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(words)
    except BrokenPipeError:  # the reader of our output, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        known = as_known(error)
        print(f"error: {known}", file=sys.stderr)
        if json:
            emit(known.as_dict(), True, "")
        sys.exit(known.exit_code)
    sys.exit(code)


def _run(words: Sequence[str]) -> int:
    try:
        result: Any = app(args=words, prog_name="indicdigits", standalone_mode=False)
    except typer.TyperException as error:
        if "--json" not in words:
            error.show()  # type: ignore[attr-defined]  # every one of Typer's own has it
            return error.exit_code
        raise UsageError(error.format_message()) from error
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def as_known(error: Exception) -> IndicDigitsError:
    """The error as one with a message for people and an exit code."""
    if isinstance(error, IndicDigitsError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        if missing in EXTRAS:
            return UsageError(
                f"this needs {missing!r}, which the light install leaves out",
                hint=f"pip install 'indicdigits[{EXTRAS[missing]}]'",
            )
    if isinstance(error, OSError):
        message, hint = REFUSALS.get(error.errno or 0, (error.strerror or str(error), None))
        return StorageError(message, where=error.filename, hint=hint)
    return IndicDigitsError(
        f"unexpected {type(error).__name__}: {error}",
        hint="the same command with --debug shows where; please report it",
    )
