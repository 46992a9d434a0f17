"""Who is better, by hand-made answers; and the page that says so."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indicdigits.errors import DataError
from indicdigits.evaluation import comparison_page, curves
from indicdigits.evaluation.candidates import short_names
from indicdigits.evaluation.compare import Candidate, compare, of_digits
from indicdigits.evaluation.significance import difference_interval, holm, mcnemar
from indicdigits.recipe import ClassEntry

N = 100
CLASSES = tuple(ClassEntry(text=str(value), value=value) for value in range(10))
EPOCH = {"phase": "a", "train_loss": 0.5, "train_accuracy": 0.9, "validation_accuracy": 0.95}


def candidate(name: str, wrong: range | tuple[int, ...] = (), **changes: Any) -> Candidate:
    """Answers 100 pictures, wrong at these indices."""
    labels = np.arange(N) % 10
    answers = np.where(np.isin(np.arange(N), list(wrong)), (labels + 1) % 10, labels)
    facts = {
        "path": f"runs/{name}",
        "recipe": "digits",
        "script": "latin",
        "dataset": "mnist",
        "part": "test",
        "backbone": "cnn",
        "parameters": 1234,
        "multiply_adds": 56789,
        "seed": 0,
        "epochs": 1,
        "seconds": 30.0,
        "validation_accuracy": 0.95,
        "trained_on_validation": False,
        "finished": True,
        "weights": "final",
    } | changes.pop("facts", {})
    given: dict[str, Any] = {
        "name": name,
        "classes": CLASSES,
        "keys": np.array([f"{index:03d}" for index in range(N)], "S32"),
        "labels": labels,
        "answers": answers,
        "ids": [f"test/{index:05d}" for index in range(N)],
        "history": [EPOCH],
        "facts": facts,
    }
    return Candidate(**(given | changes))


def test_being_told_the_script_is_no_fair_comparison() -> None:
    """A network that is told each picture's script is not compared with one that is not."""
    told = {"told_script": True}
    with pytest.raises(DataError, match="is told each picture's script") as caught:
        compare([candidate("a"), candidate("b", facts=told)])
    assert caught.value.where == "b"
    assert len(compare([candidate("a", facts=told), candidate("b", facts=told)])["pairs"]) == 1


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),  # 2 * 1/2
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (1, 9, 2 * (1 + 10) / 1024),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    """The exact test is twice a binomial tail, the same from either side, and never above one."""
    assert mcnemar(only_first, only_second) == pytest.approx(p)
    assert mcnemar(only_second, only_first) == pytest.approx(p)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, 0.02, 0.02, 0.02], [0.08] * 4),
        ([0.04, 0.001], [0.04, 0.002]),
        ([], []),
    ],
)
def test_holm_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    """The smallest is multiplied by all, the next by one less; never smaller than one before."""
    assert holm(p_values) == pytest.approx(adjusted)


def test_one_is_better() -> None:
    """What only one read right decides; who is better is named whichever comes first."""
    good, bad = candidate("good", (0, 1)), candidate("bad", range(1, 11))
    for first, second in ((good, bad), (bad, good)):
        result = compare([first, second])
        (pair,) = result["pairs"]
        alone = {first.name: pair["only_first_right"], second.name: pair["only_second_right"]}
        assert alone == {"good": 9, "bad": 1}
        assert pair["both_wrong"] == 1
        assert pair["p"] == pair["p_adjusted"] == pytest.approx(22 / 1024)
        assert pair["better"] == "good"
        assert comparison_page.verdict(pair, several=False) == (
            "good is better than bad, p\u00a0=\u00a00.021"
        )
    good_run = compare([good, bad])["runs"][0]
    assert (good_run["n"], good_run["errors"], good_run["accuracy"]) == (100, 2, 0.98)
    assert good_run["interval"] == pytest.approx([0.930, 0.9945], abs=1e-3)  # Wilson, published


def test_chance() -> None:
    """A small difference is called what it may be, and no difference is none."""
    result = compare([candidate("a", (1, 2)), candidate("b", (2, 3, 4)), candidate("c", (1, 2))])
    texts = [comparison_page.verdict(pair, several=True) for pair in result["pairs"]]
    assert texts == [
        "The difference between a and b may be chance, adjusted p\u00a0=\u00a01.00",
        "a and c read the same pictures right",
        "The difference between b and c may be chance, adjusted p\u00a0=\u00a01.00",
    ]
    assert all(pair["better"] is None for pair in result["pairs"])
    assert "a and c made the fewest errors, 2." in comparison_page.lead(result)


def test_several_pairs_are_adjusted() -> None:
    """What one pair alone would prove, three pairs together may not."""
    runs = [candidate("a"), candidate("b", range(6)), candidate("c", range(3, 9))]
    alone = compare(runs[:2])["pairs"][0]
    assert (alone["better"], alone["p"]) == ("a", pytest.approx(2 / 64))
    among = compare(runs)["pairs"][0]
    assert among["p"] == pytest.approx(2 / 64)
    assert among["p_adjusted"] == pytest.approx(6 / 64)
    assert among["better"] is None
    assert "Holm's method for 3 pairs" in comparison_page.summary(compare(runs))


def test_pictures_in_another_order() -> None:
    """The same pictures are paired by their digests, in whatever order a run has them."""
    order = np.random.default_rng(0).permutation(N)
    second = candidate("b", (1, 50))
    shuffled = candidate(
        "b",
        keys=second.keys[order],
        labels=second.labels[order],
        answers=second.answers[order],
    )
    first = candidate("a", (50, 99))
    assert compare([first, shuffled]) == compare([first, second])
    changed = compare([first, shuffled])["pairs"][0]["changed"]
    assert [(one["id"], one["first"], one["second"]) for one in changed] == [
        ("test/00001", "1", "2"),
        ("test/00099", "0", "9"),
    ]


def test_pictures_of_no_digit_do_not_count() -> None:
    """How a reader takes what is no digit is no part of how well it reads digits."""
    classes = (*CLASSES[:9], ClassEntry(text="not a digit"))
    runs = [candidate("a", (9, 19), classes=classes), candidate("b", (1,), classes=classes)]
    result = compare([of_digits(run) for run in runs])
    assert result["n"] == 90
    assert [run["errors"] for run in result["runs"]] == [0, 1]
    assert [one["index"] for one in result["pairs"][0]["changed"]] == [1]


def test_a_reader_that_knows_what_is_no_digit_compares_with_one_that_does_not() -> None:
    """The class "not a digit" makes no other classes, wherever it stands in their order."""
    wide = candidate("a", classes=(ClassEntry(text="not a digit"), *CLASSES))
    answers = wide.labels + 1
    answers[7] = 3  # the digit of index 2
    wide = replace(wide, labels=wide.labels + 1, answers=answers)
    result = compare([of_digits(wide), candidate("b")])
    assert [run["errors"] for run in result["runs"]] == [1, 0]
    (changed,) = result["pairs"][0]["changed"]
    assert (changed["truth"], changed["first"], changed["second"]) == ("7", "2", "7")


def test_no_answer_is_wrong() -> None:
    """Another tool that gave no answer to a picture did not read it right."""
    silent = candidate("b", answers=np.where(np.arange(N) == 7, -1, candidate("").labels))
    result = compare([candidate("a"), silent])
    assert [run["errors"] for run in result["runs"]] == [0, 1]
    (changed,) = result["pairs"][0]["changed"]
    assert (changed["truth"], changed["first"], changed["second"]) == ("7", "7", None)


def test_bootstrap_interval_is_that_of_resampled_pictures() -> None:
    """Counts drawn at once have the law of pictures drawn one by one."""
    gain = np.repeat([1, -1, 0], [12, 4, 84])
    rng = np.random.default_rng(1)
    means = rng.choice(gain, (10_000, 100)).mean(axis=1)
    low, high = difference_interval(12, 4, 100)
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist(), abs=0.011)
    assert low < 0.08 < high
    assert difference_interval(0, 0, 50) == [0.0, 0.0]


KEYS = candidate("").keys
LABELS = candidate("").labels


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"keys": np.char.replace(KEYS, b"00", b"x")}, "10 pictures are others"),
        ({"labels": np.where(np.arange(N) < 3, 9, LABELS)}, "3 pictures have other labels"),
        ({"keys": np.where(KEYS == b"000", b"001", KEYS)}, "some pictures more than once"),
        (
            {"keys": KEYS[:90], "labels": LABELS[:90], "answers": LABELS[:90]},
            "90 pictures, not 100",
        ),
    ],
)
def test_other_pictures_are_refused(changes: dict[str, Any], said: str) -> None:
    """Other pictures, labels or numbers of them: every run that differs is named, and how."""
    runs = [candidate("a"), candidate("b", **changes), candidate("c"), candidate("d", **changes)]
    with pytest.raises(DataError) as caught:
        compare(runs)
    assert f"b ({said}); d ({said})" in caught.value.message


def test_other_classes_are_refused() -> None:
    """Classes in another order or number are other classes."""
    with pytest.raises(DataError, match="classes of a") as caught:
        compare([candidate("a"), candidate("b", classes=CLASSES[::-1])])
    assert caught.value.where == "b"


def test_names_are_as_short_as_tells_apart(tmp_path: Path) -> None:
    """A run is called by its folder, with parents only where two would be called the same."""
    assert short_names(["runs/mnist/seed-0", "runs/mnist/seed-1"]) == ["seed-0", "seed-1"]
    assert short_names(["x/seed-0", "y/seed-0"]) == ["x/seed-0", "y/seed-0"]
    assert short_names(["runs/a/", "mnist-cnn"]) == ["a", "mnist-cnn"]


def text_of(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("\u00a0", " ").split())


def test_page(tmp_path: Path) -> None:
    """The page says who is better and why, fetches nothing, and escapes names."""
    runs = [candidate("good", (0, 1)), candidate("<b>bad", range(1, 11), history=[])]
    page = comparison_page.write(tmp_path / "out", compare(runs), runs).read_text("utf-8")
    assert "<b>bad" not in page
    assert not re.search("https?:", page)
    assert "<script" not in page
    text = text_of(page)
    assert "good is better than &lt;b&gt;bad, p = 0.021" in text
    assert "Western digits: 2 readers" in text
    assert "98.00 %" in text
    assert "+8.00 points (" in text
    sources = re.findall(r'(?:src|srcset)="([^"]*)"', page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_changed_pictures_are_shown(tmp_path: Path) -> None:
    """Each picture that two readers answer differently is on the page, with both answers."""
    images = np.random.default_rng(0).integers(0, 256, (N, 28, 28)).astype(np.uint8)
    runs = [candidate("a", (0,), images=images), candidate("b", (1, 2), history=[])]
    page = comparison_page.write(tmp_path, compare(runs), runs).read_text("utf-8")
    assert "3 pictures answered differently" in text_of(page)
    assert re.findall(r'alt="(test/\d+)"', page) == ["test/00000", "test/00001", "test/00002"]


def test_second_comparison_replaces_the_first(tmp_path: Path) -> None:
    """Without any history there are no curves, nor those of an earlier comparison."""
    runs = [candidate("a"), candidate("b")]
    comparison_page.write(tmp_path, compare(runs), runs)
    assert (tmp_path / "compare.png").is_file()
    runs = [candidate(name, history=[], facts={"epochs": None}) for name in "ab"]
    page = comparison_page.write(tmp_path, compare(runs), runs)
    assert not (tmp_path / "compare.png").exists()
    assert "How they learned" not in page.read_text("utf-8")


@pytest.mark.parametrize(
    "histories",
    [
        {"a": [EPOCH]},
        {"a": [EPOCH] * 3, "b": [EPOCH, EPOCH | {"phase": "b"}], "_c": []},
        {"a": [EPOCH | {"validation_accuracy": None}] * 2, "b": [{"phase": "x"}]},
        {"a": [EPOCH | {"train_loss": 0.0}] * 2, "b": [EPOCH | {"validation_accuracy": 1.0}]},
        {f"_run number {n}" + "x" * 40: [EPOCH] * n for n in range(1, 61, 4)},
    ],
    ids=["one", "phases", "no validation", "zeros", "many"],
)
@pytest.mark.parametrize("tall", [False, True])
def test_curves_of_any_histories(histories: dict[str, Any], tall: bool) -> None:
    """Runs of different lengths, phases and columns are drawn together, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = curves.comparison_png(histories, tall=tall)
    assert png is not None
    assert np.asarray(Image.open(io.BytesIO(png)).convert("L")).std() > 0


def test_curves_of_nothing() -> None:
    """Without a record there is nothing to draw."""
    assert curves.comparison_png({"a": [], "b": []}) is None
