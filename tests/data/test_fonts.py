"""Digits drawn after fonts: which families are taken, their skeletons, and the data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indicdigits.data import faces
from indicdigits.data.request import Request
from indicdigits.data.source import load_split
from indicdigits.data.strokes.skeleton import strokes_of
from indicdigits.data.strokes.splines import compile_variant
from indicdigits.datasets.fonts.request import fingerprint, resolve
from indicdigits.errors import DataError
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from indicdigits.scripts import SCRIPTS

TAMIL = SCRIPTS["tamil"].digits
PACKAGED = "Noto Sans Tamil"  # of the PyPI package that the extra `train` brings


def bars(*rectangles: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    """Ink of 100 x 100 pixels: filled rectangles of first row, last row, first and last column."""
    ink = np.zeros((100, 100), bool)
    for top, bottom, left, right in rectangles:
        ink[top:bottom, left:right] = True
    return ink


class TestSkeleton:
    def test_a_ring_is_one_closed_stroke(self) -> None:
        """Promise: a ring has no ends, and its line runs through the middle of the ink."""
        y, x = np.mgrid[:100, :100] - 49.5
        radius = np.hypot(y, x)
        (stroke,) = strokes_of((radius < 48) & (radius > 38))
        assert stroke.closed
        assert not any(stroke.corners)
        places = np.array(stroke.points) - 0.5
        np.testing.assert_allclose(np.hypot(*places.T), 0.37, atol=0.03)

    def test_lines_go_straight_on_through_a_crossing(self) -> None:
        """Promise: a plus is two strokes, not four."""
        strokes = strokes_of(bars((45, 55, 0, 100), (0, 100, 45, 55)))
        assert len(strokes) == 2
        spans = [np.ptp(np.array(stroke.points), axis=0) for stroke in strokes]
        assert sorted(int(span.argmax()) for span in spans) == [0, 1]
        assert all(span.max() > 0.6 and span.min() < 0.05 for span in spans)

    def test_a_corner_is_marked(self) -> None:
        """Promise: the corner of an L is sharp, and no spur of the thinning is left."""
        (stroke,) = strokes_of(bars((0, 100, 0, 10), (90, 100, 0, 100)))
        assert sum(stroke.corners) == 1
        corner = stroke.points[stroke.corners.index(True)]
        assert corner[0] < 0.25
        assert corner[1] > 0.75

    def test_nothing(self) -> None:
        """Promise: no ink, no strokes."""
        assert strokes_of(np.zeros((10, 10), bool)) == ()

    def test_every_line_lies_in_the_ink(self) -> None:
        """Promise: what is drawn after a font stays on its glyphs."""
        face = faces.faces(TAMIL, (PACKAGED,))[0]
        for text in TAMIL:
            ink = faces.glyph(face.path, text)
            curves = compile_variant(strokes_of(ink))
            line = curves.sharp @ curves.points
            low, high = line.min(axis=0), line.max(axis=0)
            extent = np.array(ink.shape[::-1])
            # the skeleton ends half a pen inside the ink
            margin = (extent - (high - low) / (high - low).max() * 0.85 * extent.max()) / 2
            at = (line - low) / (high - low).max() * 0.85 * extent.max() + np.maximum(margin, 0)
            columns, rows = np.clip(at, 0, extent - 1).astype(int).T
            near = ink | np.roll(ink, 6, 0) | np.roll(ink, -6, 0)
            near |= np.roll(ink, 6, 1) | np.roll(ink, -6, 1)
            assert near[rows, columns].mean() > 0.9, text


class TestFaces:
    def test_a_family_by_name(self) -> None:
        """Promise: families that are asked for are taken, and no others."""
        assert [face.family for face in faces.faces(TAMIL, (PACKAGED,))] == [PACKAGED]

    def test_a_family_that_is_not_there(self) -> None:
        """Promise: an unknown family is an error that says what to install."""
        with pytest.raises(DataError, match="no font 'Comic Sans Tamil'") as caught:
            faces.faces(TAMIL, ("Comic Sans Tamil",))
        assert "fonts-indic" in str(caught.value)

    def test_a_family_without_the_glyphs(self) -> None:
        """Promise: a box for a missing glyph is never learnt: what is missing is named."""
        with pytest.raises(DataError) as caught:
            faces.faces((*TAMIL, "A", "꯰"), (PACKAGED, "Noto Sans Telugu"))
        assert "꯰" in str(caught.value) or "no font" in str(caught.value)

    def test_no_font_at_all(self) -> None:
        """Promise: characters that no font can have are an error, not an empty data set."""
        with pytest.raises(DataError, match="no installed font"):
            faces.faces(("\U0010fffd",))

    def test_a_font_of_a_neighbour_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Promise: a font with a script's digits and without its letters is another script's."""
        digits = frozenset(map(ord, TAMIL))
        monkeypatch.setattr(faces, "candidates", lambda *_, **__: [("Grantha", 0, Path("g.ttf"))])
        monkeypatch.setattr(faces, "coverage", lambda _: digits)
        with pytest.raises(DataError, match="no installed font"):
            faces.faces(TAMIL)

    def test_an_odd_zero_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Promise: a family is left out whose zero is no ring, or that draws two digits alike."""
        y, x = np.mgrid[:160, :160] - 79.5
        ring = (np.hypot(y, x) < 80) & (np.hypot(y, x) > 60)
        signs = {str(d): np.pad(np.ones((160, 10 + 10 * d), bool), 0) for d in range(1, 10)}
        drawn = {
            "good": {"0": ring} | signs,
            "odd": {"0": ring | (abs(y - x) < 8)} | signs,
            "alike": {"0": ring} | signs | {"5": signs["4"]},
        }
        monkeypatch.setattr(faces, "glyph", lambda path, text: drawn[path.name][text])
        texts = tuple("0123456789")
        found = [faces.Face(name, Path(name)) for name in drawn]
        kept = faces.groups([*found, faces.Face("copy", Path("good"))], texts)
        assert [[face.family for face in group] for group in kept] == [["good", "copy"]]


class TestDataset:
    def request(self, *families: str) -> Request:
        source = Source(dataset="fonts/tamil", families=families)
        return Request(source=source, classes=(), root=Path())

    def test_parts_share_no_family(self) -> None:
        """Promise: families that are tested on are not trained on, where there are several."""
        parts = resolve(self.request())
        if len(parts["train"] | parts["test"]) > 1:
            assert not set(parts["train"]) & set(parts["test"])
        assert all(tuple(shapes) == TAMIL for shapes in parts["train"].values())

    def test_fingerprint_follows_the_families(self) -> None:
        """Promise: other families are another data set."""
        assert fingerprint(self.request(PACKAGED)) == fingerprint(self.request(PACKAGED))

    @pytest.mark.integration
    def test_pictures_of_one_family(self, data_home: Path) -> None:
        """Promise: one family is enough for a data set; each picture says whose it is."""
        split = load_split(
            Source(dataset="fonts/tamil", families=(PACKAGED,)),
            "test",
            size=28,
            classes=tuple(ClassEntry(text=text) for text in TAMIL),
            root=data_home,
            reporter=Reporter(quiet=True),
        )
        assert np.bincount(split.labels).tolist() == [100] * 10
        assert set(split.groups["family"]) == {PACKAGED}
        assert (split.images.max(axis=(1, 2)) > 128).all()


def test_which_zeros_are_rings() -> None:
    """Promise: the rule of the ring asks it of no script whose zero is another shape."""
    from indicdigits.scripts import RING_ZERO, look_alikes

    assert not {"arabic-indic", "extended-arabic-indic", "sinhala-lith"} & set(RING_ZERO)
    assert not look_alikes("෦")
    assert "૦" in look_alikes("०")
