"""Finding, reading, changing and comparing recipes."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicdigits import recipe as recipes
from indicdigits.errors import RecipeError

MINE = 'extends = "finetune"\nname = "mine"\n'


def write(folder: Path, content: str | bytes, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_find_by_name_and_path(tmp_path: Path) -> None:
    """A recipe is found by its full name, by the last part of it, and by path."""
    full = recipes.find("scripts/devanagari")
    assert recipes.find("devanagari") == full
    mine = write(tmp_path, MINE)
    assert recipes.find(str(mine)) == mine


def test_shipped_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray file called like a shipped recipe does not take its place."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "nonsense", "devanagari")
    assert recipes.find("devanagari") == recipes.shipped()["scripts/devanagari"]


@pytest.mark.parametrize("name", ["devanagri", "no/such.toml", "a\0b", "x" * 5000, "", "/dev"])
def test_find_unknown(name: str) -> None:
    """A name that is no recipe's is a short error that says what there is."""
    with pytest.raises(RecipeError) as caught:
        recipes.find(name)
    assert caught.value.hint
    assert len(str(caught.value)) < 6000
    if name == "devanagri":
        assert "did you mean 'devanagari'" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("name = ", "is not valid TOML"),
        ('name = "a"\nname = "b"', "is not valid TOML"),
        ("a = " + "[" * 20_000, "is not valid TOML"),
        (b'name = "\xff"', "is not UTF-8: byte 0xff at line 1"),
        (b"\x00\x01\x02", "is not valid TOML"),
        (b"# " + b"x" * 1_000_001, "is too large for a recipe"),
        ("", "key 'name' is missing"),
    ],
    ids=["syntax", "key twice", "deep", "Latin-1", "binary", "too large", "empty"],
)
def test_unreadable(content: str | bytes, expected: str, tmp_path: Path) -> None:
    """A file that is no recipe at all is a RecipeError that names it."""
    path = write(tmp_path, content)
    with pytest.raises(RecipeError, match=expected) as caught:
        recipes.load(path)
    assert caught.value.where == str(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    """A recipe that is not there, or is a folder, cannot be read, and that is said."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RecipeError, match="cannot be read"):
            recipes.load(path)


def test_editors_of_windows(tmp_path: Path) -> None:
    """A byte order mark and CR LF line ends change nothing."""
    plain = write(tmp_path, MINE, "a.toml")
    windows = write(tmp_path, b"\xef\xbb\xbf" + MINE.replace("\n", "\r\n").encode(), "b.toml")
    assert recipes.load(plain) == recipes.load(windows)


def test_extends_merges_tables_and_replaces_lists(tmp_path: Path) -> None:
    """What a recipe says goes over what it extends; the rest stays."""
    text = MINE + 'training.label_smoothing = 0.1\naugment.transforms = [{ name = "noise" }]'
    base, mine = recipes.load(recipes.find("finetune")), recipes.load(write(tmp_path, text))
    assert mine.training.label_smoothing == 0.1
    assert mine.training.batch_size == base.training.batch_size
    assert [t["name"] for t in mine.augment.transforms] == ["noise"]
    assert mine.phases == base.phases


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ('"finetun"', "extends unknown recipe 'finetun'.*did you mean 'finetune'"),
        ('"../finetune"', "extends unknown recipe"),
        ("1", "1 is of the wrong type"),
        ("[[]]", "wrong type"),
    ],
)
def test_extends_unknown(base: str, expected: str, tmp_path: Path) -> None:
    """A recipe extends shipped recipes only; anything else is named."""
    path = write(tmp_path, f"extends = {base}\nname = 'x'")
    with pytest.raises(RecipeError, match=f"(?s){expected}") as caught:
        recipes.load(path)
    assert caught.value.where == f"{path}, key extends"


def test_extends_in_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes that extend each other are an error, not an endless loop."""
    a = write(tmp_path, 'extends = "b"', "a.toml")
    b = write(tmp_path, 'extends = "a"', "b.toml")
    module = importlib.import_module("indicdigits.recipe.load")  # the name is a function's too
    monkeypatch.setattr(module, "shipped", lambda: {"a": a, "b": b})
    with pytest.raises(RecipeError, match="which extends this recipe"):
        recipes.load(a)


def test_set_by_path_index_and_name() -> None:
    """--set reaches nested keys, list elements by index or name, and takes TOML or bare text."""
    changes = [
        "training.batch_size=32",
        "phases.finetune.epochs = 3",
        "phases.0.learning_rate=3e-4",
        "augment.transforms.affine.rotate=25",
        "augment.transforms.1.probability=0",
        "model.options.dropout=0.1",
        "start.weights=runs/mine",
        'description="in words"',
        "data.train_on=train+validation",
    ]
    recipe = recipes.load(recipes.find("devanagari"), changes)
    assert recipe.training.batch_size == 32
    assert (recipe.phases[0].epochs, recipe.phases[0].learning_rate) == (3, 3e-4)
    assert recipe.augment.transforms[0]["rotate"] == 25.0
    assert recipe.augment.transforms[1]["probability"] == 0.0
    assert recipe.model.options == {"dropout": 0.1}
    assert (recipe.start.weights, recipe.description) == ("runs/mine", "in words")
    assert recipe.data.train_on == "train+validation"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("seed", "not of the form key=value"),
        ("=1", "not of the form key=value"),
        ("training..batch_size=1", "not of the form key=value"),
        ("seed=x", "'x' is of the wrong type.*a whole number"),
        ("seed=1.5", "1.5 is of the wrong type"),
        ("seed=1\nname='x'", "sets more than one key"),
        ("seed=" + "9" * 5000, "the number is too large"),
        ("seed=" + str(2**70), "the number is too large"),
        ("seed=" + "[" * 20_000, "nested too deeply"),
        ("sed=1", "unknown key 'sed'.*did you mean 'seed'"),
        ("optim.lr=3e-4", "unknown key 'optim'"),
        ("training.batchsize=1", "did you mean 'batch_size'"),
        ("seed.a=1", "{'a': 1} is of the wrong type"),
        ("training.batch_size.a=1", "training.batch_size is not a table"),
        ("training.batch_size.a.b=1", "training.batch_size is not a table"),
        ("name.a.b=1", "name is not a table"),
        ("phases.9.epochs=1", "no element '9'.*allowed: finetune, 0"),
        ("phases.²=1", "no element '²'"),
        ("phases.finetun.epochs=1", "no element 'finetun'.*did you mean 'finetune'"),
        ("phases.finetune=1", "1 is of the wrong type.*a table"),
        ("augment.transforms.affine.rotate=x", "'x' is of the wrong type"),
        ("augment.transforms.affine.rotate=nan", "nan is out of range"),
        ("start.weights=1", "1 is of the wrong type.*a text"),
        ("extends=finetune", "unknown key 'extends'"),
    ],
)
def test_set_bad(change: str, expected: str) -> None:
    """A --set is checked like the file, and the error names it."""
    with pytest.raises(RecipeError, match=f"(?s){expected}") as caught:
        recipes.load(recipes.find("devanagari"), [change])
    assert "--set" in str(caught.value)


def test_absolute_path_on_the_command_line_only(tmp_path: Path) -> None:
    """An absolute path is for the command line and for the run it leads to."""
    own = f"{MINE}[data]\nsources = [{{ dataset = 'labelled_images', format = 'folder', train = "
    path = write(tmp_path, own + "'here' }]")
    recipe = recipes.load(path, ["data.sources.0.train=/srv/scans"])
    assert recipe.data.sources[0].train == "/srv/scans"
    resolved = write(tmp_path, recipes.resolved_toml(recipe), "recipe.toml")
    assert recipes.load(resolved, resolved=True) == recipe
    with pytest.raises(RecipeError, match="is absolute"):
        recipes.load(resolved)


@pytest.mark.parametrize("name", recipes.shipped())
def test_resolved_text_is_the_same_recipe(name: str) -> None:
    """What a run folder keeps gives the same recipe and digest again."""
    recipe = recipes.load(recipes.shipped()[name])
    again = recipes.loads(recipes.resolved_toml(recipe), source="run")
    assert again == recipe
    assert again.digest() == recipe.digest()


def test_digest_is_about_results(tmp_path: Path) -> None:
    """The digest changes with any key that decides the result, not with how it is written."""
    one = recipes.load(write(tmp_path, MINE + "[training]\nclip_norm = 0\n", "a.toml"))
    same = recipes.load(write(tmp_path, "# why\n" + MINE + "training.clip_norm = 0.0", "b.toml"))
    other = recipes.load(recipes.find("finetune"), ["name=mine", "training.clip_norm=0.01"])
    assert one.digest() == same.digest() != other.digest()
    assert recipes.differences(one, other) == ["training.clip_norm: 0.0 here, 0.01 there"]


def test_whole_numbers_where_fractions_are_allowed() -> None:
    """`rotate = 10` and `rotate = 10.0` are the same recipe."""
    path = recipes.find("devanagari")
    texts = [f"augment.transforms.affine.rotate={value}" for value in ("10", "10.0")]
    one, other = (recipes.load(path, [text]) for text in texts)
    assert one.digest() == other.digest()


def test_differences_name_what_only_one_has() -> None:
    """A key that only one of two recipes has is named with what it holds."""
    path = recipes.find("devanagari")
    one, other = recipes.load(path, ["model.options.dropout=0.1"]), recipes.load(path)
    assert recipes.differences(one, other) == ["model.options.dropout: 0.1 here, nothing there"]


@settings(max_examples=150, deadline=None)
@given(key=st.text(max_size=30), value=st.text(max_size=30))
def test_set_never_crashes(key: str, value: str) -> None:
    """Whatever stands behind --set, it is taken or refused with a RecipeError."""
    try:
        recipe = recipes.load(recipes.find("devanagari"), [f"{key}={value}"])
    except RecipeError:
        return
    tomllib.loads(recipes.resolved_toml(recipe))
