"""What ships in checkpoints/ loads, is small, and reads as well as its card says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.progress import Reporter
from indicdigits.reading.sequence import sequence_for
from indicdigits.registry import BACKBONES as REGISTRY
from indicdigits.runtime import line_bundle
from indicdigits.runtime.shipped import find, shipped, shipped_lines
from indicdigits.scripts import SCRIPTS

# With real sets: a reader over all of them, and one of drawn digits alone.
REAL = ("devanagari", "bengali", "telugu", "kannada", "gujarati", "arabic-indic", "latin")
NANO = ("devanagari-nano", "bengali-nano", "telugu-nano", "tamil-nano")
DRAWN = (
    "extended-arabic-indic",
    "gurmukhi",
    "malayalam",
    "meetei-mayek",
    "odia",
    "ol-chiki",
    "sinhala-lith",
    "tamil",
    "tamil-nano",
    "tamil-old",
    "tibetan",
)
READERS = tuple(
    dict.fromkeys((*(f"{s}-{kind}" for s in REAL for kind in ("all", "drawn")), *NANO, *DRAWN))
)
BACKBONES = ("mnist-cnn", "mnist-cnn-nano", "mnist-cnn-robust", "mnist-vit")
ROOT = Path(__file__).resolve().parent.parent


def errors_in_card(card: str) -> int:
    """The number of wrong test pictures that a card states."""
    found = re.search(r"read \d+ right and (\d+) wrong", card)
    assert found is not None
    return int(found.group(1))


@pytest.fixture
def cache(
    mirror: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real data, and one cache for this file."""
    home = tmp_path_factory.getbasetemp() / "shipped-home"
    monkeypatch.setenv("INDICDIGITS_HOME", str(home))
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(mirror))


def test_every_reader_is_there() -> None:
    """All sixteen scripts can be read right after the install, four by the smallest network too."""
    assert set(READERS) <= set(shipped())
    assert all(find(script).is_file() for script in SCRIPTS)


def test_a_script_means_its_best_reader() -> None:
    """A script's or a language's name loads the reader over all its sets, and says its licence."""
    for name in ("devanagari", "hindi"):
        reader = indicdigits.load(name)
        assert reader.name == "devanagari-all"
        assert "dhcd: CC BY 4.0" in reader.licence
        assert "mnist: commonly listed as CC BY-SA 3.0" in reader.licence
    drawn = indicdigits.load("devanagari-drawn")
    assert "Trained on drawn digits only" in drawn.bundle.card


@pytest.mark.parametrize("script", REAL)
def test_a_script_with_handwriting_has_a_reader_of_lines(script: str) -> None:
    """It is whole, answers as when it was made, and reads the digits of the script's reader."""
    path = shipped_lines()[script]
    assert path.stat().st_size < 2_000_000
    bundle = line_bundle.read(path)
    assert line_bundle.check_golden(bundle, where=path) >= 6
    reader = indicdigits.load(script)
    sequence = sequence_for(reader)
    assert sequence is not None
    assert sequence.suits(reader)
    assert bundle.mixture.reader == reader.name
    assert bundle.metrics["lattice_reader"]["digest"] == reader.bundle.recipe["digest"]


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_small_and_has_a_card(name: str) -> None:
    """Under 1 MB; the card names its data's licence, and drawn data are called so."""
    path = shipped()[name]
    assert path.stat().st_size < 1_000_000
    bundle = indicdigits.load(name).bundle
    assert "Licence" in bundle.card
    assert ("never tested on handwriting" in bundle.card) == (name in DRAWN)


def test_a_photo_is_read_in_three_lines() -> None:
    """The README's three lines give what they say."""
    reader = indicdigits.load("devanagari")
    reading = reader(ROOT / "docs" / "pictures" / "sample-devanagari.png")
    assert (reading.text, reading.value, reading.accepted) == ("७", 7, True)


@pytest.mark.integration
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_as_well_as_its_card_says(name: str) -> None:
    """The whole test split, with the reader as it ships; one borderline picture may differ."""
    from indicdigits.data.source import load_data
    from indicdigits.evaluation.metrics import best_digits

    path = recipes.find(f"scripts/{name}")
    recipe = recipes.load(path, ["data.negatives=0"])  # they are not tested on
    test = load_data(recipe, path.parent, Reporter(quiet=True)).test
    reader = indicdigits.load(name)
    answers = best_digits(reader.probabilities(test.images), reader.bundle.classes)
    wrong = int((answers != test.labels).sum())
    assert abs(wrong - errors_in_card(reader.bundle.card)) <= 1


@pytest.mark.integration
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_reads_as_well_as_its_card_says(name: str) -> None:
    """The Orbax tree verifies, and its network makes the errors on MNIST that its card states."""
    from indicdigits.data.source import load_data
    from indicdigits.training.weights import load_model, predict, shipped_weights

    folder = shipped_weights()[name]
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 1_200_000
    loaded = load_model(name)
    test = load_data(loaded.recipe, folder, Reporter(quiet=True)).test
    wrong = int((predict(loaded.model, np.asarray(test.images)).argmax(1) != test.labels).sum())
    assert abs(wrong - errors_in_card((folder / "card.md").read_text(encoding="utf-8"))) <= 1


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_backbone_has_a_card(name: str) -> None:
    """Also those whose weights are too large to ship, and are made by `make weights`."""
    card = (ROOT / "checkpoints" / f"mnist-{name}" / "card.md").read_text(encoding="utf-8")
    assert name in card
    assert errors_in_card(card) < 1000
