"""Which readers ship with the package, and finding a bundle by script or path."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from indicdigits.errors import UsageError, did_you_mean
from indicdigits.runtime.bundle import SUFFIX
from indicdigits.scripts import SCRIPTS, get_script

LINES = ".indiclines"  # suffix of the bundle of a sequence reader
ALL = "-all"  # ends the name of a script's reader that has learnt from every set there is


def shipped() -> dict[str, Path]:
    """Script -> bundle file of every reader that ships with the package."""
    folder = Path(str(files("indicdigits.checkpoints")))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def shipped_lines() -> dict[str, Path]:
    """Script -> bundle file of every sequence reader that ships with the package."""
    folder = Path(str(files("indicdigits.checkpoints")))
    return {path.stem: path for path in sorted(folder.glob(f"*{LINES}"))}


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The bundle file for a script's name, a language's name, or a path.

    A script's name means the reader that has learnt from every set there is, where one ships.

    Raises:
        UsageError: There is none; the nearest spelling and what ships are named.
    """
    path = Path(name_or_path)
    if not isinstance(name_or_path, str):
        return path
    known = shipped()
    for name in (name_or_path, f"{name_or_path}{ALL}"):
        if name in known:
            return known[name]
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return path
    return _by_script(name_or_path, known)


def _by_script(name: str, known: dict[str, Path]) -> Path:
    allowed = ", ".join([*known, f"the path of a {SUFFIX} file"])
    aliases = [alias for script in SCRIPTS.values() for alias in (script.name, *script.also)]
    try:
        script = get_script(name)
    except UsageError as error:
        raise UsageError(
            f"no reader is called {name!r}",
            allowed=allowed,
            hint=did_you_mean(name.lower(), [*known, *aliases]),
        ) from error
    best = known.get(script.name) or known.get(f"{script.name}{ALL}")
    if best is None:
        raise UsageError(
            f"no reader ships for {script.name}",
            allowed=allowed,
            hint=f"a recipe for {script.name} and `indicdigits finetune` make one",
        )
    return best
