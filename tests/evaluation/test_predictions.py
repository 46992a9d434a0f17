"""Another tool's CSV, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from indicdigits.errors import DataError
from indicdigits.evaluation.predictions import read_predictions
from indicdigits.recipe import ClassEntry

CLASSES = tuple(ClassEntry(text=text, value=value) for value, text in enumerate("०१२"))
IDS = ["a/1.png", "a/2.png", "b/1.png"]


def read(folder: Path, text: str) -> list[int]:
    file = folder / "other.csv"
    file.write_text(text, encoding="utf-8")
    return read_predictions(file, IDS, CLASSES).tolist()


def test_answers_by_text_or_value_in_any_order(tmp_path: Path) -> None:
    """A class is named by its text or its value, and rows come in whatever order."""
    text = "id,prediction,confidence\nb/1.png,२,0.9\na/1.png,1,\na/2.png,०,0.5\n"
    assert read(tmp_path, text) == [1, 0, 2]
    assert read(tmp_path, "\ufeffprediction,id\n0,a/1.png\n,a/2.png\n1,b/1.png\n") == [0, -1, 1]
    assert read(tmp_path, "id;prediction;note\na/1.png;1;a,b\na/2.png;0;\nb/1.png;2;\n") == [
        1,
        0,
        2,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,prediction\na/1.png,1\na/2.png,1\nx.png,1\n", "1 id is unknown: x.png"),
        ("id,prediction\na/1.png,1\n", "2 ids are missing: a/2.png, b/1.png"),
        ("id,prediction\na/1.png,1\na/1.png,2\n", "there twice"),
        ("id,prediction\na/1.png,7\n", "label '7' is no class"),
        ("id,answer\na/1.png,1\n", "columns id and prediction"),
        ("id,prediction\n", "columns id and prediction"),
        ("", "columns id and prediction"),
        ("id,prediction\na/1.png,1,0.5,x\n", "unknown|missing"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str, tmp_path: Path) -> None:
    """Unknown, missing and doubled ids, and answers that are no class, are named with the file."""
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path, text)
    assert "other.csv" in str(caught.value.where)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or is no text, is a data error."""
    with pytest.raises(DataError, match="no such CSV"):
        read_predictions(tmp_path / "none.csv", IDS, CLASSES)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="no readable CSV"):
        read_predictions(tmp_path / "picture.csv", IDS, CLASSES)
