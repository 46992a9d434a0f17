"""Digits drawn from centre lines: the format, the drawer, and the data set made of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from indicdigits import recipe
from indicdigits.data.request import Request
from indicdigits.data.source import load_split
from indicdigits.data.strokes import corpus
from indicdigits.data.strokes.drawer import Drawer
from indicdigits.data.strokes.shapes import Shapes, parse
from indicdigits.data.strokes.splines import compile_variant
from indicdigits.datasets import strokes as package
from indicdigits.errors import RecipeError
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import ClassEntry, Source
from indicdigits.scripts import SCRIPTS

DRAWN = tuple(script for script in SCRIPTS if f"scripts/{script}" in recipe.shipped())
OWN = {"ক": (("0.5,0.1 0.5,0.9",),), "খ": (("0.1,0.5 0.9,0.5",), ("0.1,0.4 0.9,0.6",))}


def shipped(script: str) -> Shapes:
    loaded = recipe.load(recipe.find(f"scripts/{script}"))
    return parse(loaded.strokes, loaded.written)


def request(config: str, strokes: dict[str, tuple[tuple[str, ...], ...]] | None = None) -> Request:
    classes = tuple(ClassEntry(text=text) for text in strokes or {})
    dataset = f"strokes/{config}".rstrip("/")
    return Request(
        source=Source(dataset=dataset),
        classes=classes,
        root=Path(),
        strokes=strokes or {},
    )


def drawn(shapes: Shapes, writers: int, seed: int) -> tuple[npt.NDArray[np.uint8], list[int]]:
    drawer, pictures, labels = Drawer(shapes), [], []
    for number in range(writers):
        rng = np.random.default_rng([seed, number])
        writer = drawer.writer(rng)
        for label, text in enumerate(drawer.classes):
            pictures.append(drawer.draw(text, writer, rng))
            labels.append(label)
    return np.stack(pictures), labels


class TestShapes:
    @pytest.mark.parametrize("script", DRAWN)
    def test_shipped_scripts_have_all_digits(self, script: str) -> None:
        """Promise: the shipped recipes write all ten digits, each in two ways or more."""
        shapes = shipped(script)
        assert tuple(shapes) == SCRIPTS[script].digits
        assert all(len(variants) >= 2 for variants in shapes.values())

    def test_corners_and_closed_strokes(self) -> None:
        """Promise: "!" marks a corner, and a stroke that comes back to its start is closed."""
        ((line, ring),) = parse({"a": [["0,0 0.5,1! 1,0", "0,0 1,0 1,1 0,0!"]]}, ["a"])["a"]
        assert line.corners == (False, True, False)
        assert not line.closed
        assert ring.closed
        assert len(ring.points) == 3
        assert ring.corners[0]

    @pytest.mark.parametrize(
        ("strokes", "words"),
        [
            ({"a": [["0,0 1,1"]]}, ["'b' has no strokes", "strokes.b"]),
            ({"a": [["0,0 1,1"]], "b": []}, ["'b' has no strokes"]),
            ({"a": [["0,0 1,1"]], "b": [["0,0 1,1"], []]}, ["no strokes", "strokes.b, variant 2"]),
            ({"a": [["0,0 1,1", "0.5,0.5"]]}, ["too few", "strokes.a, variant 1, stroke 2"]),
            ({"a": [["0,0 1,1"], ["0,0 1,1.2"]]}, ["'1,1.2'", "outside", "variant 2, stroke 1"]),
            ({"a": [["0,0 nan,1"]]}, ["'nan,1'", "outside"]),
            ({"a": [["0,0 1;1"]]}, ["'1;1'", "no point"]),
            ({"a": [["0,0 1,1,1"]]}, ["'1,1,1'", "no point"]),
            ({"a": [["0,0 0,0 1,1"]]}, ["0,0", "twice"]),
            ({"a": [["0,0 1,1 0,0"]]}, ["too few points for a closed stroke"]),
            ({"a": [["0,0 1,1"]], "b": [["0,0 1,1"]], "c": [["0,0 1,1"]]}, ["'c'", "no class"]),
        ],
    )
    def test_errors_name_the_place(
        self, strokes: dict[str, list[list[str]]], words: list[str]
    ) -> None:
        """Promise: an error names the file, the class, the variant and the stroke."""
        with pytest.raises(RecipeError) as caught:
            parse(strokes, ["a", "b"], where="my.toml")
        assert "my.toml" in str(caught.value)
        for word in words:
            assert word in str(caught.value)


class TestCurves:
    def test_goes_through_its_points(self) -> None:
        """Promise: the smooth line goes through every point, with and without corners."""
        for text in ("0.1,0.2 0.5,0.9 0.9,0.3 0.4,0.1", "0.1,0.1 0.9,0.2! 0.8,0.9 0.1,0.1"):
            curve = compile_variant(parse({"a": [[text]]}, ["a"])["a"][0])
            for line in (curve.sharp @ curve.points, (curve.sharp + curve.rounded) @ curve.points):
                gaps = np.linalg.norm(line[:, None] - curve.points[None], axis=2).min(axis=0)
                assert gaps.max() < 1e-9

    def test_a_corner_is_sharp(self) -> None:
        """Promise: two straight lines meet in a marked corner, and a bend in an unmarked point."""
        marked, smooth = (
            compile_variant(parse({"a": [[text]]}, ["a"])["a"][0])
            for text in ("0,0 1,0! 1,1", "0,0 1,0 1,1")
        )
        assert np.abs((marked.sharp @ marked.points)[:, 1].clip(max=0)).max() < 1e-9
        assert (smooth.sharp @ smooth.points)[:, 1].min() < -0.01
        np.testing.assert_allclose(
            (marked.sharp + marked.rounded) @ marked.points, smooth.sharp @ smooth.points
        )


class TestDrawer:
    def test_reproducible(self) -> None:
        """Promise: the same seed gives the same bytes, another seed others."""
        shapes = shipped("tamil")
        once, again, other = (drawn(shapes, 3, seed)[0] for seed in (7, 7, 8))
        np.testing.assert_array_equal(once, again)
        assert (once != other).any(axis=(1, 2)).all()

    @pytest.mark.parametrize("script", DRAWN)
    def test_dark_ink_inside_light_paper(self, script: str) -> None:
        """Promise: the ink is darker than the paper and never touches the border."""
        pictures, _ = drawn(shipped(script), 40, 3)
        assert pictures.shape == (400, 64, 64)
        assert pictures.dtype == np.uint8
        paper = pictures[:, :1, :1]
        for border in (pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]):
            assert (border == paper[:, 0]).all()
        assert (pictures <= paper).all()
        ink = (pictures < paper).mean(axis=(1, 2))
        assert ink.min() > 0.01
        assert ink.max() < 0.6

    @pytest.mark.parametrize("script", DRAWN)
    def test_digits_can_be_told_apart(self, script: str) -> None:
        """Promise: what one group of writers draws tells the digits of another group apart."""
        from sklearn.neighbors import KNeighborsClassifier

        def features(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
            return np.stack([normalise(picture).ravel() / 255.0 for picture in pictures])

        (train, labels), (test, answers) = (drawn(shipped(script), n, n) for n in (120, 20))
        model = KNeighborsClassifier(3).fit(features(train), labels)
        assert model.score(features(test), answers) > 0.8

    def test_writers_have_habits(self) -> None:
        """Promise: two digits of one writer are more alike than those of two writers."""
        drawer = Drawer(shipped("devanagari"))
        rng = np.random.default_rng(0)
        writers = [drawer.writer(rng) for _ in range(40)]
        ink = [
            [(normalise(drawer.draw("०", writer, rng)) > 127).mean() for _ in range(2)]
            for writer in writers
        ]
        first, second = np.transpose(ink)
        assert np.abs(first - second).mean() < 0.5 * np.abs(first - np.roll(second, 1)).mean()

    def test_speed(self) -> None:
        """Promise: hundreds of digits a second on a busy machine, thousands on a quiet one."""
        drawer = Drawer(shipped("tamil"))
        rng = np.random.default_rng(0)
        writer = drawer.writer(rng)
        start = time.process_time()
        for _ in range(50):
            for text in drawer.classes:
                drawer.draw(text, writer, rng)
        assert 500 / (time.process_time() - start) > 400


class TestDataset:
    def test_parts_have_disjoint_writers(self) -> None:
        """Promise: nobody writes in both parts, and every class is drawn equally often."""
        shapes = parse(OWN, OWN)
        train, test = (list(corpus.samples({"": shapes}, part)) for part in ("train", "test"))
        assert not {sample.writer for sample in train} & {sample.writer for sample in test}
        assert np.bincount([sample.label for sample in train]).tolist() == [400, 400]
        assert np.bincount([sample.label for sample in test]).tolist() == [100, 100]
        assert len(train) == corpus.count(len(shapes), "train")

    def test_several_hands_take_turns(self) -> None:
        """Promise: writers share several sets of shapes, and every sample says which it is."""
        hands = {"one": parse(OWN, OWN), "two": parse(OWN, OWN)}
        found = list(corpus.samples(hands, "test"))
        by_writer = {sample.writer: sample.hand for sample in found}
        assert sorted(by_writer.values()) == ["one"] * 25 + ["two"] * 25
        assert len(found) == corpus.count(len(OWN), "test")

    def test_fingerprint_follows_the_strokes(self) -> None:
        """Promise: other strokes are another data set, the same strokes the same one."""
        changed = {**OWN, "ক": (("0.5,0.1 0.5,0.8",),)}
        prints = [package.fingerprint(request("", strokes)) for strokes in (OWN, OWN, changed)]
        assert prints[0] == prints[1] != prints[2]

    def test_own_strokes_before_shipped_ones(self) -> None:
        """Promise: a copy of a shipped recipe draws its own strokes, others the shipped ones."""
        tamil = recipe.load(recipe.find("tamil")).strokes
        better = {**tamil, "௧": (("0.1,0.1 0.9,0.9",),)}
        shipped_print = package.fingerprint(request("tamil"))
        assert package.fingerprint(request("tamil", dict(tamil))) == shipped_print
        assert package.fingerprint(request("tamil", OWN)) == shipped_print
        assert package.fingerprint(request("tamil", better)) != shipped_print

    def test_missing_strokes(self) -> None:
        """Promise: a recipe that draws without strokes is an error that says what to add."""
        bare = Request(
            source=Source(dataset="strokes"),
            classes=(ClassEntry(text="ক"),),
            root=Path(),
        )
        with pytest.raises(RecipeError, match="no strokes"):
            package.fingerprint(bare)

    @pytest.mark.integration
    def test_a_new_script_by_its_strokes_alone(self, data_home: Path) -> None:
        """Promise: strokes in a recipe are enough for a data set: no picture and no Python."""
        split = load_split(
            Source(dataset="strokes"),
            "test",
            size=28,
            classes=tuple(ClassEntry(text=text) for text in OWN),
            root=data_home,
            reporter=Reporter(quiet=True),
            strokes=OWN,
        )
        assert split.images.shape == (200, 28, 28)
        assert np.bincount(split.labels).tolist() == [100, 100]
        assert len(set(split.groups["writer"])) == 50
        assert split.images.any(axis=(1, 2)).all()
