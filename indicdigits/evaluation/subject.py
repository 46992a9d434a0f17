"""What is measured: a run, asked through JAX, or a bundle, asked through ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits import recipe as recipes
from indicdigits.data.parts import Split
from indicdigits.errors import UsageError, did_you_mean
from indicdigits.evaluation.bench import usable_cores
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe
from indicdigits.registry.shipped import shipped_weights
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import shipped
from indicdigits.runtime.acceptance import Acceptance
from indicdigits.runtime.reader import Reader

ALLOWED = "a run folder, a bundle file, or a name that ships, such as devanagari or mnist-cnn"
_WEIGHTS = ("recipe.toml", "manifest.json")  # of a run folder, and of a checkpoint folder
_BATCH = 512  # pictures that ONNX Runtime is asked about at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A trained network that can be asked about pictures, however it is stored.

    Attributes:
        name: What to call it.
        source: The checkpoint folder or bundle file.
        recipe: What it was trained by.
        root: The folder that the recipe's relative paths start from.
        weights: Which weights these are, in words.
        finished: Whether they are a run's final ones.
        answers: A part of the data -> probabilities float32 (N, C), uncalibrated.
        acceptance: Its temperature, and when it stands by an answer.
        training: What is known of how it was trained: `seconds`, `machine`, `version`, `contact`.
        history: A record for every epoch of its training; empty where none is known.
        about: Further facts for the page, such as `versions`.
        network: What can be asked why: the `LoadedModel` of a run, the `Reader` of a bundle.
    """

    name: str
    source: Path
    recipe: Recipe
    root: Path
    weights: str
    finished: bool = True
    answers: Callable[[Split], NDArray[np.float32]] = field(repr=False)
    acceptance: Acceptance = field(default_factory=Acceptance)
    training: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    network: Any = None

    def size(self) -> dict[str, int]:
        """`parameters` and `multiply_adds` of a network that is here as a module, else nothing."""
        if isinstance(self.network, Reader):
            return {}
        from indicdigits.models import surgery
        from indicdigits.models.cost import multiply_adds

        model = self.network.model
        _, weights = surgery.split(model)
        return {
            "parameters": sum(int(array.size) for array in weights.params.values()),
            "multiply_adds": multiply_adds(model, self.recipe.data.input_size),
        }


def open_subject(what: str | Path, reporter: Reporter) -> Subject:
    """Finds what is to be measured.

    Args:
        what: A run or checkpoint folder, a bundle file, or the name of a reader or a backbone that
            ships.
        reporter: Where is said what should be known of it.

    Raises:
        UsageError: Nothing of that name.
        CheckpointError: The weights are missing or damaged.
        VerificationError: The bundle is damaged, or made by a newer version.
    """
    path = Path(what)
    backbones = shipped_weights()
    if str(what) in backbones or any((path / name).is_file() for name in _WEIGHTS):
        return _trained(str(what), reporter)
    if path.is_dir():
        raise UsageError("no run is here", where=path, allowed=ALLOWED)
    try:
        file = shipped.find(str(what))
    except UsageError as error:
        hint = did_you_mean(str(what), backbones) or error.hint
        raise UsageError(error.message, allowed=ALLOWED, hint=hint) from error
    if not file.is_file():
        raise UsageError("no run and no bundle is here", where=file, allowed=ALLOWED)
    return _bundle(file)


def _trained(name: str, reporter: Reporter) -> Subject:
    # Here, not above: a bundle needs no JAX.
    from indicdigits.evaluation.calibrate import read_acceptance
    from indicdigits.training.device import keep_compilations
    from indicdigits.training.history import read_history
    from indicdigits.training.weights import answerer, find_weights, load_model

    keep_compilations()
    loaded, source = load_model(name), find_weights(name).resolve()
    run = next(
        (at for at in (Path(name), source.parent.parent) if (at / _WEIGHTS[0]).is_file()), source
    )
    about, finished = read_about(run), loaded.info.get("kind") == "weights"
    if not finished:
        reporter.say(
            f"{name} is not finished: these are its averaged weights at step "
            f"{loaded.info.get('step')}; --resume {run} finishes it"
        )
    known = about | loaded.info
    return Subject(
        name=loaded.recipe.name,
        source=source,
        recipe=loaded.recipe,
        root=Path(about.get("root", run)),
        weights=weights_of(loaded.info),
        finished=finished,
        answers=answerer(loaded),
        acceptance=read_acceptance(run, about) if finished else Acceptance(),
        training=known,
        history=read_history(run),
        about=known,
        network=loaded,
    )


def _bundle(path: Path) -> Subject:
    import tomli_w

    bundle = bundles.read(path)
    reader = Reader(bundle, threads=usable_cores(), where=path)
    recipe = recipes.loads(tomli_w.dumps(dict(bundle.recipe["resolved"])), source=str(path))

    def answers(split: Split) -> NDArray[np.float32]:
        starts = range(0, len(split), _BATCH)
        batches = [reader.uncalibrated(split.images[start : start + _BATCH]) for start in starts]
        return np.concatenate([np.zeros((0, len(bundle.classes)), np.float32), *batches])

    return Subject(
        name=bundle.name,
        source=path.resolve(),
        recipe=recipe,
        root=Path.cwd(),
        weights=f"those of a bundle, graph SHA-256 {bundle.parity.graph_sha256[:12]}",
        answers=answers,
        acceptance=bundle.acceptance,
        training=bundle.metrics.get("training") or {},
        network=reader,
    )


def weights_of(info: Mapping[str, Any]) -> str:
    """Which weights a checkpoint holds, in words.

    Args:
        info: Its manifest.
    """
    final = info.get("kind") == "weights"
    return "averaged, final" if final else f"averaged, step {info.get('step')}"


def read_about(run: Path) -> dict[str, Any]:
    """What run.json says of a run; nothing where it is missing or cut off."""
    try:
        return dict(json.loads((run / "run.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
