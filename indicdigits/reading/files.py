"""Files and folders -> pages: pictures, TIFF files of many pages, PDF files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from indicdigits.errors import PictureError, UsageError
from indicdigits.imaging.decode import SUFFIXES, Source, read_picture

Picture = npt.NDArray[np.uint8]

PDF = ".pdf"
TIFF = (".tif", ".tiff")
PDF_DPI = 300  # at which the pages of a PDF are drawn
_POINTS = 72  # of a PDF, an inch
_PDF_PIXELS = 16_000_000  # larger pages are drawn more coarsely
_PASSWORD = 4  # PDFium's code for a file that needs one


class PageOf(NamedTuple):
    """A page of a file, counted from 1, of so many, and what its answer is called."""

    path: Path
    number: int
    name: str
    of: int = 1


def find_files(words: Iterable[str]) -> list[tuple[Path, str]]:
    """The files that paths of files and folders stand for, each with the name of its answer.

    A folder stands for every picture and PDF in it and below it, in the order of their names.

    Raises:
        UsageError: A folder without any, or two files whose answers would have one name.
    """
    found: list[tuple[Path, str]] = []
    for word in words:
        path = Path(word)
        if not path.is_dir():
            found.append((path, path.name))
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in {*SUFFIXES, PDF})
        if not inside:
            raise UsageError(
                "no pictures in this folder",
                where=path,
                allowed=", ".join([*sorted(SUFFIXES), PDF]),
            )
        found += [(file, file.relative_to(path).as_posix()) for file in inside]
    names = [name for _, name in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two files are called {twice!r}", hint="read them one after the other, or rename one"
        )
    return found


def pages_of(path: Path, name: str) -> list[PageOf]:
    """The pages of a file; a picture has one.

    Raises:
        PictureError: The file cannot be opened.
        UsageError: It is a PDF, and the extra `pdf` is not installed.
    """
    count = 1
    if path.suffix.lower() == PDF:
        with _opened_pdf(path) as document:
            count = len(document)
    elif path.suffix.lower() in TIFF and path.is_file():
        try:
            count = _frames(path)
        except Exception:  # what is wrong with it, `read_picture` says when its turn comes
            count = 1
    if count == 1:
        return [PageOf(path, 1, name)]
    numbers = range(1, count + 1)
    return [PageOf(path, number, f"{name}-p{number:04d}", count) for number in numbers]


def _frames(path: Path) -> int:
    """How many pages a TIFF has."""
    with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["TIFF"]) as image:
        return int(getattr(image, "n_frames", 1))


def page_of(source: Source, number: int) -> PageOf | None:
    """One page of the file that a path names; None of what is no path, and is one page.

    Raises:
        PictureError: There is no such page, or the file cannot be opened.
        UsageError: It is a PDF, and the extra `pdf` is not installed.
    """
    pages: list[PageOf] = []
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        pages = pages_of(path, path.name)
    count = len(pages) or 1
    if not 1 <= number <= count:
        raise PictureError(
            f"there is no page {number}",
            where=pages[0].path if pages else "the picture",
            allowed=f"1 to {count}" if count > 1 else "1: it has one page",
        )
    return pages[number - 1] if pages else None


def load_page(page: PageOf) -> Picture:
    """The picture of a page.

    Raises:
        PictureError: It cannot be read, or is outside the limits.
    """
    if page.path.suffix.lower() == PDF:
        return _drawn(page)
    if page.path.suffix.lower() in TIFF and page.number > 1:
        with Image.open(page.path, formats=["TIFF"]) as image:
            try:
                image.seek(page.number - 1)
            except (EOFError, OSError, ValueError) as error:
                raise PictureError(
                    f"page {page.number} is damaged ({error})", where=page.path
                ) from error
            return read_picture(image)
    return read_picture(page.path)


def _opened_pdf(path: Path) -> Any:
    """The file as PDFium's document."""
    try:
        import pypdfium2
    except ImportError as error:
        raise UsageError(
            "reading a PDF needs pypdfium2, which the light install leaves out",
            where=path,
            hint="pip install 'indicdigits[pdf]'",
        ) from error
    try:
        return pypdfium2.PdfDocument(path)
    except FileNotFoundError:
        raise PictureError(
            "there is no such file", where=path, hint=f"look for it with: ls {path.parent}"
        ) from None
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD:
            raise PictureError(
                "the PDF is protected by a password",
                where=path,
                allowed="a PDF that opens without one",
                hint="save a copy without password, then read that",
            ) from None
        raise PictureError(
            f"the PDF is damaged or none ({error})", where=path, hint="copy it again"
        ) from error


def _drawn(page: PageOf) -> Picture:
    """A page of a PDF as a picture, RGB."""
    with _opened_pdf(page.path) as document:
        sheet = document[page.number - 1]
        width, height = sheet.get_size()
        scale = min(PDF_DPI / _POINTS, (_PDF_PIXELS / max(width * height, 1)) ** 0.5)
        bitmap = sheet.render(scale=scale, rev_byteorder=True)
        # copied, since the bitmap's memory goes with the document
        return read_picture(np.array(bitmap.to_numpy()[..., :3], np.uint8))
