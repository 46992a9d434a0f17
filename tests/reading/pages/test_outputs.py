"""What other programs get: CSV, hOCR, ALTO, annotated pictures, batches."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from indicdigits.imaging.lettering import lettered
from indicdigits.reading.batch import Settings, read_all
from indicdigits.reading.files import find_files
from indicdigits.reading.outputs.annotated import ACCEPTED, annotate
from indicdigits.scripts import SCRIPTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path, write):
    """Two pictures, one of them deeper, and a text file named like a picture."""
    home = tmp_path / "scans"
    (home / "more").mkdir(parents=True)
    Image.fromarray(write("4027")).save(home / "a.png")
    Image.fromarray(write("815")).save(home / "more" / "b.png")
    (home / "bad.png").write_text("not a picture")
    return home


def test_bad_file_does_not_stop_the_others(read, folder):
    """A bad file is named, the others are read, and the exit code says that one failed."""
    code, out, err = read(folder, "--ascii")
    assert code == 4
    assert [line.split()[1] for line in out.splitlines()] == ["4027", "815"]
    assert "bad.png: the bytes are no picture" in err


def test_json_of_several(read, folder):
    """`--json` of several pages lists them, the bad one with its error."""
    pages = json.loads(read(folder, "--json")[1])["pages"]
    assert [Path(page["path"]).name for page in pages] == ["a.png", "bad.png", "b.png"]
    assert pages[1]["error"]["error"] == "PictureError"
    assert pages[2]["lines"][0]["text"] == "८१५"


def test_csv_hocr_alto(read, folder, tmp_path):
    """The three formats say the same: text, place, probability."""
    targets = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "hocr", "alto")}
    words = [word for kind, path in targets.items() for word in (f"--{kind}", path)]
    code, _, err = read(folder / "a.png", folder / "more" / "b.png", *words)
    assert code == 0, err
    rows = list(csv.DictReader(targets["csv"].open(encoding="utf-8")))
    assert [row["text"] for row in rows] == ["४०२७", "८१५"]
    assert [row["ascii"] for row in rows] == ["4027", "815"]
    boxes = [[int(row[key]) for key in ("left", "top", "width", "height")] for row in rows]

    hocr = ElementTree.parse(targets["hocr"]).getroot()
    html = "{http://www.w3.org/1999/xhtml}"
    words = [span for span in hocr.iter(f"{html}span") if span.get("class") == "ocrx_word"]
    assert ["".join(word.itertext()) for word in words] == ["४०२७", "८१५"]
    left, top, width, height = boxes[0]
    assert f"bbox {left} {top} {left + width} {top + height};" in str(words[0].get("title"))

    alto = ElementTree.parse(targets["alto"]).getroot()
    names = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}
    strings = alto.findall(".//a:String", names)
    assert [string.get("CONTENT") for string in strings] == ["४०२७", "८१५"]
    assert [strings[1].get(key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] == [
        str(value) for value in boxes[1]
    ]
    assert len(alto.findall(".//a:Page", names)) == 2
    assert len(strings[0].findall("a:Glyph", names)) == 4


def test_resumes(read, folder, tmp_path, monkeypatch):
    """What lies in the folder is not read again, unless the picture or the settings changed."""
    out = tmp_path / "out"
    assert read(folder, "-o", out)[0] == 4
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.*")} == {
        *("a.png.json", "a.png.png", "more/b.png.json", "more/b.png.png")
    }
    kept = out / "a.png.json"
    record = json.loads(kept.read_text())
    record["lines"][0]["text"] = "from the folder"
    kept.write_text(json.dumps(record))
    assert "from the folder" in read(folder / "a.png", "-o", out)[1]
    Image.fromarray(np.full((60, 60), 255, np.uint8)).save(folder / "a.png")
    assert "blank" in read(folder / "a.png", "-o", out)[1]


def test_pages_of_tiff_and_pdf(folder, write):
    """Every page of a TIFF and of a PDF is read."""
    sheets = [Image.fromarray(write(text)) for text in ("61", "407")]
    for name in ("two.tif", "two.pdf"):
        sheets[0].save(folder / name, save_all=True, append_images=sheets[1:])
        records = list(read_all(find_files([str(folder / name)]), Settings(script="devanagari")))
        assert [record["lines"][0]["ascii"] for record in records] == ["61", "407"]
        assert [record["page"] for record in records] == [1, 2]
        assert [record["name"] for record in records] == [f"{name}-p0001", f"{name}-p0002"]


def test_workers(folder):
    """Two processes answer what one answers, in the same order."""
    files, settings = find_files([str(folder)]), Settings(script="devanagari")
    assert list(read_all(files, settings, workers=2)) == list(read_all(files, settings))


def test_password(read, folder):
    """A PDF with a password is named as such, and the others are read."""
    key = "(" + "x" * 32 + ")"
    parts = [
        "%PDF-1.4",
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj",
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj",
        f"4 0 obj<</Filter/Standard/V 1/R 2/O{key}/U{key}/P -4>>endobj",
        "trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>",
        "%%EOF",
    ]
    (folder / "secret.pdf").write_text("\n".join(parts))
    code, out, err = read(folder, "--ascii")
    assert code == 4
    assert "secret.pdf: the PDF is protected by a password" in err
    assert [line.split()[1] for line in out.splitlines()] == ["4027", "815"]


def test_places(read, folder, tmp_path):
    """Folders that are missing are made for every output; what is no place is said at once."""
    deep = tmp_path / "not" / "there"
    words = [word for kind in ("csv", "hocr", "alto") for word in (f"--{kind}", deep / kind / "o")]
    code, _, err = read(folder / "a.png", *words, "--annotated", deep / "png" / "o.png", "-o", deep)
    assert code == 0, err
    assert len([path for path in deep.glob("*/o*") if path.is_file()]) == 4
    code, out, err = read(folder / "a.png", "-o", folder / "a.png")
    assert (code, out) == (2, "")
    assert "is a file, and not a folder" in err
    code, out, err = read(folder / "a.png", "--csv", folder)
    assert (code, out) == (2, "")
    assert "is a folder" in err
    for option in ("--hocr", "--annotated"):
        code, out, err = read(folder / "a.png", option, folder / "a.png" / "more" / "x.png")
        assert (code, out) == (2, "")
        assert "a.png: is a file, and not a folder" in err


def test_annotated(write, page_reader):
    """The annotated picture frames the line, and keeps the writing."""
    page = write("4027")
    lines = page_reader(page).as_dict()["lines"]
    drawn = np.asarray(annotate(page, lines, native=True))
    assert drawn.shape == page.shape
    left, top, width, height = lines[0]["box"]
    frame = (drawn == ACCEPTED).all(axis=2)
    assert frame[top - 4, left : left + width].all()
    inside = np.s_[top : top + height, left : left + width]
    assert (drawn[inside] == page[inside]).all()


def test_every_digit_can_be_drawn():
    """Digits of every script are drawn without any font, and each looks different."""
    for script in SCRIPTS.values():
        drawn = {np.asarray(lettered(digit, 24)).tobytes() for digit in script.digits}
        assert len(drawn) == 10
        assert all(np.asarray(lettered(digit, 24)).min() < 60 for digit in script.digits)


def test_lettering_is_that_of_the_recipes():
    """imaging/lettering.json is what tools/lettering.py makes of recipes/scripts."""
    spec = importlib.util.spec_from_file_location("lettering", ROOT / "tools" / "lettering.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text(encoding="utf-8") == tool.text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--annotated", "x.png"), "one PNG file of one page"),
        (("--pattern", "["), "["),
        (("--validator", "adhaar"), "aadhaar"),
        (("--script", "devanagri"), "devanagari"),
        (("--template", "none.toml"), "template new"),
    ],
)
def test_wrong_words(read, folder, words, message):
    """A wrong option is refused before anything is read, with what is allowed or near."""
    code, out, err = read(folder, *words)
    assert code == 2
    assert not out
    assert message in err


def test_empty_folder(read, tmp_path):
    """A folder without pictures is named."""
    code, _, err = read(tmp_path)
    assert code == 2
    assert "no pictures in this folder" in err
