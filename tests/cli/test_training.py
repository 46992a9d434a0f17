"""`pretrain` and `finetune` as a user meets them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for this file: the same data and the same steps again and again."""
    cache = Path(tempfile.gettempdir()) / "indicdigits-test-home"
    monkeypatch.setenv("INDICDIGITS_HOME", str(cache))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "indicdigits", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *words: str, code: int = 0) -> str:
    """Standard output, or standard error where an error is expected."""
    process = start(folder, *words)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, errors
    return errors if code else output


def final_arrays(run_folder: Path) -> dict[str, np.ndarray]:
    from indicdigits.training import checkpoint

    return checkpoint.load(run_folder / "checkpoints" / "final")[0]


def assert_same_weights(left: Path, right: Path) -> None:
    ours, theirs = final_arrays(left), final_arrays(right)
    assert ours.keys() == theirs.keys()
    for path, array in ours.items():
        assert array.tobytes() == theirs[path].tobytes(), path


def wait_for(process: subprocess.Popen[str], paths: Sequence[Path]) -> None:
    """Until one of the paths is there, or the process has ended."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if any(path.exists() for path in paths):
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[1])


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
    """`kill -9` twice, SIGTERM once, then --resume: byte for byte what no interruption gives."""
    folder = bars.parent
    arguments = ["finetune", "--recipe", "bars.toml", "--set", "phases.finetune.epochs=40"]
    run(folder, *arguments, "--out", "whole")
    resume = ["finetune", "--resume", "parts"]
    moments = [folder / "parts" / "recipe.toml", folder / "parts" / "metrics.jsonl"]
    for words, moment in zip([[*arguments, "--out", "parts"], resume], moments, strict=True):
        process = start(folder, *words)
        wait_for(process, [moment])
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(folder, *resume)
    wait_for(process, [folder / "parts" / "augmented"])
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    if process.returncode:  # it may have been faster than we
        assert process.returncode == 143, errors
        assert "indicdigits finetune --resume parts" in errors
    run(folder, *resume)
    assert_same_weights(folder / "whole", folder / "parts")
    assert not list((folder / "parts" / "checkpoints").glob(".*"))


def test_resume_refuses_another_recipe(bars: Path) -> None:
    """A changed key is named; a finished run says so and changes nothing."""
    folder = bars.parent
    run(folder, "finetune", "--recipe", "bars.toml", "--out", "out", "--quiet")
    errors = run(folder, "finetune", "--resume", "out", "--set", "seed=7", code=3)
    assert "seed: 7 here, 0 there" in errors
    before = (folder / "out" / "checkpoints" / "final" / "manifest.json").stat().st_mtime_ns
    assert "finished" in run(folder, "finetune", "--resume", "out")
    assert (folder / "out" / "checkpoints" / "final" / "manifest.json").stat().st_mtime_ns == before


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
    assert not (folder / "runs").exists()


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
