"""Forms: a template and a picture give a record, and another form is no such form."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest
from PIL import Image

from indicdigits.errors import PictureError, UsageError
from indicdigits.imaging.decode import read_picture
from indicdigits.reading.forms.drawing import drawing_page
from indicdigits.reading.forms.form import FormReader
from indicdigits.reading.forms.template import load_template, parse

FILLING = {"date": "09112026", "amount": "12,34,567", "account": "30487561920"}
TEMPLATE = "cheque.toml"


@pytest.fixture(scope="session")
def examples():
    from pathlib import Path

    return Path(__file__).resolve().parents[3] / "examples" / "forms"


@pytest.fixture(scope="session")
def form_reader(examples):
    return FormReader(load_template(examples / TEMPLATE))


@pytest.fixture(scope="session")
def cheque(draw):
    return draw.photographed(draw.cheque(**FILLING))


def test_cheque(form_reader, cheque):
    """A photographed cheque becomes a record, however it lies."""
    for turns in (0, 2, 3):
        reading = form_reader(np.ascontiguousarray(np.rot90(cheque, turns)), sha256="")
        record = {field.name: field.reading.ascii for field in reading.fields}
        assert record == FILLING


def test_wrong_date(draw, examples):
    """A comb that holds no date is not accepted, and why is said."""
    reader = FormReader(load_template(examples / TEMPLATE))
    photo = draw.photographed(draw.cheque(**FILLING | {"date": "39112026"}))
    answer = reader(photo, sha256="").as_dict()
    assert answer["record"]["date"] is None
    assert answer["fields"][0]["reason"] == "is no date"
    assert answer["fields"][0]["ascii"] == "39112026"


def test_audit(command, cheque, examples, tmp_path):
    """The command gives a record, and for every field how it came about."""
    Image.fromarray(cheque).save(tmp_path / "cheque.png")
    template = examples / TEMPLATE
    result = command("read", "cheque.png", "--template", str(template), "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["record"]["date"] == FILLING["date"]
    assert [line["ascii"] for line in answer["lines"]] == [f["ascii"] for f in answer["fields"]]
    for field in answer["fields"]:
        file = (tmp_path / "cheque.png").read_bytes()
        assert field["picture_sha256"] == hashlib.sha256(file).hexdigest()
        assert field["template_sha256"] == hashlib.sha256(template.read_bytes()).hexdigest()
        assert re.fullmatch("[0-9a-f]{64}", field["model_sha256"])
        assert field["time"].endswith("+00:00")
        assert {"probability", "alternatives", "accepted", "reason", "box"} <= set(field)


def test_on_the_screen(read, cheque, examples, tmp_path):
    """Each field with its name, its reading, how sure it is, and what threshold it fell below."""
    Image.fromarray(cheque).save(tmp_path / "cheque.png")
    words = (tmp_path / "cheque.png", "--template", examples / TEMPLATE, "--ascii")
    code, out, err = read(*words)
    assert code == 0, err
    date, amount, account = out.splitlines()
    assert re.fullmatch(r"date     09112026     +[\d.]+%  accepted", date)
    assert re.fullmatch(r"amount   12,34,567    +[\d.]+%  refused: below threshold [\d.]+%", amount)
    assert account.startswith("account  30487561920")
    fields = json.loads(read(*words, "--json")[1])["fields"]
    assert 0 < fields[1]["probability"] < fields[1]["threshold"] < 1


def test_other_script(examples):
    """Another script takes the place of the form's, but not of that of a field."""
    path = examples / TEMPLATE
    assert {field.script for field in load_template(path, script="bengali").fields} == {"bengali"}
    own = BOX | {"script": "latin"}
    table = {"size": [90, 90], "script": "odia", "fields": {"a": BOX, "b": own}}
    found = parse(table, where="form.toml", script="bengali")
    assert [field.script for field in found.fields] == ["bengali", "latin"]
    with pytest.raises(UsageError, match="every field names a script"):
        parse(table | {"fields": {"b": own}}, where="form.toml", script="bengali")


def test_words_beside_a_template(read, examples, tmp_path):
    """`--script` counts beside a template; `--pattern`, which would not, is refused."""
    (tmp_path / "any.png").write_bytes(b"")
    words = (tmp_path / "any.png", "--template", examples / TEMPLATE)
    code, _, err = read(*words, "--script", "bengalli")
    assert code == 2
    assert "bengali" in err
    code, _, err = read(*words, "--pattern", "date")
    assert code == 2
    assert "--pattern beside --template" in err


def test_empty_fields(form_reader, draw):
    """Nothing is read in a field that is empty, and the record says so."""
    empty = draw.photographed(draw.cheque(**FILLING, filled=False))
    answer = form_reader(empty, sha256="").as_dict()
    assert answer["record"] == {"date": None, "amount": None, "account": None}
    assert {field["reason"] for field in answer["fields"]} == {"no ink found"}


def test_another_form(form_reader, draw, cheque):
    """A form with the same marks and other print, and one without marks, are told in words."""
    other = draw.cheque(**FILLING, filled=False)
    other[90:810, 100:1900] = 250
    for row in range(140, 800, 60):
        other[row : row + 8, 600:1500] = 60
    with pytest.raises(PictureError, match="not the form 'cheque'"):
        form_reader(draw.photographed(other), sha256="")
    with pytest.raises(PictureError, match="marks of 'cheque' are not in this picture"):
        form_reader(cheque[: cheque.shape[0] // 2], sha256="")


def test_corners_of_the_sheet(draw, cheque):
    """Without marks the corners of the sheet hold the form."""
    fields = {"date": {"box": [1400, 90, 520, 110]}}
    reader = FormReader(parse({"size": [2000, 900], "fields": fields}, where="form.toml"))
    assert reader(cheque, sha256="").fields[0].reading.ascii == FILLING["date"]


BOX = {"box": [0, 0, 10, 10]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"size": [90, 90], "field": {}}, "unknown key 'field'"),
        ({"size": [90], "fields": {"a": BOX}}, "is not 2 numbers"),
        ({"size": [90, 90]}, "has no fields"),
        ({"size": [5, 90], "fields": {"a": BOX}}, "does not lie in the form"),
        ({"size": [90, 90], "fields": {"a": BOX | {"boxes": 1}}}, "unknown key 'boxes'"),
        ({"size": [90, 90], "fields": {"a": BOX}, "marks": [[1, 1]]}, "1 marks do not hold"),
        ({"size": [90, 90], "fields": {"a": BOX}, "printed": ["xyz"]}, "no grid"),
    ],
)
def test_strict(table, message):
    """A template that does not say what it must is refused; file and key are named."""
    with pytest.raises(UsageError, match=message) as caught:
        parse(table, where="form.toml")
    assert "form.toml" in str(caught.value.where)


def test_drawing_page(examples, draw, tmp_path):
    """The page of `template new` holds the picture, its marks, and needs no network."""
    page = drawing_page(draw.photographed(draw.cheque(**FILLING, filled=False)))
    form = json.loads(re.search(r"const form = (.*);", page)[1])
    assert len(form["marks"]) == 5
    assert len(form["printed"]) == 16
    assert "data:image/jpeg;base64," in page
    assert "http" not in page
    # what the page writes is a template that reads the same form
    template = {key: form[key] for key in ("size", "marks", "mark_size", "printed")}
    width, height = form["size"]
    box = [round(0.7 * width), round(0.05 * height), round(0.27 * width), round(0.18 * height)]
    reader = FormReader(parse(template | {"fields": {"date": {"box": box}}}, where="drawn.toml"))
    filled = draw.photographed(draw.cheque(**FILLING), seed=5)
    assert reader(filled, sha256="").fields[0].reading.ascii.endswith("2026")


def test_template_new(command, draw, tmp_path):
    """`template new` writes the page beside the picture, `template check` names what is wrong."""
    Image.fromarray(draw.cheque(**FILLING, filled=False)).save(tmp_path / "form.png")
    result = command("template", "new", "form.png")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "form.html").exists()
    assert read_picture(tmp_path / "form.png").shape == (900, 2000, 3)
    missing = command("template", "check", "none.toml")
    assert missing.returncode == 2
    assert "template new" in missing.stderr
