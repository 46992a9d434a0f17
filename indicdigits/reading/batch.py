"""Many files in a stream: some at a time, in order, and what was read once is not read again."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2

from indicdigits.errors import DataError, IndicDigitsError, PictureError, UsageError
from indicdigits.reading.files import PageOf, Picture, load_page, pages_of
from indicdigits.reading.forms.form import FormReader
from indicdigits.reading.forms.template import load_template
from indicdigits.reading.read import PageReader
from indicdigits.reading.sequence import chosen
from indicdigits.runtime.reader import load

Record = dict[str, Any]
"""What is known of a page: "path", "page", "pages", "name", and its reading or "error"."""

DEFAULT = "devanagari"
_AHEAD = 2  # pages that wait for each worker


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pages are read: what `read`, `PageReader` and `FormReader` take.

    Without a script it is Devanagari, or what the template says.
    """

    script: str | None = None
    pattern: str | None = None
    validator: str | None = None
    error_rate: float | None = None
    template: str | None = None
    lines: str | None = None


def read_all(
    files: Sequence[tuple[Path, str]],
    settings: Settings,
    *,
    workers: int = 1,
    folder: Path | None = None,
) -> Iterator[Record]:
    """Reads every page of every file, in order; a bad one becomes a record with an error.

    Args:
        files: From `find_files`.
        settings: How to read.
        workers: Processes that read at once.
        folder: Where each page's record is kept as a JSON file, and taken from when the same
            file was read there before with the same settings.
    """
    pages = _pages(files)
    if workers == 1:
        for page in pages:
            yield page if isinstance(page, dict) else _read(page, settings, folder)
        return
    # Forked processes would share the threads' locks of OpenCV and ONNX Runtime.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: deque[Record | Future[Record]] = deque()
        for page in pages:
            known = isinstance(page, dict)
            waiting.append(page if known else pool.submit(_read, page, settings, folder))  # type: ignore[arg-type]
            if len(waiting) >= _AHEAD * workers:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())


def _done(record: Record | Future[Record]) -> Record:
    return record.result() if isinstance(record, Future) else record


def _pages(files: Sequence[tuple[Path, str]]) -> Iterator[PageOf | Record]:
    for path, name in files:
        try:
            yield from pages_of(path, name)
        except (DataError, UsageError) as error:  # the latter: nothing here opens a PDF
            yield _failed(PageOf(path, 1, name), error)


def _read(page: PageOf, settings: Settings, folder: Path | None) -> Record:
    """The record of a page, from the folder or read now."""
    try:
        read, models = _reader(settings)
        sha256 = file_digest(page.path)
        known = _about(page) | {"sha256": sha256, "settings": asdict(settings), "models": models}
        kept = None if folder is None else folder / f"{page.name}.json"
        if kept is not None and (before := _before(kept, known)) is not None:
            return before
        record = known | _bounded(lambda: read(load_page(page), sha256), page)
        if kept is not None:
            keep(record, kept)
        return record
    except DataError as error:
        return _failed(page, error)


def _bounded(work: Callable[[], Record], page: PageOf) -> Record:
    """Some work on a page, whose accidents are errors of that page."""
    try:
        return work()
    except (MemoryError, cv2.error) as error:
        raise PictureError(
            f"the page cannot be read ({type(error).__name__})",
            where=page.path,
            hint="shrink it or crop it",
        ) from error


@lru_cache(maxsize=2)
def _reader(settings: Settings) -> tuple[Callable[[Picture, str], Record], dict[str, str]]:
    """What reads in this process, and the models by name: SHA-256 of their graphs."""
    cv2.setNumThreads(1)
    if settings.template is not None:
        template = load_template(settings.template, script=settings.script)
        form = FormReader(template, error_rate=settings.error_rate, lines=settings.lines)
        models = {"template": form.template.sha256} | form.models
        return (lambda picture, sha256: form(picture, sha256=sha256).as_dict()), models
    reader = load(settings.script or DEFAULT, error_rate=settings.error_rate)
    page = PageReader(
        reader,
        pattern=settings.pattern,
        validator=settings.validator,
        sequence=chosen(settings.lines),
    )
    return (lambda picture, sha256: page(picture).as_dict()), page.models


def file_digest(path: Path) -> str:
    """SHA-256 of a file; "" where it cannot be read, which its reading will say."""
    try:
        state = path.stat()
        return _digest(path, state.st_size, state.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=2)  # the pages of a PDF follow each other
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _before(path: Path, known: Record) -> Record | None:
    """The record that the file holds of the same page, read in the same way."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        same = all(record[key] == value for key, value in known.items() if key != "path")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record | {"path": known["path"]} if same else None


def keep(record: Record, path: Path) -> None:
    """Writes a record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    text = json.dumps(record, indent=1, ensure_ascii=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def _failed(page: PageOf, error: IndicDigitsError) -> Record:
    about = error.as_dict()
    return _about(page) | {"error": about | {"where": about["where"] or str(page.path)}}


def _about(page: PageOf) -> Record:
    return {
        "path": str(page.path),
        "page": page.number,
        "pages": page.of,
        "name": page.name,
    }
