"""One network on many devices and in many processes: the same results, whatever the layout."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from indicdigits.errors import UsageError
from indicdigits.recipe import Recipe
from indicdigits.training import checkpoint, mesh
from indicdigits.training.history import read_history

WORKER = Path(__file__).with_name("layout_worker.py")
LIMIT = 300  # seconds that a worker may take on a busy machine


@pytest.fixture(scope="session")
def worker() -> Any:
    """The functions of the worker, to do in this process, on one device, what it does on many."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("layout_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(**spec: Any) -> subprocess.Popen[str]:
    """A worker; with `process` one of several."""
    words = [sys.executable, str(WORKER), json.dumps(spec, default=str)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def finish(*workers: subprocess.Popen[str]) -> list[str]:
    """Waits for them; what they said."""
    try:
        said = [one.communicate(timeout=LIMIT)[1] for one in workers]
    finally:
        for one in workers:
            one.kill()
    return said


def together(count: int, **spec: Any) -> list[subprocess.Popen[str]]:
    """Workers that are processes of one run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        start(**spec, coordinator=f"127.0.0.1:{port}", processes=count, process=index)
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def layouts(worker: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one device, eight and two processes have done the same."""
    out = tmp_path_factory.mktemp("layouts")
    file = out / "tiny.toml"
    file.write_text(worker.helpers().RECIPE, encoding="utf-8")
    recipe = worker.recipes.load(file)
    for case in worker.CASES:
        np.savez(out / f"one-{case}.npz", **worker.steps(recipe, case, 1))
    worker.trained(worker.small(recipe), worker.small_data(), out / "one-run", 1)
    workers = [
        start(
            task="compare",
            devices=8,
            name="eight",
            cases=["plain", "everything", "heads"],
            run="eight-run",
            other="one-run",
            out=out,
        ),
        *together(
            2, task="compare", devices=1, name="two", cases=["everything"], run="two-run", out=out
        ),
    ]
    said = finish(*workers)
    assert [one.returncode for one in workers] == [0, 0, 0], said
    for many in ("eight-run", "two-run"):
        again = worker.rewound(out / many, out / f"{many}-on-one")
        worker.trained(worker.small(recipe), worker.small_data(), again, 1)
    return out


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "case"),
    [("eight", "plain"), ("eight", "everything"), ("eight", "heads"), ("two", "everything")],
)
def test_the_first_steps_do_not_depend_on_the_layout(layouts: Path, name: str, case: str) -> None:
    """First step within 1e-6, ten losses within 1e-5: statistics and mixing are of all pictures."""
    ours, theirs = np.load(layouts / f"{name}-{case}.npz"), np.load(layouts / f"one-{case}.npz")
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=0, atol=1e-5)
    assert set(ours) == set(theirs)
    for path in theirs:
        np.testing.assert_allclose(ours[path], theirs[path], rtol=0, atol=1e-6, err_msg=path)


@pytest.mark.integration
@pytest.mark.slow
def test_the_end_does_not_depend_on_the_layout(layouts: Path) -> None:
    """Accuracy within 0.2 points, also where a run changes its layout on the way."""
    runs = ["one-run", "eight-run", "two-run"]
    runs += ["one-run-on-eight", "eight-run-on-one", "two-run-on-one"]
    records = [read_history(layouts / run) for run in runs]
    assert {tuple(record["step"] for record in run) for run in records} == {
        tuple(range(10, 141, 10))
    }
    accuracies = [run[-1]["validation_accuracy"] for run in records]
    assert accuracies[0] > 0.95
    assert max(accuracies) - min(accuracies) <= 0.002, accuracies


@pytest.mark.integration
@pytest.mark.slow
def test_only_the_first_process_writes(layouts: Path) -> None:
    """Two processes leave what one leaves: one history, checkpoints that verify."""
    one, two = layouts / "one-run", layouts / "two-run"
    assert sorted(p.name for p in two.iterdir()) == sorted(p.name for p in one.iterdir())
    assert len(read_history(two)) == len(read_history(one))
    assert [checkpoint.verify(step)["devices"] for step in checkpoint.steps(two)] == [2, 2]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_dies_ends_the_others_and_the_run_resumes(
    tmp_path: Path, worker: Any, tiny_recipe: Recipe, victim: int
) -> None:
    """A kill -9 of one of two: the other ends soon and says why; the checkpoint is good."""
    workers = together(2, task="endless", devices=1, run="run", out=tmp_path)
    deadline = time.monotonic() + LIMIT
    while not checkpoint.steps(tmp_path / "run"):
        assert time.monotonic() < deadline
        assert all(one.poll() is None for one in workers), finish(*workers)
        time.sleep(0.1)
    workers[victim].kill()
    killed = time.monotonic()
    said = finish(*workers)[1 - victim]
    assert time.monotonic() - killed < 60
    assert workers[1 - victim].returncode not in (0, None)
    # JAX itself may be faster to say it where process 0, which keeps the meeting place, is gone.
    expected = "another process of this run has stopped" + "|another task died" * (victim == 0)
    assert re.search(expected, said), said
    assert checkpoint.newest(tmp_path / "run") is not None


@pytest.mark.integration
@pytest.mark.slow
def test_sigterm_stops_all_processes_after_the_same_step(tmp_path: Path) -> None:
    """One is asked to stop: both save at that step and end by the signal."""
    workers = together(2, task="endless", devices=1, run="run", out=tmp_path)
    deadline = time.monotonic() + LIMIT
    while not checkpoint.steps(tmp_path / "run"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(workers[1].pid, signal.SIGTERM)
    said = finish(*workers)
    assert [one.returncode for one in workers] == [143, 143], said
    stopped = {re.search(r"stopped at step (\d+)", text)[1] for text in said}  # type: ignore[index]
    assert stopped == {str(checkpoint.step_of(checkpoint.steps(tmp_path / "run")[-1]))}


def test_one_compilation_a_step_function_and_phase(
    tiny_recipe: Recipe, worker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs, the last batch, validation and resuming compile nothing anew."""
    compiled, jit = [], jax.jit

    def remember(function: Any, **options: Any) -> Any:
        compiled.append((function.__name__, jit(function, **options)))
        return compiled[-1][1]

    with monkeypatch.context() as patch:
        patch.setattr(mesh.jax, "jit", remember)
        recipe = worker.small(tiny_recipe)
        worker.trained(recipe, worker.small_data(), tmp_path / "run", 1)
    steps = [function for name, function in compiled if name == "_step"]
    assert [step._cache_size() for step in steps] == [1, 1]
    assert [f._cache_size() for name, f in compiled if name == "predict"] == [1, 1]


@pytest.mark.parametrize(
    ("count", "batch", "parts", "message"),
    [
        (3, 128, 1, "cannot be shared equally by 3 devices"),
        (4, 24, 4, "in 4 parts, cannot be shared equally by 4 devices"),
        (9, 90, 1, "9 devices are asked for, and there are 8"),
    ],
)
def test_devices_that_do_not_fit_are_refused(
    count: int, batch: int, parts: int, message: str
) -> None:
    """The error names the batch and the devices, and both ways out."""
    with pytest.raises(UsageError, match=message) as caught:
        mesh.check(count, batch, parts, processes=1, there=8)
    assert caught.value.where == "--devices"
    assert "--devices" in str(caught.value.hint)
    if count < 9:
        assert "--set training.batch_size=" in str(caught.value.hint)


def test_what_is_hinted_at_works() -> None:
    """Both ways out of a batch that cannot be shared are ways out."""
    for count, batch, parts, there in ((8, 100, 1, 8), (8, 100, 2, 8), (3, 2, 1, 3), (2, 7, 1, 2)):
        with pytest.raises(UsageError) as caught:
            mesh.check(count, batch, parts, processes=1, there=there)
        words = str(caught.value.hint)
        size = re.search(r"batch_size=(\d+)", words)
        assert size is not None
        mesh.check(count, int(size[1]), parts, processes=1, there=there)
        fewer = re.search(r"--devices (\d+)", words)
        if fewer:
            mesh.check(int(fewer[1]), batch, parts, processes=1, there=there)
