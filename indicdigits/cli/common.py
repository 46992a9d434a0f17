"""What the verbs share: options that look alike everywhere, and how an answer is printed.

A verb writes its answer with `emit` to standard output, and everything else through the
`Reporter` of `reporter` to standard error, so that `indicdigits … --json | jq` always works.
"""

from __future__ import annotations

import json as json_module
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import typer

from indicdigits.errors import DataError, IndicDigitsError, UsageError
from indicdigits.progress import Reporter

MOST_DEVICES = 256
MOST_ERRORS = 20  # that are printed
DeviceName = Literal["auto", "cpu", "gpu", "tpu"]

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the answer.")]
Native = Annotated[bool, typer.Option("--native/--ascii", help="Digits of the script, or 0 to 9.")]
ErrorRate = Annotated[
    float | None,
    typer.Option(
        "--error-rate",
        min=0.0,
        max=1.0,
        show_default=False,
        help="Part of the accepted digits that may be wrong; `inspect` lists the choices.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one key of the recipe, such as phases.finetune.epochs=5; repeatable.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**31 - 1, help="The recipe's seed.", show_default=False),
]
Devices = Annotated[
    str,
    typer.Option(
        "--devices",
        metavar="auto|N",
        help="How many of them share each batch: all, or of a CPU one for each core (auto), or N.",
    ),
]
Device = Annotated[DeviceName, typer.Option("--device", help="Where to compute.")]


def parse_devices(text: str) -> int | None:
    """A number of devices; None is "auto".

    Raises:
        UsageError: It is neither.
    """
    if text == "auto":
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_DEVICES:
        raise UsageError(
            f"{text!r} is no number of devices",
            where="--devices",
            allowed=f"auto, or 1 to {MOST_DEVICES}",
        )
    return int(text)


def reporter(quiet: bool = False) -> Reporter:
    """What a verb reports progress to."""
    return Reporter(quiet=quiet)


def emit(data: Any, json: bool, text: str) -> None:
    """Prints a verb's answer to standard output.

    Args:
        data: The answer as tables, lists, texts and numbers; paths, numpy arrays and numpy
            numbers are allowed, and a number that is not finite becomes null.
        json: Whether to print `data` as JSON rather than `text`.
        text: The same for people.
    """
    if json:
        text = json_module.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def png_file(path: Path) -> Path:
    """The name of a picture to write.

    Raises:
        UsageError: Its suffix promises another format than the one that is written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(
            "what is drawn is written as PNG",
            where=f"--out {path}",
            allowed="a name in .png",
            hint=f"-o {path.with_suffix('.png') if path.name else 'drawn.png'}",
        )
    return path


def complain(errors: Iterable[IndicDigitsError]) -> int:
    """Prints what was wrong with some of many, of which the others were done.

    Returns:
        The exit code: that of bad data where anything was wrong.
    """
    found = list(dict.fromkeys(map(str, errors)))
    for text in found[:MOST_ERRORS]:
        print(f"error: {text}", file=sys.stderr)
    if len(found) > MOST_ERRORS:
        print(f"error: and {len(found) - MOST_ERRORS} more", file=sys.stderr)
    return DataError.exit_code if found else 0


def plain(value: Any) -> Any:
    """Turns paths, numpy values, mappings and sequences into what JSON can hold.

    Raises:
        TypeError: Something else.
    """
    if hasattr(value, "tolist"):  # numpy arrays and numbers, known without importing numpy
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in JSON")
