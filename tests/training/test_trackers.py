"""Trackers follow metrics.jsonl: every epoch once, whatever happens to them or to the run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from indicdigits.cli.app import main
from indicdigits.data.source import Data
from indicdigits.models import create
from indicdigits.progress import Reporter
from indicdigits.recipe import Augment, Model, Recipe
from indicdigits.registry import TRACKERS
from indicdigits.training import checkpoint, history, trackers
from indicdigits.training.loop import Runtime, fit
from indicdigits.training.trackers import Trackers, figures


class Listener:
    """A tracker that remembers what it is told, and fails while it is told to."""

    heard: list[tuple[int, Mapping[str, float]]] = []  # noqa: RUF012 - of all that are opened
    known: list[str | None] = []  # noqa: RUF012
    fails = False

    def __init__(self, run: Path, about: Mapping[str, str], known: str | None) -> None:
        self.id: str | None = known or f"{run.name}-at-the-listener"
        self.known.append(known)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if type(self).fails:
            raise ConnectionError("no listener at the other end\nand more")
        self.heard.append((step, figures))

    def close(self) -> None:
        if type(self).fails:
            raise ConnectionError("no listener to close")


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> type[Listener]:
    """The tracker "mlflow" is a listener."""
    Listener.heard, Listener.known, Listener.fails = [], [], False
    monkeypatch.setattr(trackers, "MLflow", Listener)
    return Listener


def with_history(run: Path, epochs: int) -> Path:
    """A run folder with so many epochs of five steps; it is made, or what is there is replaced."""
    run.mkdir(exist_ok=True)
    records = [
        {"phase": "probe", "epoch": e, "step": 5 * e, "train_loss": 1 / e, "seconds": 2}
        for e in range(1, epochs + 1)
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (run / history.HISTORY).write_text(text, encoding="utf-8")
    return run


def train(recipe: Recipe, data: Data, run: Path, *names: str) -> list[dict[str, Any]]:
    """Trains two epochs, resuming where the folder stands, and returns the history."""
    run.mkdir(parents=True, exist_ok=True)
    recipe = dataclasses.replace(
        recipe, model=Model(backbone="linear"), augment=Augment(copies=1), phases=recipe.phases[:1]
    )
    reporter = Reporter(quiet=True)
    following = Trackers(names, reporter)
    fit(
        recipe,
        data,
        create(recipe, seed=0),
        Runtime(run=run, reporter=reporter, save_every=0, trackers=following),
    )
    following.close()
    return history.read_history(run)


def scalars(folder: Path) -> Iterator[tuple[int, str, float]]:
    """Step, name and value of all scalars in the event files (TFRecord) of a folder."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += size + 16
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    yield event.step, value.tag, value.simple_value


def test_tensorboard_has_every_epoch_once(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path
) -> None:
    """What metrics.jsonl says is in the event files, once, also after epochs were done again."""
    run = tmp_path / "run"
    train(tiny_recipe, bars_data, run, "tensorboard")
    newest = checkpoint.newest(run)
    assert newest is not None
    shutil.rmtree(newest)  # as if the run had been killed before its last checkpoint
    records = train(tiny_recipe, bars_data, run, "tensorboard")
    found = list(scalars(run / "tensorboard"))
    assert set(Counter((step, name) for step, name, _ in found).values()) == {1}
    losses = {step: value for step, name, value in found if name == "validation_loss"}
    assert losses == pytest.approx({r["step"]: r["validation_loss"] for r in records})
    assert {name for _, name, _ in found} == set(figures(records[0]))


def test_a_tracker_that_fails(
    tiny_recipe: Recipe, bars_data: Data, tmp_path: Path, listener: type[Listener]
) -> None:
    """Training goes on without it, it is said once, and later it is told what it has missed."""
    listener.fails = True
    records = train(tiny_recipe, bars_data, tmp_path / "run", "mlflow")
    assert len(records) == 2
    assert listener.heard == []
    listener.fails = False
    later = Trackers(("mlflow",), Reporter(quiet=True))
    later.follow(tmp_path / "run")
    assert [step for step, _ in listener.heard] == [record["step"] for record in records]
    assert listener.known == [None, "run-at-the-listener"]


def test_what_a_failing_tracker_says(
    tmp_path: Path, listener: type[Listener], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, however many epochs it misses."""
    listener.fails = True
    following = Trackers(("mlflow",), Reporter())
    for epochs in (1, 2, 3):
        following.follow(with_history(tmp_path / "run", epochs))
    following.close()
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "mlflow was not told: no listener at the other end; training goes on, "
        "metrics.jsonl has every epoch"
    ]


def test_each_epoch_once_over_resumes(tmp_path: Path, listener: type[Listener]) -> None:
    """A tracker asked for later is told everything; epochs that are done again are not."""
    run = with_history(tmp_path / "run", 3)
    first = Trackers(("mlflow",), Reporter(quiet=True))
    first.follow(run)
    with_history(run, 4)
    first.follow(run)
    first.close()
    with_history(run, 2)  # the run was killed, and goes on from its second epoch
    again = Trackers(("mlflow",), Reporter(quiet=True))
    for epochs in (2, 3, 4, 5):
        again.follow(with_history(run, epochs))
    assert [step for step, _ in listener.heard] == [5, 10, 15, 20, 25]
    assert listener.heard[0][1] == {"epoch": 1, "train_loss": 1, "seconds": 2}
    assert listener.known == [None, "run-at-the-listener"]


def test_mlflow_is_called_as_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is created once under the experiment, and each epoch's figures are one batch."""
    calls: list[tuple[Any, ...]] = []

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            calls.append(("at", tracking_uri))

        def get_experiment_by_name(self, name: str) -> None:
            return None

        def create_experiment(self, name: str) -> str:
            return f"experiment {name}"

        def create_run(self, experiment: str, run_name: str) -> Any:
            calls.append(("create", experiment, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id="7"))

        def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
            calls.append(("log", run, [m[0] for m in metrics], [m[3] for m in metrics]))

        def set_terminated(self, run: str) -> None:
            calls.append(("end", run))

    entities = ModuleType("mlflow.entities")
    entities.Metric = entities.Param = lambda *of: of  # type: ignore[attr-defined]
    tracking = ModuleType("mlflow.tracking")
    tracking.MlflowClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for epochs in (1, 2):
        following = Trackers(("mlflow",), Reporter(quiet=True))
        following.follow(with_history(tmp_path / "run", epochs))
        following.close()
    names = ["epoch", "train_loss", "seconds"]
    at = ("at", (tmp_path / "run" / "mlruns").as_uri())
    assert calls == [
        at,
        ("create", "experiment indicdigits", "run"),
        ("log", "7", [], []),
        ("log", "7", names, [5] * 3),
        ("end", "7"),
        at,
        ("log", "7", names, [10] * 3),
        ("end", "7"),
    ]


def test_wandb_stays_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves the machine unless WANDB_MODE says so, and a resumed run is the same one."""
    made: list[dict[str, Any]] = []
    told: list[int] = []

    def init(**options: Any) -> Any:
        made.append(options)
        return SimpleNamespace(
            id="abc", log=lambda figures, step: told.append(step), finish=lambda: None
        )

    wandb = ModuleType("wandb")
    wandb.init, wandb.Settings = init, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    for epochs in (1, 2):
        following = Trackers(("wandb",), Reporter(quiet=True))
        following.follow(with_history(tmp_path / "run", epochs))
        following.close()
    assert [one["mode"] for one in made] == ["offline", "offline"]
    assert [one["id"] for one in made] == [None, "abc"]
    assert told == [5, 10]


@pytest.mark.parametrize("name", list(TRACKERS))
def test_a_missing_extra_is_named(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a tracker needs is asked for before anything is trained or written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda library: None)
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", "mnist", "--log", name])
    assert stopped.value.code == 2
    assert f"pip install 'indicdigits[{name}]'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_an_unknown_tracker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt name is told the nearest, before anything is trained."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", "mnist", "--log", "tensorbord"])
    assert stopped.value.code == 3
    assert "did you mean 'tensorboard'?" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
