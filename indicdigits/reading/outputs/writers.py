"""Readings as CSV, hOCR 1.2 and ALTO 4, page by page, so that a batch never waits in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from xml.etree import ElementTree

from indicdigits.errors import StorageError

Record = Mapping[str, Any]
Element = ElementTree.Element

COLUMNS = (
    "path", "page", "line", "text", "ascii", "probability", "accepted", "reason",
    "left", "top", "width", "height",
)  # fmt: skip
_ALTO = "http://www.loc.gov/standards/alto/ns-v4#"


class Format(Protocol):
    """How a file of one format begins, goes on with each page, and ends."""

    def head(self) -> str:
        """What stands before the first page."""

    def page(self, record: Record, number: int) -> str:
        """A page, the `number`-th of the file, from 1."""

    def tail(self) -> str:
        """What stands after the last page."""


class Writer:
    """A file that grows by pages, and has its name when it is whole.

    Args:
        path: Where it shall be.
        form: What it looks like.
    """

    def __init__(self, path: Path, form: Format) -> None:
        self._path, self._form, self._pages = path, form, 0
        self._temporary = path.with_name(path.name + ".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise StorageError(
                f"cannot be written ({error.strerror})", where=path, hint="name another file"
            ) from error
        self._file.write(form.head())

    def __enter__(self) -> Writer:
        return self

    def add(self, record: Record) -> None:
        """Appends a page."""
        self._pages += 1
        self._file.write(self._form.page(record, self._pages))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.write(self._form.tail())
        self._file.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)


class Csv:
    """A row a line.

    Args:
        native: Whether "text" has the script's digits or those of ASCII; "ascii" always has those.
    """

    def __init__(self, *, native: bool) -> None:
        self._key = "text" if native else "ascii"

    def head(self) -> str:
        """The names of the columns."""
        return _csv_row(COLUMNS)

    def page(self, record: Record, number: int) -> str:
        """The lines of a page."""
        rows = []
        for index, line in enumerate(record["lines"], start=1):
            sure = f"{line['probability']:.6f}", str(line["accepted"]).lower(), line["reason"] or ""
            text = line[self._key], line["ascii"]
            rows.append(
                _csv_row((record["path"], record["page"], index, *text, *sure, *line["box"]))
            )
        return "".join(rows)

    def tail(self) -> str:
        """Nothing."""
        return ""


def _csv_row(values: tuple[Any, ...]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(values)
    return row.getvalue()


class Hocr:
    """hOCR 1.2 (http://kba.github.io/hocr-spec/1.2/): a word a line, its characters inside.

    Args:
        native: Whether the digits are the script's or those of ASCII.
    """

    def __init__(self, *, native: bool) -> None:
        self._key = "text" if native else "ascii"

    def head(self) -> str:
        """The head of an XHTML document."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<html xmlns="http://www.w3.org/1999/xhtml">\n<head><title>indicdigits</title>\n'
            '<meta charset="utf-8"/>\n<meta name="ocr-system" content="indicdigits"/>\n'
            '<meta name="ocr-capabilities" '
            'content="ocr_page ocr_line ocrx_word ocrx_cinfo ocrp_wconf"/>\n</head>\n<body>\n'
        )

    def page(self, record: Record, number: int) -> str:
        """A page."""
        size = f"bbox 0 0 {record['width']} {record['height']}"
        image = str(record["path"]).replace('"', "%22")
        title = f'image "{image}"; {size}; ppageno {number - 1}'
        page = _element("div", "ocr_page", f"page_{number}", title)
        for index, line in enumerate(record["lines"], start=1):
            name = f"{number}_{index}"
            box = _bbox(line["box"])
            shown = _child(page, "span", "ocr_line", f"line_{name}", box)
            title = f"{box}; x_wconf {_percent(_sure(line))}"
            word = _child(shown, "span", "ocrx_word", f"word_{name}", title)
            for place, digit in enumerate(line["digits"], start=1):
                title = (
                    f"x_bboxes{_bbox(digit['box'])[4:]}; x_conf {100 * digit['probability']:.2f}"
                )
                char = _child(word, "span", "ocrx_cinfo", f"char_{name}_{place}", title)
                char.text = digit[self._key]
        return _text(page)

    def tail(self) -> str:
        """The end of the document."""
        return "</body>\n</html>\n"


class Alto:
    """ALTO 4 (Library of Congress): a String a line, its characters as Glyphs.

    Args:
        native: Whether the digits are the script's or those of ASCII.
        image: The first picture's path.
        version: Of this program.
    """

    def __init__(self, *, native: bool, image: str, version: str) -> None:
        self._key, self._image, self._version = "text" if native else "ascii", image, version

    def head(self) -> str:
        """The description of the whole file."""
        root = ElementTree.Element("Description")
        ElementTree.SubElement(root, "MeasurementUnit").text = "pixel"
        source = ElementTree.SubElement(root, "sourceImageInformation")
        ElementTree.SubElement(source, "fileName").text = self._image
        processing = ElementTree.SubElement(root, "Processing", ID="reading")
        software = ElementTree.SubElement(processing, "processingSoftware")
        ElementTree.SubElement(software, "softwareName").text = "indicdigits"
        ElementTree.SubElement(software, "softwareVersion").text = self._version
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<alto xmlns="{_ALTO}">\n'
            f"{_text(root)}<Layout>\n"
        )

    def page(self, record: Record, number: int) -> str:
        """A page."""
        size = {"WIDTH": str(record["width"]), "HEIGHT": str(record["height"])}
        about = {"ID": f"page_{number}", "PHYSICAL_IMG_NR": str(number)}
        page = ElementTree.Element("Page", about | size)
        space = ElementTree.SubElement(page, "PrintSpace", {"HPOS": "0", "VPOS": "0"} | size)
        for index, line in enumerate(record["lines"], start=1):
            self._line(space, line, f"{number}_{index}")
        return _text(page)

    def _line(self, space: Element, line: Record, name: str) -> None:
        where = _alto_box(line["box"])
        block = ElementTree.SubElement(space, "TextBlock", {"ID": f"block_{name}"} | where)
        row = ElementTree.SubElement(block, "TextLine", {"ID": f"line_{name}"} | where)
        about = {"ID": f"string_{name}", "CONTENT": line[self._key]}
        sure = {"WC": f"{_sure(line):.4f}"}
        string = ElementTree.SubElement(row, "String", about | sure | where)
        for other in line["alternatives"]:
            ElementTree.SubElement(string, "ALTERNATIVE").text = other[self._key]
        for place, digit in enumerate(line["digits"], start=1):
            about = {"ID": f"glyph_{name}_{place}", "CONTENT": digit[self._key]}
            sure = {"GC": f"{digit['probability']:.4f}"}
            ElementTree.SubElement(string, "Glyph", about | sure | _alto_box(digit["box"]))

    def tail(self) -> str:
        """The end of the document."""
        return "</Layout>\n</alto>\n"


def _bbox(box: tuple[int, int, int, int]) -> str:
    left, top, width, height = box
    return f"bbox {left} {top} {left + width} {top + height}"


def _alto_box(box: tuple[int, int, int, int]) -> dict[str, str]:
    return dict(zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), map(str, box), strict=True))


def _sure(line: Record) -> float:
    """What these formats say of a word; neither can say that it is refused but by no certainty."""
    return float(line["probability"]) if line["accepted"] else 0.0


def _percent(probability: float) -> int:
    return round(100 * probability)


def _element(tag: str, kind: str, name: str, title: str) -> Element:
    return ElementTree.Element(tag, {"class": kind, "id": name, "title": title})


def _child(parent: Element, tag: str, kind: str, name: str, title: str) -> Element:
    return ElementTree.SubElement(parent, tag, {"class": kind, "id": name, "title": title})


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode") + "\n"
