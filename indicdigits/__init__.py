"""Reads numbers written in Indian scripts, and teaches a reader one more script.

    import indicdigits

    reader = indicdigits.load("devanagari")
    reader("digit.png").value
    indicdigits.read("form.jpg", "devanagari")["lines"]

Everything is imported when it is first used, so that `import indicdigits` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indicdigits.reading.read import read
    from indicdigits.runtime.reader import Reader, Reading, load

    __version__: str

__all__ = ["Reader", "Reading", "__version__", "load", "read"]

_HOMES = dict.fromkeys(("Reader", "Reading", "load"), "indicdigits.runtime.reader")
_HOMES["read"] = "indicdigits.reading.read"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("indicdigits")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
