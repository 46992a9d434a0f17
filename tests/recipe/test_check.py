"""What a recipe must not say, and what its author is told then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indicdigits.errors import RecipeError
from indicdigits.recipe import load

PHASE = 'phases = [{ name = "a", epochs = 1, learning_rate = 1e-3%s }]\n'
HEAD = 'name = "n"\ntask = "finetune"\nscript = "telugu"\n'
DATA = 'data = { sources = [{ dataset = "cmaterdb/telugu" }] }\n'
GOOD = HEAD + DATA + PHASE % ""
BOTH = GOOD.replace('"telugu"', '"both"', 1) + 'scripts = ["tamil", "telugu"]\n'


def rules(*texts: str) -> str:
    """A recipe with these rules, otherwise in order."""
    return HEAD + DATA + PHASE % f", rules = [{', '.join(texts)}]"


def own(text: str) -> str:
    """A recipe on one's own pictures, with these keys in its source."""
    source = f'{{ dataset = "labelled_images"{", " if text else ""}{text} }}'
    return HEAD + f"data = {{ sources = [{source}] }}\n" + PHASE % ""


FOLDER = 'format = "folder", train = "pictures"'

# recipe, then what must stand in the error: key, problem, or what is allowed instead
BAD = {
    "misspelt key": (GOOD + 'licens = "x"', r"unknown key 'licens'.*did you mean 'licence'"),
    "misspelt key inside": (
        GOOD.replace("epochs", "epoch"),
        r"phases\.0: unknown key 'epoch'.*allowed: name, epochs,.*did you mean 'epochs'",
    ),
    "missing key": (HEAD + DATA, r"key 'phases' is missing.*try: add phases"),
    "text for a number": (GOOD + 'seed = "1"', r"key seed: '1' is of the wrong.*a whole number"),
    "number for a text": (GOOD.replace('"n"', "1"), r"key name: 1 is of the wrong type.*a text"),
    "true for a number": (GOOD + "seed = true", r"key seed: True is of the wrong type"),
    "fraction for a count": (GOOD.replace("epochs = 1", "epochs = 1.5"), r"epochs: 1\.5 is of"),
    "text for a table": (GOOD + 'model = "cnn"', r"key model: 'cnn' is of the wrong.*a table"),
    "table for a list": (HEAD + DATA + "phases = { a = 1 }", r"key phases: .* wrong type.*a list"),
    "list for a text": (GOOD.replace('"n"', "[[1]]"), r"key name: \[\[1\]\] is of the wrong"),
    "date for a number": (GOOD + "seed = 2020-01-01", r"key seed: datetime.* is of the wrong"),
    "unknown choice": (GOOD.replace('"finetune"', '"finetun"'), r"task: .*did you mean 'finetune'"),
    "choice of another type": (
        GOOD.replace('"finetune"', "[1]"),
        r"key task: \[1\] is not allowed",
    ),
    "NaN": (GOOD.replace("1e-3", "nan"), r"phases\.0\.learning_rate: nan is out of range.*1e-08"),
    "infinite": (GOOD.replace("1e-3", "inf"), r"learning_rate: inf is out of range"),
    "negative": (GOOD.replace("epochs = 1", "epochs = -1"), r"epochs: -1 is out of range"),
    "huge": (GOOD.replace("epochs = 1", "epochs = 999999999"), r"epochs: 999999999 is out of"),
    "beyond 64 bits": (GOOD + f"seed = {2**70}", r"key seed: the number is too large"),
    "beyond 64 bits, float": (
        GOOD.replace("1e-3", "1" + "0" * 400),
        r"key phases\.0\.learning_rate: the number is too large",
    ),
    "beyond printing": (GOOD + "seed = 0x" + "f" * 9000, r"key seed: the number is too large"),
    "more digits than Python reads": (GOOD + "seed = " + "9" * 5000, r"is not valid TOML"),
    "empty name": (GOOD.replace('"n"', '""'), r"key name: '' is no name"),
    "name that is a path": (GOOD.replace('"n"', '"../../n"'), r"name: '\.\./\.\./n' is no name"),
    "very long name": (GOOD.replace('"n"', f'"{"n" * 9999}"'), r"key name: 'n{58}… is no name"),
    "script unknown": (GOOD.replace('"telugu"', '"telugo"', 1), r"'telugo' is not known.*'telugu'"),
    "script by its language": (GOOD.replace('"telugu"', '"hindi"', 1), r"script = 'devanagari'"),
    "no sources": (HEAD + "data = { sources = [] }\n" + PHASE % "", r"sources: names no data"),
    "data set unknown": (GOOD.replace("cmaterdb", "cmaterbd"), r"0\.dataset: .*'cmaterdb'"),
    "configuration unknown": (
        GOOD.replace("db/telugu", "db/telegu"),
        r"no configuration 'telegu'.*did you mean 'cmaterdb/telugu'",
    ),
    "data of another script": (
        GOOD.replace("db/telugu", "db/bengali"),
        r"holds digits of 'bengali', the recipe reads 'telugu'",
    ),
    "path for a known set": (
        GOOD.replace('/telugu" }', '/telugu", train = "x" }'),
        r"sources\.0\.train: train means nothing to 'cmaterdb/telugu'",
    ),
    "own pictures, nowhere": (own(""), r"labelled_images needs format and train"),
    "own format unknown": (own('format = "zip", train = "x"'), r"'zip' is not allowed.*'npz'"),
    "own IDX without labels": (own('format = "idx", train = "x"'), r"idx files need train_labels"),
    "own labels without IDX": (
        own(FOLDER + ', train_labels = "x"'),
        r"train_labels belongs to idx",
    ),
    "own test labels alone": (own(FOLDER + ', test_labels = "x"'), r"test_labels belongs to idx"),
    "own path upwards": (own('format = "csv", train = "a/../../b"'), r"leaves the recipe's folder"),
    "own path upwards, Windows": (own(r"format = 'csv', train = '..\b'"), r"leaves the recipe's"),
    "own path absolute": (own('format = "csv", train = "/b"'), r"is absolute.*--set data\.sources"),
    "own path with a drive": (own(r"format = 'csv', train = 'C:\b'"), r"'C:\\\\b' is absolute"),
    "own path empty": (own('format = "csv", train = ""'), r"'' is no path"),
    "own path with NUL": (own(r'format = "csv", train = "a\u0000"'), r"is no path"),
    "own labels": (
        own(FOLDER + ', script = "tamil"'),
        r"script: 'tamil' is no script whose digits are classes",
    ),
    "own test fraction": (own(FOLDER + ", test_fraction = 1.0"), r"test_fraction: 1\.0 is out of"),
    "data of another script beside classes": (
        GOOD.replace('"telugu"', '"chakma"', 1)
        + 'classes = [{ text = "𑄶", value = 0 }, { text = "𑄷", value = 1 }]',
        r"holds digits of .*none of them is a class",
    ),
    "scripts and one of their digits again": (
        BOTH + 'classes = [{ text = "௧" }]',
        r"key classes\.20: .*stands twice",
    ),
    "scripts beside one script": (GOOD + 'scripts = ["tamil", "telugu"]', r"script = \"indic\""),
    "scripts unknown": (BOTH.replace('"tamil"', '"tamul"'), r"scripts\.0: .*'tamul'.*'tamil'"),
    "scripts twice": (BOTH.replace('"tamil"', '"telugu"'), r"scripts\.1: .*stands twice"),
    "scripts without the data's": (
        BOTH.replace('"telugu"]', '"odia"]'),
        r"holds digits of 'telugu', the recipe reads 'tamil', 'odia'",
    ),
    "heads and mixup": (
        BOTH + "[training]\nheads = 'script'\nmixup = 0.2",
        r"key training\.mixup: mixup mixes pictures of two scripts.*training\.mixup=0",
    ),
    "heads and teachers": (
        BOTH + "[training]\nheads = 'script'\n[distill]\nteachers = ['x']",
        r"key distill\.teachers: a teacher answers with one softmax",
    ),
    "a head of one class": (
        GOOD + "training = { heads = 'script' }\n"
        "classes = [{ text = '0' }, { text = '1' }, { text = 'none' }]",
        r"classes\.2: 'none' is alone in its head.*training\.heads=one",
    ),
    "one class": (GOOD + 'classes = [{ text = "a" }]', r"key classes: one class is none to tell"),
    "class twice": (
        GOOD + 'classes = [{ text = "a" }, { text = "a" }]',
        r"classes\.1: text 'a' stands twice",
    ),
    "class without text": (
        GOOD + 'classes = [{ text = "" }, { text = "b" }]',
        r"0\.text: '' is no",
    ),
    "class text with a line break": (
        GOOD + 'classes = [{ text = "a\\n" }, { text = "b" }]',
        r"classes\.0\.text: 'a\\n' is no text of a class",
    ),
    "class with a negative value": (
        GOOD + 'classes = [{ text = "a", value = -1 }, { text = "b" }]',
        r"classes\.0\.value: -1 is out of range",
    ),
    "augmentation without name": (GOOD + "augment.transforms = [{ shift = 0.1 }]", r"has no name"),
    "augmentation named by a list": (
        GOOD + "augment.transforms = [{ name = [1] }]",
        r"transforms\.0\.name: \[1\] is of the wrong type",
    ),
    "augmentation named by a number": (
        GOOD + "augment.transforms = [{ name = 1 }]",
        r"transforms\.0: has no name.*allowed: affine",
    ),
    "augmentation unknown": (
        GOOD + 'augment.transforms = [{ name = "afine" }]',
        r"unknown augmentation 'afine'.*did you mean 'affine'",
    ),
    "augmentation key unknown": (
        GOOD + 'augment.transforms = [{ name = "affine", shft = 1.0 }]',
        r"unknown key 'shft'.*did you mean 'shift'",
    ),
    "augmentation out of range": (
        GOOD + 'augment.transforms = [{ name = "affine", rotate = 90 }]',
        r"transforms\.0\.rotate: 90\.0 is out of range.*0\.0 to 45\.0",
    ),
    "augmentation with a text": (
        GOOD + 'augment.transforms = [{ name = "affine", rotate = "9" }]',
        r"transforms\.0\.rotate: '9' is of the wrong type.*a number",
    ),
    "backbone unknown": (GOOD + 'model = { backbone = "cn" }', r"unknown backbone 'cn'.*'cnn'"),
    "backbone option unknown": (
        GOOD + "model = { options = { dropot = 0.1 } }",
        r"model\.options: unknown key 'dropot'.*'dropout'",
    ),
    "input too large": (
        GOOD.replace("data = {", "data = { input_size = 4096,"),
        r"data\.input_size: 4096 is out of range",
    ),
    "no start": (GOOD + 'start = { weights = " " }', r"key start\.weights: is empty"),
    "class means for capsules": (
        GOOD + 'model = { backbone = "capsnet" }\nstart = { head = "prototype" }',
        r"key start\.head: the head of 'capsnet' has no dense layer.*allowed: reset, keep",
    ),
    "class means by strategy for capsules": (
        GOOD + 'model = { backbone = "capsnet" }\nstrategy = "prototype"',
        r"key start\.head: the head of 'capsnet' has no dense layer.*take linear, mlp,",
    ),
    "head unknown": (
        GOOD + 'start = { head = "prototyp" }',
        r"key start\.head: 'prototyp' is not allowed.*did you mean 'prototype'",
    ),
    "start of a wrong type, with a strategy": (
        GOOD + 'start = "scratch"\nstrategy = "prototype"',
        r"key start: 'scratch' is of the wrong type",
    ),
    "nothing trained, and the head kept": (
        HEAD + DATA + 'phases = []\nstart = { head = "keep" }',
        r"key phases: has no phases.*start\.head = \"prototype\"",
    ),
    "no phases": (HEAD + DATA + "phases = []", r"key phases: has no phases"),
    "two phases of a name": (
        HEAD
        + DATA
        + (PHASE % "").replace("[{", "[{ name = 'a', epochs = 1, learning_rate = 1 }, {"),
        r"phases\.1: two phases are called 'a'",
    ),
    "rule that matches nothing": (
        rules('{ prefix = "stage9" }', '{ prefix = "" }'),
        r"phases\.0\.rules\.0: rule 'stage9' matches nothing.*allowed: stem,.*did you mean 'stage",
    ),
    "rule with half a name": (
        rules('{ prefix = "stag" }', '{ prefix = "" }'),
        r"rule 'stag' matches nothing",
    ),
    "rule that comes too late": (
        rules('{ prefix = "" }', '{ prefix = "stem", frozen = true }'),
        r"rules\.1: rule 'stem' matches nothing that an earlier rule has not taken",
    ),
    "parameter without rule": (
        rules('{ prefix = "stem" }'),
        r"no rule matches parameter 'stage1/conv/kernel'.*end the rules with \{ prefix",
    ),
    "no rules": (rules(), r"no rule matches parameter 'stem/conv/kernel'"),
    "everything frozen": (rules('{ prefix = "", frozen = true }'), r"everything is frozen"),
    "frozen with a rate": (
        rules('{ prefix = "stem", frozen = true, rate = 0.1 }', '{ prefix = "" }'),
        r"rules\.0: is frozen, and has a rate as well",
    ),
    "layer both frozen and trained": (
        rules('{ prefix = "stem/norm/scale", frozen = true }', '{ prefix = "" }'),
        r"layer 'stem/norm' is both frozen and trained: 'stem/norm/scale' is frozen, "
        r"'stem/norm/bias' is trained.*use the prefix 'stem/norm'",
    ),
    "plateau without validation": (
        (HEAD + DATA + PHASE % ', schedule = "plateau"').replace(
            "}] }", "}], validation_fraction = 0.0 }"
        ),
        r"phases\.0\.schedule: the plateau schedule looks at the validation part, and none is",
    ),
    "early stopping on what is trained on": (
        (HEAD + DATA + PHASE % ", early_stopping = 5").replace(
            "}] }", '}], train_on = "train+validation" }'
        ),
        r"phases\.0\.early_stopping: early stopping .* is trained on as well.*data.train_on=train",
    ),
    "exponential to zero": (
        HEAD + DATA + PHASE % ', schedule = "exponential", final_fraction = 0.0',
        r"final_fraction: the schedule 'exponential' cannot end at 0",
    ),
    "nothing to keep": (
        HEAD + DATA + PHASE % ", cache_frozen = true",
        r"phases\.0\.cache_frozen: nothing to keep: stage 'stem', the first, is not frozen",
    ),
    "mixing what is kept": (
        rules('{ prefix = "stem", frozen = true }', '{ prefix = "" }').replace(
            "rules =", "cache_frozen = true, rules ="
        )
        + "training = { mixup = 0.2 }",
        r"training\.mixup needs the pictures",
    ),
    "parts that do not divide": (
        GOOD + "training = { batch_size = 100, accumulate = 3 }",
        r"key training\.accumulate: a batch of 100 has no 3 equal parts",
    ),
    "odd input for a strided stem": (
        GOOD.replace("data = {", "data = { input_size = 29,") + 'model = { backbone = "vit" }',
        r"key data\.input_size: 29 is no size for 'vit'.*allowed: multiples of 2 from 20 to 64",
    ),
    "unknown strategy": (
        GOOD + 'strategy = "gradul"',
        r"key strategy: unknown strategy 'gradul'.*did you mean 'gradual'",
    ),
    "strategy of no name": (GOOD + "strategy = 3", r"key strategy: unknown strategy 3"),
    "strategy without a pattern": (
        HEAD + DATA + 'phases = [{ name = "a" }]\nstrategy = "gradual"',
        r"key strategy: the last phase says no number of epochs",
    ),
    "strategy for a net without a body": (
        GOOD + 'strategy = "freeze"\nmodel = { backbone = "linear" }',
        r"key strategy: 'linear' has only a head.*allowed: all, scratch",
    ),
    "rate of zero": (rules('{ prefix = "", rate = 0.0 }'), r"rules\.0\.rate: 0\.0 is out of range"),
    "strokes for no class": (
        GOOD + '[strokes]\n"z" = [["0,0 1,1"]]',
        r"key strokes: strokes for 'z', which is no class",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD.keys())
def test_bad_recipe(text: str, expected: str, tmp_path: Path) -> None:
    """Whatever is wrong in a recipe is an error that names file, key and what is allowed."""
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message
    assert re.search(expected, message, re.DOTALL), message
    assert len(message) < 1500


def test_good_recipe(tmp_path: Path) -> None:
    """The recipe that the bad ones were made from is accepted, so each fails for its own reason."""
    path = tmp_path / "good.toml"
    path.write_text(GOOD, encoding="utf-8")
    recipe = load(path)
    assert [entry.text for entry in recipe.labels][:3] == ["౦", "౧", "౨"]
    assert [entry.value for entry in recipe.labels] == list(range(10))


@pytest.mark.parametrize(
    "text",
    [
        rules('{ prefix = "stem", frozen = true }', '{ prefix = "" }'),
        rules('{ prefix = "stage2/conv1", rate = 0.1 }', '{ prefix = "" }'),
        rules('{ prefix = "stem/norm", frozen = true }', '{ prefix = "" }'),
        own(FOLDER),
        own('format = "idx", train = "i", train_labels = "l", test = "j", test_labels = "m"'),
        GOOD + 'classes = [{ text = "౦", value = 0 }, { text = "௰", value = 10 }, { text = "no" }]',
        GOOD + 'start = { head = "prototype" }',
        HEAD + DATA + 'phases = []\nstart = { head = "prototype" }',
    ],
    ids=[
        *("freeze", "rate of a layer", "frozen layer", "folder", "idx", "classes"),
        *("class means", "class means alone"),
    ],
)
def test_accepted(text: str, tmp_path: Path) -> None:
    """What the design allows is not refused."""
    path = tmp_path / "good.toml"
    path.write_text(text, encoding="utf-8")
    load(path)
