"""Pictures that are no digit: scribbles, spoilt digits, and letters unlike every digit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from indicdigits import recipe
from indicdigits.data import faces
from indicdigits.data.parts import class_indices
from indicdigits.data.request import Request
from indicdigits.data.source import load_data, load_split
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.shapes import Shapes, parse
from indicdigits.data.strokes.skeleton import strokes_of
from indicdigits.data.strokes.splines import lines_of
from indicdigits.datasets.not_digits import blank, fingerprint, foreign, letters, scribbles
from indicdigits.datasets.not_digits.likeness import Likeness, shipped_digits, variants_of
from indicdigits.datasets.not_digits.request import families, own_digits, scripts_of
from indicdigits.errors import DataError, RecipeError
from indicdigits.imaging.normalise import ink_found, normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from indicdigits.scripts import SCRIPTS, look_alikes

PACKAGED = "Noto Sans Tamil"  # of the PyPI package that the extra `train` brings
CLASSES = (ClassEntry(text="0", value=0), ClassEntry(text="not a digit"))


@pytest.fixture
def few_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three writers to train on, two to test on."""
    monkeypatch.setattr(corpus, "WRITERS", {"train": range(3), "test": range(3, 5)})


@pytest.fixture
def few_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scripts alone, so that fewer digits are compared."""
    names = ("latin", "arabic-indic", "tamil")
    monkeypatch.setattr(foreign, "SCRIPTS", {name: SCRIPTS[name] for name in names})


@pytest.fixture(scope="module")
def digits() -> dict[str, Shapes]:
    """The strokes of two shipped recipes."""
    found = {}
    for name in ("latin", "tamil"):
        loaded = recipe.load(recipe.find(f"scripts/{name}"))
        found[name] = parse(loaded.strokes, loaded.written)
    return found


def request(config: str, classes: tuple[ClassEntry, ...] = CLASSES) -> Request:
    return Request(source=Source(dataset=f"not_digits/{config}"), classes=classes, root=Path())


def of(script: str) -> tuple[ClassEntry, ...]:
    """The digits of a script, and the class for what is none."""
    digits = SCRIPTS[script].digits
    return (*(ClassEntry(text=t, value=v) for v, t in enumerate(digits)), CLASSES[-1])


def letters_after(family: str, texts: str) -> Shapes:
    """The strokes of letters in an installed family."""
    try:
        (face,) = faces.faces(tuple(texts), (family,))
    except DataError:
        pytest.skip(f"{family} is not installed, or has not these letters")
    return {text: (strokes_of(faces.glyph(face.path, text)),) for text in texts}


class TestScribbles:
    @pytest.mark.usefixtures("few_writers")
    def test_reproducible(self, digits: dict[str, Shapes]) -> None:
        """Promise: the same seed gives the same bytes, another seed other pictures."""
        once, again, other = (
            [sample.picture.tobytes() for sample in scribbles.samples("test", digits, seed)]
            for seed in (7, 7, 8)
        )
        assert once == again
        assert not set(once) & set(other)

    @pytest.mark.usefixtures("few_writers")
    def test_parts_share_no_writer_and_no_picture(self, digits: dict[str, Shapes]) -> None:
        """Promise: nobody draws in both parts, and each writer draws every kind."""
        train, test = (list(scribbles.samples(part, digits)) for part in ("train", "test"))
        assert not {one.writer for one in train} & {one.writer for one in test}
        assert not {one.picture.tobytes() for one in train} & {
            one.picture.tobytes() for one in test
        }
        assert len(test) == 2 * sum(scribbles.PER_WRITER.values())
        assert {one.hand for one in test} == set(scribbles.PER_WRITER)
        assert {one.label for one in test} == {0}

    def test_a_scribble_turns_more_than_any_digit(self) -> None:
        """Promise: no digit of a shipped recipe turns as often as the least scribble."""
        known = variants_of(shipped_digits().values())
        assert max(scribbles.turns(lines_of(way)) for way in known) < scribbles.LEAST_TURNS
        rng = np.random.default_rng(0)
        drawn = [scribbles.turns(lines_of(scribbles.scribble(rng))) for _ in range(40)]
        assert min(drawn) >= scribbles.LEAST_TURNS

    def test_spoilt_digits_are_far_from_every_digit(self, digits: dict[str, Shapes]) -> None:
        """Promise: two digits that touch, or one struck out, are never a third digit's shape."""
        likeness = Likeness(variants_of(digits.values()))
        rng = np.random.default_rng(0)
        drawn = scribbles.shapes(scribbles.substantial(digits), likeness, rng)
        for text, (drawing,) in drawn.items():
            if not text.startswith("scribble"):
                assert likeness.distance(lines_of(drawing)) >= scribbles.FAR

    def test_two_digits_meet(self, digits: dict[str, Shapes]) -> None:
        """Promise: two digits in one picture stand side by side: wider than one alone."""
        rng = np.random.default_rng(0)
        able = scribbles.substantial(digits)
        for _ in range(20):
            points = np.concatenate(lines_of(scribbles.two_digits(able, rng)))
            assert np.ptp(points[:, 0]) > 0.5 * np.ptp(points[:, 1])

    def test_bars_are_not_spoilt(self, digits: dict[str, Shapes]) -> None:
        """Promise: what is a bar, a smudge beside a digit, is neither joined nor struck out."""
        bar = parse({"a": [["0.5,0.1 0.5,0.9"]], "b": [["0.1,0.1 0.9,0.2! 0.4,0.9"]]}, ["a", "b"])
        assert scribbles.substantial({"bars": bar}) == {}
        able = scribbles.substantial(digits)["latin"]
        assert "1" not in able
        assert "8" in able


class TestLikeness:
    def test_a_digit_is_like_itself(self, digits: dict[str, Shapes]) -> None:
        """Promise: a digit, wider or not, is at no distance from itself, and another one is."""
        two, five = (digits["latin"][text][0] for text in "25")
        likeness = Likeness([two])
        assert likeness.distance(lines_of(two)) < 0.001
        assert likeness.is_digit([line * (1.2, 1.0) for line in lines_of(two)])
        assert not likeness.is_digit(lines_of(five))

    def test_plain_lines_are_digits(self, digits: dict[str, Shapes]) -> None:
        """Promise: a bar, a hook or an arc counts as a digit, at whatever slant."""
        likeness = Likeness([digits["tamil"]["௯"][0]])
        for text in ("0.1,0.9 0.9,0.1", "0.2,0.1 0.2,0.9! 0.7,0.9", "0.7,0.1 0.8,0.5 0.2,0.9"):
            ((drawing,),) = parse({"a": [[text]]}, ["a"]).values()
            assert likeness.is_digit(lines_of(drawing))


class TestLetters:
    def test_letters_that_look_like_digits_are_left_out(self, digits: dict[str, Shapes]) -> None:
        """Promise: Tamil's க is one of its digits, and is not drawn; ம is."""
        likeness = Likeness(variants_of(digits.values()))
        drawn = letters_after(PACKAGED, "கஅம")
        assert letters.like_digits([drawn], likeness) == {"க", "அ"}

    def test_latin_letters_that_look_like_digits(self, digits: dict[str, Shapes]) -> None:
        """Promise: O, l, I, S and Z are not drawn, and K, M, R, w are."""
        likeness = Likeness(variants_of(digits.values()))
        drawn = letters_after("DejaVu Sans", "OlISZKMRw")
        assert letters.like_digits([drawn], likeness) == set("OlISZ")

    def test_one_family_is_enough_to_leave_a_letter_out(self, digits: dict[str, Shapes]) -> None:
        """Promise: what looks like a digit in any family is drawn in none."""
        eight, nine = (digits["latin"][text] for text in "89")
        drawn: list[Shapes] = [{"a": eight, "b": eight}, {"a": eight, "b": nine}]
        assert letters.like_digits(drawn, Likeness([nine[0]])) == {"b"}

    def test_own_letters_need_be_unlike_own_digits_only(
        self, digits: dict[str, Shapes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Promise: a letter like a digit of another script is drawn, one like an own digit not."""
        found = {"tamil": faces.faces(SCRIPTS["tamil"].digits, (PACKAGED,))}
        mine = letters.resolve(found, digits["tamil"])["train"][0].letters
        everyones = letters.resolve(found)["train"][0].letters
        assert "க" not in mine
        assert set(everyones) < set(mine)

    @pytest.mark.usefixtures("few_writers")
    def test_drawn_after_one_family(
        self, digits: dict[str, Shapes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Promise: one family is enough, marks are no letters, and the bytes are repeatable."""
        monkeypatch.setattr(letters, "shipped_digits", lambda: digits)
        found = {"tamil": faces.faces(SCRIPTS["tamil"].digits, (PACKAGED,))}
        hands = letters.resolve(found)["test"]
        assert {hand.family for hand in hands} == {PACKAGED}
        assert not set("கா௧௦்ி") & set(hands[0].letters)
        once, again = (list(letters.samples(hands, "test")) for _ in range(2))
        assert len(once) == 2 * letters.PER_WRITER
        assert all(
            np.array_equal(one.picture, other.picture)
            for (one, _), (other, _) in zip(once, again, strict=True)
        )
        assert {letter for _, letter in once} <= set(hands[0].letters)
        assert {one.writer for one, _ in once} == {"writer-003", "writer-004"}

    def test_no_font(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Promise: without a font the error is that of `fonts`, and scribbles need none."""
        monkeypatch.setattr(faces, "candidates", lambda *_, **__: iter(()))
        with pytest.raises(DataError, match="no installed font") as caught:
            families()
        assert "fonts-indic" in str(caught.value)
        with pytest.raises(DataError, match="no installed font"):
            fingerprint(request("letters"))
        assert fingerprint(request("scribbles")) == fingerprint(request("scribbles"))


@pytest.mark.usefixtures("few_scripts")
class TestForeign:
    def test_no_look_alikes(self, digits: dict[str, Shapes]) -> None:
        """Promise: what looks like an own digit is not drawn, by the list or by its lines."""
        kept = foreign.unlike(digits["latin"])
        drawn = {text for shapes in kept.values() for text in shapes}
        assert not drawn & {other for text in digits["latin"] for other in look_alikes(text)}
        assert "latin" not in kept
        assert not set("٩௦") & drawn  # a 9 and a ring in other scripts
        assert set("௩௫௮") & drawn
        likeness = Likeness(variants_of([digits["latin"]]))
        for shapes in kept.values():
            for ways in shapes.values():
                assert all(likeness.distance(lines_of(way)) > 0.05 for way in ways)

    def test_what_is_left_out_depends_on_the_classes(self, digits: dict[str, Shapes]) -> None:
        """Promise: a bar is no digit for a script that has none, and one for a script that has."""
        assert "١" in foreign.unlike(digits["tamil"])["arabic-indic"]
        assert "١" not in foreign.unlike(digits["latin"]).get("arabic-indic", {})
        every = [text for script in foreign.SCRIPTS.values() for text in script.digits]
        with pytest.raises(DataError, match="every digit of another script"):
            foreign.unlike(dict.fromkeys(every, digits["tamil"]["௩"]))

    @pytest.mark.usefixtures("few_writers")
    def test_writers_are_apart(self, digits: dict[str, Shapes]) -> None:
        """Promise: nobody draws in both parts, one script each, the same bytes every time."""
        some = {"tamil": digits["tamil"], "latin": digits["latin"]}
        train, test = (list(foreign.samples(some, part)) for part in ("train", "test"))
        again = foreign.samples(some, "test")
        assert not {one.writer for one, _ in train} & {one.writer for one, _ in test}
        assert len(test) == 2 * foreign.PER_WRITER
        assert [one.picture.tobytes() for one, _ in test] == [
            one.picture.tobytes() for one, _ in again
        ]
        assert all(text in SCRIPTS[one.hand].digits for one, text in test)

    def test_classes_nobody_has_written(self) -> None:
        """Promise: a class without strokes is an error that says what to do."""
        unknown = (ClassEntry(text="𑄶", value=0), *CLASSES)
        with pytest.raises(DataError, match="no strokes say how") as caught:
            own_digits(request("foreign", unknown))
        assert "[strokes]" in str(caught.value)

    def test_own_strokes_count(self) -> None:
        """Promise: a recipe's own strokes say how its classes are written."""
        strokes = {"0": (("0.1,0.1 0.9,0.9",),)}
        mine = Request(source=Source(dataset="x"), classes=CLASSES, root=Path(), strokes=strokes)
        assert own_digits(mine) == parse(strokes, ["0"])
        assert scripts_of(mine) == ["latin"]
        assert fingerprint(request("foreign")) != fingerprint(request("foreign", of("tamil")))


class TestBlank:
    @pytest.mark.usefixtures("few_writers")
    def test_normalising_leaves_ink(self, digits: dict[str, Shapes]) -> None:
        """Promise: each picture reaches a network; parts share no sheet and no picture."""
        train, test = (list(blank.samples(digits["tamil"], part)) for part in ("train", "test"))
        assert all(ink_found(normalise(one.picture)) for one in (*train, *test))
        assert not {one.writer for one in train} & {one.writer for one in test}
        pictures = [one.picture.tobytes() for one in (*train, *test)]
        assert len(set(pictures)) == len(pictures) == 5 * blank.PER_WRITER
        assert {one.hand for one in test} == {"ruling", "edges", "specks", "smudge"}
        again = [one.picture.tobytes() for one in blank.samples(digits["tamil"], "test")]
        assert again == pictures[len(train) :]

    def test_no_dots_where_a_digit_is_one(self) -> None:
        """Promise: of a script whose zero is a dot, neither specks nor smudges are refused."""
        shapes = own_digits(request("blank", of("arabic-indic")))
        assert set(blank.makers(shapes)) == {"ruling", "edges"}

    def test_no_bars_where_a_digit_is_one(self, digits: dict[str, Shapes]) -> None:
        """Promise: beside a script whose one is a bar, no single upright line is drawn."""
        rng = np.random.default_rng(0)
        draw = blank.makers(digits["latin"])["ruling"]
        for _ in range(150):
            ink = (draw(rng, 2.0) > 0.5).astype(np.uint8)
            parts, _, stats, _ = cv2.connectedComponentsWithStats(ink)
            _, _, width, height, _ = stats[1]
            assert parts != 2 or width > height


class TestDataset:
    def test_the_class_is_found_by_its_text(self) -> None:
        """Promise: a recipe's class "not a digit" takes these pictures, wherever it stands."""
        found = class_indices(np.zeros(2, np.int64), [("not a digit", None)], CLASSES, "here")
        assert found.tolist() == [1, 1]

    def test_a_recipe_without_the_class(self, tmp_path: Path) -> None:
        """Promise: a recipe that has no class for these pictures is told what to add."""
        path = tmp_path / "mine.toml"
        path.write_text(
            'extends = "finetune"\nname = "mine"\nscript = "tamil"\n[data]\n'
            'sources = [{ dataset = "strokes/tamil" }, { dataset = "not_digits/scribbles" }]\n'
        )
        with pytest.raises(RecipeError, match="no class of the recipe") as caught:
            recipe.load(path)
        assert '{ text = "not a digit" }' in str(caught.value)

    @pytest.mark.integration
    @pytest.mark.usefixtures("few_writers", "few_scripts")
    @pytest.mark.parametrize(
        ("config", "column"),
        [
            ("scribbles", "kind"),
            ("blank", "kind"),
            ("foreign", "digit"),
            ("own-letters", "letter"),
        ],
    )
    def test_pictures(self, config: str, column: str, data_home: Path) -> None:
        """Promise: the data set is prepared like any other, all of one class."""
        split = load_split(
            Source(dataset=f"not_digits/{config}"),
            "test",
            size=28,
            classes=of("tamil"),
            root=data_home,
            reporter=Reporter(quiet=True),
        )
        assert set(split.labels.tolist()) == {10}
        assert len(split) == 2 * {"blank": 8, "foreign": 32}.get(config, 16)
        assert len(set(split.groups[column])) > 2
        assert (split.images.max(axis=(1, 2)) > 128).all()

    @pytest.mark.integration
    def test_negatives_are_trained_on_and_not_tested_on(
        self, data_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Promise: an accuracy stays one of true digits; the class has pictures to learn from."""
        monkeypatch.setattr(corpus, "WRITERS", {"train": range(4), "test": range(4, 6)})
        path = recipe.find("scripts/tamil")
        mine = recipe.load(path, ["data.negatives=2", "data.train_on=train"])
        few = dataclasses.replace(mine.data, sources=(mine.data.sources[0], mine.data.sources[2]))
        data = load_data(dataclasses.replace(mine, data=few), path.parent, Reporter(quiet=True))
        assert np.bincount(data.train.labels).tolist()[:10] == [7] * 10
        assert (data.train.labels == 10).sum() == 2 * 29  # three of the 32 cells are held out
        assert (data.validation.labels == 10).any()
        assert np.bincount(data.test.labels).tolist() == [4] * 10
