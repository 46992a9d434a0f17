"""Sending a run's epochs to TensorBoard, MLflow or Weights & Biases, beside metrics.jsonl.

metrics.jsonl is the record; a tracker follows it. What each has been told stands in the run folder,
so that a resumed run tells nothing twice, and one that is asked for later, or was out of reach for
a while, is told what it has missed. What a tracker raises is said once and never stops a run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from indicdigits.data.storage import write_whole
from indicdigits.errors import UsageError
from indicdigits.progress import Reporter
from indicdigits.registry import TRACKERS
from indicdigits.training.history import read_history

TOLD = "trackers.json"
PROJECT = "indicdigits"


class Tracker(Protocol):
    """One run at one place.

    It is made with the run folder, what is known of the run, and the `id` that it had there
    before, or None.
    """

    id: str | None

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Sends the figures of an epoch, which ended after `step`."""

    def close(self) -> None:
        """Ends it; it may be opened again."""


class TensorBoard:
    """Event files under RUN/tensorboard; `tensorboard --logdir RUN` shows them."""

    def __init__(self, run: Path, about: Mapping[str, str], known: str | None) -> None:
        from tensorboardX import SummaryWriter

        self.id: str | None = "tensorboard"
        # Files are named by the second: one that is opened again within it would replace the last.
        before = len(list((run / self.id).glob("events.*")))
        self._writer = SummaryWriter(str(run / self.id), filename_suffix=f".{before}")
        if known is None:
            text = "\n".join(f"- {name}: {value}" for name, value in about.items())
            self._writer.add_text("run", text)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """As `Tracker` says."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()  # a killed run leaves nothing behind that it was told

    def close(self) -> None:
        """As `Tracker` says."""
        self._writer.close()


class MLflow:
    """A run of the experiment "indicdigits" on the server of MLFLOW_TRACKING_URI.

    Without that variable it is kept in files under RUN/mlruns.
    """

    def __init__(self, run: Path, about: Mapping[str, str], known: str | None) -> None:
        # MLflow asks for leave to keep runs in files, which it would rather have in a database.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        self._metric = Metric
        uri = os.environ.get("MLFLOW_TRACKING_URI") or (run / "mlruns").resolve().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        self.id: str | None = known
        if known is None:
            found = self._client.get_experiment_by_name(PROJECT)
            place = found.experiment_id if found else self._client.create_experiment(PROJECT)
            self.id = self._client.create_run(place, run_name=run.name).info.run_id
            params = [Param(name, value) for name, value in about.items()]
            self._client.log_batch(self.id, params=params)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """As `Tracker` says."""
        now = int(1000 * time.time())
        metrics = [self._metric(name, value, now, step) for name, value in figures.items()]
        self._client.log_batch(self.id, metrics=metrics)

    def close(self) -> None:
        """As `Tracker` says."""
        self._client.set_terminated(self.id)


class WandB:
    """A run of the project "indicdigits" of Weights & Biases.

    Offline, in files under RUN/wandb that `wandb sync` uploads, unless WANDB_MODE says "online":
    nothing leaves the machine unasked.
    """

    def __init__(self, run: Path, about: Mapping[str, str], known: str | None) -> None:
        import wandb

        self._run: Any = wandb.init(
            project=PROJECT,
            name=run.name,
            id=known,
            resume="allow",
            dir=str(run),
            mode=os.environ.get("WANDB_MODE", "offline"),
            config=dict(about),
            settings=wandb.Settings(silent=True),
        )
        self.id: str | None = self._run.id

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """As `Tracker` says."""
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        """As `Tracker` says."""
        self._run.finish()


def check(names: Sequence[str]) -> None:
    """Checks, before anything is trained, that these trackers are known and installed.

    Raises:
        RecipeError: One is not known.
        UsageError: What it needs is not installed; the extra is named.
    """
    for name in names:
        entry = TRACKERS.get(name, where="--log")
        if importlib.util.find_spec(entry.library) is None:
            raise UsageError(
                f"{name} needs {entry.library!r}, which is not installed",
                where="--log",
                hint=f"pip install 'indicdigits[{entry.extra}]'",
            )


@dataclass
class Trackers:
    """All trackers of a run as one that never fails.

    Attributes:
        names: Which; none by default.
        reporter: Where it is said that one has failed.
    """

    names: Sequence[str] = ()
    reporter: Reporter = field(default_factory=Reporter)
    _open: dict[str, Tracker] = field(default_factory=dict, init=False)
    _failed: set[str] = field(default_factory=set, init=False)

    def follow(self, run: Path) -> None:
        """Tells every tracker the epochs of metrics.jsonl that it has not been told."""
        for name in self.names:
            try:
                self._tell(name, run)
            except Exception as error:  # a dashboard is no reason to lose a training
                self._say(name, error)

    def close(self) -> None:
        """Ends all of them; the next run may be followed."""
        for name, tracker in self._open.items():
            try:
                tracker.close()
            except Exception as error:
                self._say(name, error)
        self._open.clear()
        self._failed.clear()

    def _tell(self, name: str, run: Path) -> None:
        told = _read(run)
        mine = told.get(name, {"id": None, "step": 0})
        if name not in self._open:
            factory = TRACKERS.get(name).build()
            self._open[name] = factory(run, _about(run), mine["id"])
            mine = mine | {"id": self._open[name].id}
        for record in read_history(run):
            if record["step"] <= mine["step"]:
                continue
            before, mine = mine, mine | {"step": record["step"]}
            # Noted first: a run that is killed in between tells an epoch too few, never twice.
            _write(run, told | {name: mine})
            try:
                self._open[name].log(record["step"], figures(record))
            except Exception:
                _write(run, told | {name: before})
                raise

    def _say(self, name: str, error: Exception) -> None:
        if name not in self._failed:
            self._failed.add(name)
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            self.reporter.say(
                f"{name} was not told: {reason}; training goes on, metrics.jsonl has every epoch"
            )


def figures(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's record, but its step."""
    return {
        name: float(value)
        for name, value in record.items()
        if name != "step" and isinstance(value, (int, float))
    }


def _about(run: Path) -> dict[str, str]:
    """What a tracker is told of a run once."""
    try:
        known = json.loads((run / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        known = {}
    return {"run": run.name} | {
        name: str(known[name]) for name in ("digest", "seed", "machine") if name in known
    }


def _read(run: Path) -> dict[str, dict[str, Any]]:
    """Of each tracker, its `id` and the last `step` that it was told."""
    try:
        return dict(json.loads((run / TOLD).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _write(run: Path, told: Mapping[str, Any]) -> None:
    write_whole(run / TOLD, json.dumps(told, indent=1) + "\n")
