"""`pretrain` and `finetune` as a user meets them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indicdigits.cli.app import main
from tests.cli.conftest import run, start

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("training_home")]


def final_arrays(run_folder: Path) -> dict[str, np.ndarray]:
    from indicdigits.training import checkpoint

    return checkpoint.load(run_folder / "checkpoints" / "final")[0]


def assert_same_weights(left: Path, right: Path) -> None:
    ours, theirs = final_arrays(left), final_arrays(right)
    assert ours.keys() == theirs.keys()
    for path, array in ours.items():
        assert array.tobytes() == theirs[path].tobytes(), path


def stop_at(
    process: subprocess.Popen[str],
    moment: Callable[[], bool],
    kind: int,
    *,
    may_finish: bool = False,
) -> str:
    """Sends a signal at that moment, which must come; gives standard error."""
    deadline = time.monotonic() + 120
    while not moment():
        if may_finish and process.poll() == 0:
            break
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the moment did not come: {process.communicate()[1]}")
        time.sleep(0.002)
    process.send_signal(kind)
    errors = process.communicate(timeout=120)[1]
    expected = {143 if kind == signal.SIGTERM else -kind, *([0] if may_finish else [])}
    assert process.returncode in expected, errors
    return errors


def test_a_script_nobody_knows_is_one_recipe_away(bars: Path) -> None:
    """A new script needs a recipe and pictures, and no line of Python; three verbs read it."""
    folder = bars.parent
    answer = json.loads(run(folder, "finetune", "--recipe", "bars.toml", "--out", "out", "--json"))
    assert answer["run"] == "out"
    assert answer["step"] == 3 * round(86 / 16)
    figures = json.loads(run(folder, "evaluate", "out", "--json"))
    assert figures["n"] == 24
    run(folder, "export", "out", "--format", "onnx", "-o", "bars.indicdigits")
    from PIL import Image

    picture = np.load(folder / "bars.npz")["images"][2]
    Image.fromarray(255 - picture).save(folder / "minus.png")
    (reading,) = json.loads(run(folder, "predict", "bars.indicdigits", "minus.png", "--json"))
    assert reading["text"] in {"|", "/", "-"}


def test_killed_at_any_moment_it_resumes_to_the_same_weights(bars: Path) -> None:
    """`kill -9` at four moments, SIGTERM at a fifth: byte for byte what no interruption gives.

    Killed when the folder is new, while training, within a save, and behind the last step but
    before the final weights.
    """
    folder, parts = bars.parent, bars.parent / "parts"
    arguments = ["finetune", "--recipe", "bars.toml", "--set", "phases.finetune.epochs=60"]
    run(folder, *arguments, "--out", "whole")
    resume = ["finetune", "--resume", "parts"]
    history, steps = parts / "metrics.jsonl", 60 * round(86 / 16)

    def going_on(before: bytes = b"") -> bool:
        return history.is_file() and len(history.read_bytes()) > len(before)

    process = start(folder, *arguments, "--out", "parts")
    stop_at(process, (parts / "recipe.toml").exists, signal.SIGKILL)
    stop_at(start(folder, *resume), going_on, signal.SIGKILL)
    # This run begins again at step 0, as no checkpoint was due yet: its history is emptied first.
    history.unlink()
    errors = stop_at(start(folder, *resume), going_on, signal.SIGTERM)
    assert "indicdigits finetune --resume parts" in errors
    (saved,) = (parts / "checkpoints").glob("step_*")
    assert 0 < int(saved.name.removeprefix("step_")) < steps

    def saving() -> bool:
        return bool(list((parts / "checkpoints").glob(".step_*.tmp-*")))

    stop_at(start(folder, *resume), saving, signal.SIGKILL)
    assert [*(parts / "checkpoints").glob("step_*")] == [saved]
    last = parts / "checkpoints" / f"step_{steps:08d}"
    stop_at(start(folder, *resume), last.exists, signal.SIGKILL, may_finish=True)
    run(folder, *resume)
    assert_same_weights(folder / "whole", folder / "parts")
    assert not [*parts.rglob(".*"), *parts.rglob("*.tmp")]
    lines = history.read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [*range(1, 61)]


def test_resume_refuses_another_recipe(bars: Path) -> None:
    """A changed key is named; a finished run says so and changes nothing."""
    folder = bars.parent
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "out", "--quiet")
    errors = run(folder, "finetune", "--resume", "out", "--set", "seed=7", code=3)
    assert "seed: 7 here, 0 there" in errors
    before = (folder / "out" / "checkpoints" / "final" / "manifest.json").stat().st_mtime_ns
    assert "trained for" in run(folder, "finetune", "--resume", "out")
    assert (folder / "out" / "checkpoints" / "final" / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("script", ["devanagari", "bengali", "telugu", "tamil"])
def test_every_shipped_script_is_ready_to_train(
    script: str, mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`finetune --script` finds recipe, data and the shipped backbone for each script."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(mirror))
    plan = planned("--script", script, capsys=capsys)
    assert plan["test"] in {500, 1000}
    text = "\n".join(plan["description"])
    assert "weights from mnist-cnn" in text
    assert re.search(r"stage1 .* frozen\n", text)


def test_drawn_digits_stand_in_for_data_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--data strokes/devanagari` needs neither mirror nor network, and says what it is."""
    monkeypatch.delenv("INDICDIGITS_MIRROR", raising=False)
    plan = planned("--script", "devanagari", "--data", "strokes/devanagari", capsys=capsys)
    assert plan["test"] == 1000
    assert any("data: strokes/devanagari" in line for line in plan["description"])


def planned(*words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        main(["finetune", *words, "--dry-run", "--json", "--quiet"])
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    answer: dict[str, Any] = json.loads(printed.out)
    return answer


def test_dry_run_tells_all_and_writes_nothing(bars: Path) -> None:
    """Shapes, split sizes, freeze table and memory, without a step."""
    folder = bars.parent
    plan = json.loads(run(folder, "finetune", "--recipe", "bars.toml", "--dry-run", "--json"))
    assert plan["input_shape"] == [16, 28, 28, 1]
    assert plan["train"] + plan["validation"] + plan["test"] == 120
    assert plan["memory_bytes"] > 1_000_000
    text = "\n".join(plan["description"])
    assert "stem" in text
    assert "frozen" in text
    told = run(folder, "finetune", "--recipe", "bars.toml", "--dry-run")
    assert "batches of 16 x 28 x 28 x 1" in told
    assert " MB " in told
    assert not (folder / "runs").exists()


def test_an_error_is_json_too(bars: Path) -> None:
    """With --json a failed training prints its error as JSON, with the same exit code."""
    (bars.parent / "bars.npz").write_bytes(b"PK no more")
    process = start(bars.parent, "finetune", "--recipe", "bars.toml", "--json")
    output, errors = process.communicate(timeout=120)
    error = json.loads(output)
    assert (error["error"], error["exit_code"], process.returncode) == ("DataError", 4, 4)
    assert error["where"].endswith("bars.npz")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["finetune"], 2, "--script, --recipe and --resume"),
        (["finetune", "--script", "devangari"], 2, "did you mean 'devanagari'"),
        (["finetune", "--resume", "nowhere"], 2, "no run to resume"),
        (["finetune", "--recipe", "bars.toml", "--from", "mnist-cn"], 5, "no checkpoint called"),
        (["finetune", "--recipe", "bars.toml", "--set", "trainign.batch_size=3"], 3, "'training'"),
        (["finetune", "--recipe", "mnist-cnn"], 2, "indicdigits pretrain"),
        (["finetune", "--recipe", "bars.toml", "--out", "."], 2, "is taken"),
        (["finetune", "--recipe", "bars.toml", "--device", "tpu"], 2, "--device"),
        (["pretrain", "mnits"], 3, "unknown recipe"),
        (["pretrain", "indic", "--backbone", "vit"], 2, "--set model.backbone=vit"),
        (["pretrain", "indic", "--backbone", "vitt"], 3, "did you mean 'vit'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(
    bars: Path, words: list[str], code: int, said: str
) -> None:
    """Each mistake has its exit code and a next step; no run folder is left behind."""
    errors = run(bars.parent, *words, code=code)
    assert said in errors
    assert "Traceback" not in errors
    assert not (bars.parent / "runs").exists()


def test_a_run_that_is_not_finished_is_not_exported(bars: Path) -> None:
    """Half-trained weights do not become a reader; evaluating them says what they are."""
    folder = bars.parent
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "out", "--quiet")
    shutil.rmtree(folder / "out" / "checkpoints" / "final")
    errors = run(folder, "export", "out", "--format", "onnx", code=2)
    assert "not finished" in errors
    assert "--resume out" in errors
    process = start(folder, "evaluate", "out")
    assert "not finished" in process.communicate(timeout=300)[1]
    run(folder, "finetune", "--resume", "out", "--quiet")
    assert not (folder / "out" / "report").exists()


def test_a_known_script_without_a_recipe_names_the_way(bars: Path) -> None:
    """Unicode knows Chakma and no recipe ships for it: the error says how to write one."""
    errors = run(bars.parent, "finetune", "--script", "chakma", code=2)
    assert "recipe new" in errors


def test_another_strategy_and_another_backbone_are_one_word_away(bars: Path) -> None:
    """A run gives its weights to the next one, which frees them by stages and learns from it."""
    folder = bars.parent
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "first", "--quiet")
    plan = json.loads(
        run(
            folder,
            *("finetune", "--recipe", "bars.toml", "--from", "first", "--strategy", "gradual"),
            *("--set", 'distill.teachers=["first"]', "--dry-run", "--json"),
        )
    )
    phases = [line for line in plan["description"] if line.startswith("phase ")]
    assert [line.split(":")[0] for line in phases] == [
        f"phase from-{stage}" for stage in ("head", "stage3", "stage2", "stage1", "stem")
    ]
    assert "teachers: first" in plan["description"]
    errors = run(
        folder, "finetune", "--recipe", "bars.toml", "--from", "first", "--backbone", "mlp", code=5
    )
    assert "holds a 'cnn'" in errors
    errors = run(folder, "finetune", "--recipe", "bars.toml", "--backbone", "mlp", code=5)
    assert "indicdigits pretrain mnist --backbone mlp" in errors


TWO_SCRIPTS = """
extends = "pretrain"
name = "both"
script = "both"
classes = [
  { text = "1", value = 1 }, { text = "7", value = 7 },
  { text = "௧", value = 1 }, { text = "௭", value = 7 },
]
[data]
sources = [{ dataset = "labelled_images", format = "npz", train = "both.npz" }]
train_on = "train"
[augment]
transforms = []
[training]
heads = "script"
batch_size = 16
[[phases]]
name = "pretrain"
epochs = 3
learning_rate = 1e-3
"""


def test_two_scripts_are_pretrained_together(bars: Path) -> None:
    """A head for each script from recipe to evaluation; its trunk is a start, itself no reader."""
    folder = bars.parent
    pictures = np.load(folder / "bars.npz")
    one, two = pictures["labels"] == 0, pictures["labels"] == 1
    images = np.concatenate([pictures["images"][one | two]] * 2)
    labels = [
        digits[label]
        # The same pictures: only the script tells them apart.
        for digits in (("latin-1", "latin-7"), ("௧", "௭"))
        for label in pictures["labels"][one | two]
    ]
    np.savez(folder / "both.npz", images=images, labels=np.array(labels))
    (folder / "both.toml").write_text(TWO_SCRIPTS, encoding="utf-8")
    answer = json.loads(run(folder, "pretrain", "both.toml", "--out", "out", "--json"))
    assert 0 < answer["validation_loss"] < 3
    figures = json.loads(run(folder, "evaluate", "out", "--json"))
    confusion = np.array(figures["confusion"])
    assert confusion[:2, 2:].sum() == confusion[2:, :2].sum() == 0
    errors = run(folder, "export", "out", code=2)
    assert "no reader" in errors
    assert "--from out" in errors
    run(folder, "finetune", "--recipe", "bars.toml", "--from", "out", "--out", "bars", "--quiet")
    trunk, tuned = final_arrays(folder / "out"), final_arrays(folder / "bars")
    frozen = [path for path in trunk if path.startswith("params|stem/")]
    assert all(trunk[path].tobytes() == tuned[path].tobytes() for path in frozen)
    assert frozen
    assert {tuned[path].shape[-1] for path in tuned if path.startswith("params|head/")} == {3}


def test_prototypes_alone(bars: Path) -> None:
    """`--strategy prototype` trains nothing; the run is resumed, measured and exported as any."""
    folder = bars.parent
    words = ["finetune", "--recipe", "bars.toml", "--shots", "2", "--strategy", "prototype"]
    told = run(folder, *words, "--dry-run")
    assert "would train nothing and write runs/bars" in told
    process = start(folder, *words, "--out", "out", "--json")
    output, told = process.communicate(timeout=300)
    assert json.loads(output)["shots"] == 2
    assert "head: class means of 6 pictures" in told
    assert "a random network" in told
    assert "no phases: nothing is trained" in told
    assert (folder / "out" / "metrics.jsonl").read_text() == ""
    before = final_arrays(folder / "out")
    shutil.rmtree(folder / "out" / "checkpoints")
    run(folder, "finetune", "--resume", "out", "--quiet")
    assert before.keys() == final_arrays(folder / "out").keys()
    for path, array in final_arrays(folder / "out").items():
        assert array.tobytes() == before[path].tobytes(), path
    figures = json.loads(run(folder, "evaluate", "out", "--json"))
    assert figures["n"] == 24
    assert figures["accuracy"] > 0.5  # of three classes
    run(folder, "export", "out", "-o", "bars.indicdigits")
    from indicdigits.runtime import bundle

    assert "class means" in bundle.read(folder / "bars.indicdigits").card


def test_training_from_class_means(bars: Path) -> None:
    """`--set start.head=prototype` trains a head that begins as the class means, and says so."""
    folder = bars.parent
    words = ["finetune", "--recipe", "bars.toml", "--shots", "1"]
    process = start(folder, *words, "--set", "start.head=prototype", "--out", "out", "--json")
    output, told = process.communicate(timeout=300)
    assert json.loads(output)["step"] == 240
    assert "head: class means of 3 pictures" in told
    assert re.search(r"head +\d+  trained, class means\n", told)


def test_draws(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--shots --draws` trains on other labels each time; what is done is not done again."""
    monkeypatch.setenv("INDICDIGITS_MIRROR", str(mirror))
    words = ["finetune", "--script", "telugu", "--data", "cmaterdb/telugu", "--shots", "2"]
    words += ["--set", "phases.finetune.epochs=1", "--set", "augment.copies=1", "--out", "few"]
    first = json.loads(run(tmp_path, *words, "--draws", "1", "--json", "--quiet"))
    assert (first["shots"], len(first["draws"])) == (2, 1)
    before = (tmp_path / "few" / "draw-00" / "run.json").stat().st_mtime_ns
    both = json.loads(run(tmp_path, *words, "--draws", "2", "--json", "--quiet"))
    assert both["draws"][0] == first["draws"][0]
    assert (tmp_path / "few" / "draw-00" / "run.json").stat().st_mtime_ns == before
    seeds, accuracies = zip(*((d["seed"], d["accuracy"]) for d in both["draws"]), strict=True)
    assert seeds == (0, 1)
    assert both["mean"] == pytest.approx(sum(accuracies) / 2)
    assert both["lowest"] == min(accuracies)
    told = run(tmp_path, *words, "--draws", "2", "--set", "seed=9", code=2)
    assert "another recipe" in told


def test_draws_need_shots(tmp_path: Path) -> None:
    """Draws without shots would all train on the same labels: refused, with an example."""
    told = run(tmp_path, "finetune", "--script", "telugu", "--draws", "3", code=2)
    assert "--shots 5 --draws 20" in told


def test_few_labels_go_with_every_strategy() -> None:
    """The epochs that few labels need are shared out among the strategy's phases."""
    from indicdigits import recipe as recipes
    from indicdigits.cli.finetune import _with_shots

    file, changes = recipes.find("telugu"), ['strategy="gradual"']
    few = recipes.load(file, _with_shots(file, changes, 2))
    assert few.data.shots == 2
    assert few.phases[0].name == "from-head"
    assert sum(phase.epochs for phase in few.phases) == 240


def test_a_recipe_in_the_folder_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `recipe new` has written here is trained, also where a recipe of that name ships."""
    from indicdigits.cli.finetune import recipe_file

    monkeypatch.chdir(tmp_path)
    assert "recipes" in str(recipe_file("hindi", None).parent.parent)
    Path("devanagari.toml").touch()
    assert recipe_file("devanagari", None) == Path("devanagari.toml")
    assert recipe_file("hindi", None) == Path("devanagari.toml")
