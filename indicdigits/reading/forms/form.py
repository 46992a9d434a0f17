"""Reads the fields of a form, each with a record of how the answer came about."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from indicdigits.errors import PictureError
from indicdigits.reading.answer import Box, Ink, LineReading
from indicdigits.reading.forms.marks import Homography, locate
from indicdigits.reading.forms.printed import is_alike, likeness
from indicdigits.reading.forms.template import Field, Template
from indicdigits.reading.page.corners import find_sheet, flatten
from indicdigits.reading.page.ink import ink_of
from indicdigits.reading.page.layout import bounded
from indicdigits.reading.page.lines import Line, find_lines
from indicdigits.reading.page.rules import Rules, without_rules
from indicdigits.reading.read import PageReader, placed
from indicdigits.reading.sequence import chosen
from indicdigits.runtime.reader import Reader, load
from indicdigits.runtime.reading import NO_INK

Picture = npt.NDArray[np.uint8]

_AROUND = 0.15  # heights of a field, by which writing may leave it


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldReading:
    """What was read in a field, and by what: its audit record.

    Attributes:
        name: Of the field.
        reading: Its line, boxes in pixels of the picture.
        picture_sha256: Of the picture's file.
        template_sha256: Of the template's file.
        model: Name of the digit reader.
        model_sha256: Of its graph.
        lines_sha256: Of the graph of the sequence reader, or None where none was asked.
        time: When it was read, UTC, ISO 8601.
    """

    name: str
    reading: LineReading
    picture_sha256: str
    template_sha256: str
    model: str
    model_sha256: str
    lines_sha256: str | None
    time: str

    def as_dict(self) -> dict[str, Any]:
        """The record as plain data, the reading's keys beside the others."""
        about = {key: value for key, value in asdict(self).items() if key != "reading"}
        return about | self.reading.as_dict()


@dataclass(frozen=True, kw_only=True, slots=True)
class FormReading:
    """What was read in a form.

    Attributes:
        form: The template's name.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        fields: In the order of the template.
    """

    form: str
    width: int
    height: int
    fields: tuple[FieldReading, ...]

    def as_dict(self) -> dict[str, Any]:
        """The form as plain data: "record" has what was accepted, in ASCII, by field."""
        return {
            "form": self.form,
            "width": self.width,
            "height": self.height,
            "record": {
                field.name: field.reading.ascii if field.reading.accepted else None
                for field in self.fields
            },
            "fields": [field.as_dict() for field in self.fields],
            "lines": [field.reading.as_dict() for field in self.fields],
            "notices": [],
        }


class FormReader:
    """Reads filled-in forms of one kind; may be shared between threads.

    Args:
        template: Where the fields are.
        error_rate: Part of the accepted digits that may be wrong, as for `load`.
        lines: The bundle of a sequence reader, or "none", as for `read`.

    Raises:
        UsageError: A field's script has no reader, or its pattern or validator is unknown.
    """

    def __init__(
        self, template: Template, *, error_rate: float | None = None, lines: str | None = None
    ) -> None:
        self.template, sequence = template, chosen(lines)
        readers: dict[str, Reader] = {}
        self._fields: list[tuple[Field, PageReader]] = []
        for field in template.fields:
            if field.script not in readers:
                readers[field.script] = load(field.script, error_rate=error_rate)
            reader = PageReader(
                readers[field.script],
                pattern=field.pattern,
                validator=field.validator,
                sequence=sequence,
            )
            self._fields.append((field, reader))

    @property
    def models(self) -> dict[str, str]:
        """What reads, by name: SHA-256 of the graphs."""
        return {name: sha for _, page in self._fields for name, sha in page.models.items()}

    def __call__(self, picture: Picture, *, sha256: str) -> FormReading:
        """Reads a form.

        Args:
            picture: uint8 (H,W) or (H,W,3), from `read_picture`.
            sha256: Of its file, for the audit.

        Raises:
            PictureError: The marks are not there, or it is another form.
        """
        height, width = picture.shape[:2]
        small, to_picture = bounded(picture)
        ink = ink_of(small)
        form, to_page = self._laid_flat(small, ink)
        cleaned, rules = without_rules(form)
        scale = form.shape[1] / self.template.size[0]
        fields = tuple(
            FieldReading(
                name=field.name,
                reading=placed(
                    _read_field(reader, _scaled(field, scale), cleaned, rules),
                    to_picture @ to_page,
                ),
                picture_sha256=sha256,
                template_sha256=self.template.sha256,
                model=reader.reader.name,
                model_sha256=self.models[reader.reader.name],
                lines_sha256=reader.sequence.sha256 if reader.sequence else None,
                time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            )
            for field, reader in self._fields
        )
        return FormReading(form=self.template.name, width=width, height=height, fields=fields)

    def _laid_flat(self, picture: Picture, ink: Ink) -> tuple[Ink, Homography]:
        """The ink of the form as the template has it, and the way back to the page."""
        ways = place_form(self.template, picture, ink)
        if not ways:
            raise PictureError(
                f"the registration marks of {self.template.name!r} are not in this picture",
                allowed=f"all {len(self.template.marks)} marks in view",
                hint="is it another form? Else photograph the whole sheet",
            )
        best: tuple[float, Ink, Homography] | None = None
        for way in ways[:4]:
            flat, back = lay_flat(self.template, ink, way)
            value = likeness(flat, self.template.printed)
            if best is None or value > best[0]:
                best = value, flat, back
        assert best is not None
        if not is_alike(best[0]):
            raise PictureError(
                f"this is not the form {self.template.name!r}: what is printed on it differs",
                allowed=f"a picture of {self.template.name!r}",
                hint="read it with the template of its own form",
            )
        return best[1], best[2]


def place_form(template: Template, picture: Picture, ink: Ink) -> list[Homography]:
    """The ways in which a form may lie in a picture: from its unit to pixels."""
    if template.marks:
        marks = np.array(template.marks, np.float32)
        return locate(ink, marks, float(template.mark_size))
    sheet = find_sheet(picture)
    if sheet is None:
        height, width = picture.shape[:2]
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        sheet = np.array(corners, np.float32)
    right, bottom = template.size
    form = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    # upright first, then upside down
    return [
        np.asarray(cv2.getPerspectiveTransform(form, np.roll(sheet, turns, axis=0)), np.float64)
        for turns in (0, 2)
    ]


def lay_flat(template: Template, ink: Ink, way: Homography) -> tuple[Ink, Homography]:
    """The form's ink at the picture's scale, and the homography from there to the page."""
    right, bottom = template.size
    form = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    corners = cv2.perspectiveTransform(form[None], way)[0].astype(np.float32)
    _, size = flatten(corners)
    scale = min(max(size[0] / right, size[1] / bottom), 4 * max(ink.shape) / max(right, bottom))
    back = way @ np.diag([1 / scale, 1 / scale, 1.0])
    shape = (max(1, round(right * scale)), max(1, round(bottom * scale)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(ink, back, shape, flags=flags), np.uint8), back


def _scaled(field: Field, scale: float) -> Box:
    left, top, width, height = (round(value * scale) for value in field.box)
    return Box(left, top, width, height)


def _read_field(reader: PageReader, box: Box, form: Ink, rules: Rules) -> LineReading:
    """Reads the writing whose middle lies in a field."""
    around = round(_AROUND * box.height)
    left, top = max(box.left - around, 0), max(box.top - around, 0)
    rows = slice(top, box.top + box.height + around)
    columns = slice(left, box.left + box.width + around)
    inside = find_lines(form[rows, columns], rules.within(rows, columns))
    lines = [
        line
        for line in inside
        if box.top <= top + line.box.top + line.box.height / 2 <= box.top + box.height
    ]
    if not lines:
        return LineReading(
            text="", ascii="", probability=0.0, accepted=False, reason=NO_INK, box=box
        )
    return reader.read(_one_row(lines)).moved(left, top)


def _one_row(lines: Sequence[Line]) -> Line:
    """The line with most ink, and what stands beside it: a field is one number."""
    most = max(lines, key=lambda line: int(line.ink.sum(dtype=np.int64)))
    low, high = most.box.top, most.box.top + most.box.height
    row = [line for line in lines if low < line.box.top + line.box.height / 2 < high]
    if len(row) == 1:
        return most
    left, top = min(line.box.left for line in row), min(line.box.top for line in row)
    right = max(line.box.left + line.box.width for line in row)
    bottom = max(line.box.top + line.box.height for line in row)
    ink = np.zeros((bottom - top, right - left), np.uint8)
    for line in row:
        x, y = line.box.left - left, line.box.top - top
        part = ink[y : y + line.box.height, x : x + line.box.width]
        np.maximum(part, line.ink, out=part)
    return Line(ink, Box(left, top, right - left, bottom - top))
