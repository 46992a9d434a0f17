"""Crops of words in, text and probability out; and in the place of OnnxTR's recogniser."""

from __future__ import annotations

import numpy as np
import pytest

from indicdigits.errors import PictureError
from indicdigits.reading.answer import Box, Ink, LineReading
from indicdigits.reading.crops import NumberRecogniser, ink_of_crop


def bars(count: int, *, paper: int = 230, ink: int = 30) -> np.ndarray:
    """A crop with so many upright strokes, uint8 (40, 30 + 20 * count)."""
    crop = np.full((40, 30 + 20 * count), paper, np.uint8)
    for number in range(count):
        crop[8:32, 20 + 20 * number : 25 + 20 * number] = ink
    return crop


def counts_strokes(ink: Ink) -> LineReading:
    """A line reader that says how many strokes there are, and refuses what has none or nine."""
    columns = (ink > 128).any(axis=0).astype(int)
    count = int((np.diff(columns, prepend=0) == 1).sum())
    reason = "no ink found" if count in (0, 9) else None
    return LineReading(
        text="०१२३४५६७८९"[count], ascii=str(count), probability=0.9, accepted=reason is None,
        reason=reason, box=Box(0, 0, 1, 1),
    )  # fmt: skip


@pytest.mark.parametrize(("paper", "ink"), [(230, 30), (20, 200), (150, 110)])
@pytest.mark.parametrize("shade", [0, 60])
def test_ink_of_crops(paper: int, ink: int, shade: int) -> None:
    """Ink is found dark on light and light on dark, pale, and in shade; paper is 0."""
    crop = bars(4, paper=paper, ink=ink).astype(float)
    crop *= 1 - np.linspace(0, shade / 255, crop.shape[1])
    found = ink_of_crop(crop.astype(np.uint8))
    strokes = bars(4, paper=0, ink=255) > 0
    assert found[strokes].min() > 96
    assert np.median(found[~strokes]) == 0
    assert (found[~strokes] > 96).mean() < 0.02
    assert not ink_of_crop(np.full((20, 50), paper, np.uint8)).any()


def test_every_crop() -> None:
    """Each crop gets a text and its probability, in digits as asked for; "" where refused."""
    crops = [bars(3), np.dstack([bars(2)] * 3), np.full((20, 50), 200, np.uint8)]
    assert NumberRecogniser(counts_strokes)(crops) == [("३", 0.9), ("२", 0.9), ("", 0.0)]
    assert NumberRecogniser(counts_strokes, native=False)(iter(crops))[0] == ("3", 0.9)
    assert NumberRecogniser(counts_strokes)([]) == []
    with pytest.raises(PictureError):
        NumberRecogniser(counts_strokes)([np.zeros((3, 4, 5, 6), np.uint8)])


def test_numbers_of_another() -> None:
    """What another recogniser takes for a number is read again; refused numbers stay its."""

    def other(crops: list[np.ndarray], **options: int) -> list[tuple[str, float]]:
        assert options == {"batch": 2}
        return [("l2", 0.5), ("7,5", 0.4), ("99", 0.3)]

    recogniser = NumberRecogniser(counts_strokes, other=other)
    assert recogniser([bars(3), bars(2), bars(9)], batch=2) == [
        ("l2", 0.5), ("२", 0.9), ("99", 0.3),
    ]  # fmt: skip


def test_in_onnxtr() -> None:
    """OnnxTR's own pipeline crops, asks and builds its document with ours as its recogniser."""
    predictor = pytest.importorskip(
        "onnxtr.models.predictor.predictor",
        reason="OnnxTR is not installed (pip install 'indicdigits[onnxtr]')",
    )

    class Detector:
        """Says where the words are, as OnnxTR's detection does, without its weights."""

        def __call__(self, pages: list[np.ndarray], **_: object) -> list[np.ndarray]:
            # left, top, right, bottom in parts of the page, and how sure
            return [np.array([[0.0, 0.0, 0.45, 1.0, 0.9], [0.55, 0.0, 1.0, 1.0, 0.8]])] * len(pages)

    page = np.hstack([bars(3), np.full((40, 18), 230, np.uint8), bars(3)])
    page = np.dstack([page] * 3)
    ours = NumberRecogniser(counts_strokes)
    document = predictor.OCRPredictor(Detector(), ours, detect_language=False)([page])
    words = [
        word for block in document.pages[0].blocks for line in block.lines for word in line.words
    ]
    assert [(word.value, word.confidence) for word in words] == [("३", 0.9), ("३", 0.9)]
    assert document.render().split() == ["३", "३"]
