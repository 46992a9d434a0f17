"""Pages that fetch nothing: their style is inside, their pictures are data URIs."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

import jinja2

from indicdigits.evaluation import words


def fill(template: str, **values: Any) -> str:
    """Fills in a template of this package.

    Args:
        template: Its file name.
        values: What it names, besides the functions of `words` that every page may use.

    Raises:
        jinja2.UndefinedError: It names something else.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "percent": words.percent,
        "interval": words.interval,
        "certainty": words.certainty,
        "count": words.count,
        "duration": words.duration,
        "plain_name": words.plain_name,
    }
    return environment.get_template(template).render(**values)


def _read(name: str) -> str:
    return (files("indicdigits.evaluation") / name).read_text(encoding="utf-8")


def data_uri(png: bytes) -> str:
    """A PNG file as an address that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
