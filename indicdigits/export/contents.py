"""What goes into a bundle besides the graph: recipe, figures, licence, card, golden vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.source import Split, load_data
from indicdigits.errors import CheckpointError, UsageError
from indicdigits.evaluation.about import describe
from indicdigits.evaluation.calibrate import read_acceptance
from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.measure import evaluate
from indicdigits.evaluation.subject import weights_of
from indicdigits.export.golden import golden
from indicdigits.export.verify import Pixels, Predict
from indicdigits.imaging.normalise import SPEC
from indicdigits.models import surgery
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe, strict
from indicdigits.recipe.heads import heads_of
from indicdigits.registry import DATASETS
from indicdigits.registry.shipped import MANIFEST, shipped_weights
from indicdigits.runtime.acceptance import Acceptance
from indicdigits.runtime.bundle import Bundle, ClassLabel
from indicdigits.runtime.parity import Parity
from indicdigits.training.prediction import make_predict, predict_all
from indicdigits.training.weights import LoadedModel, load_model

BATCH = 512  # pictures that the network answers at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A trained network and everything that a bundle says about it.

    Attributes:
        model: In evaluation mode.
        recipe: What it was trained by.
        root: The folder that the recipe's relative paths start from.
        metrics: What its report says, measured now when there is no report of these weights.
        test: The test split.
        held_out: The validation part, or what was trained on where there is none.
        acceptance: What `indicdigits calibrate` has found, if it has.
        folder: Where files go when nobody says.
    """

    model: nnx.Module
    recipe: Recipe
    root: Path
    metrics: dict[str, Any]
    test: Split
    held_out: Split
    acceptance: Acceptance = field(default_factory=Acceptance)
    folder: Path

    def predict(self, images: Pixels) -> npt.NDArray[np.float32]:
        """The network: uint8 (N,S,S) -> probabilities float32 (N,C)."""
        # Never less than a whole batch, so that there is one shape to compile and not two.
        padding = np.zeros((max(0, BATCH - len(images)), *images.shape[1:]), np.uint8)
        found = self._answer(np.concatenate([images, padding]))
        return found[: len(images)]

    @cached_property
    def _answer(self) -> Predict:
        graph, weights = surgery.split(self.model)
        step = make_predict(graph)
        return lambda images: predict_all(step, weights, images, BATCH)

    def bundle(self, graph: bytes, parity: Parity) -> Bundle:
        """Puts the bundle together around a graph that passed the gate."""
        recipe = self.recipe
        vectors = golden(self.test.images, self.test.labels, self.predict)
        return Bundle(
            name=recipe.name,
            script=recipe.script,
            classes=tuple(ClassLabel(text=c.text, value=c.value) for c in recipe.labels),
            input_size=recipe.data.input_size,
            normalisation=SPEC,
            graph=graph,
            card=card_markdown(recipe, self.metrics),
            golden_npz=vectors.to_bytes(),
            parity=parity,
            metrics=_figures(self.metrics),
            licence=licence(recipe),
            recipe={"digest": recipe.digest(), "resolved": strict.plain(recipe)},
            created_by=f"indicdigits {indicdigits.__version__}",
            acceptance=self.acceptance,
        )


def gather(what: str | Path, reporter: Reporter) -> Contents:
    """Collects what a run left behind, and its test split.

    Args:
        what: A run folder, a checkpoint folder, or the name of a backbone that ships.
        reporter: Where progress goes.

    Raises:
        UsageError: That is no run folder, or its network is no reader.
        CheckpointError: There are no weights, or they or the run's files are damaged, or its
            calibration is another run's.
        DataError: The test pictures cannot be had.
    """
    run = shipped_weights().get(str(what), Path(what))
    about = _read_json(run / "run.json")
    if about is None and not (run / MANIFEST).is_file():
        raise UsageError(
            "no run is here", where=run, allowed="a run folder, such as those under runs/"
        )
    loaded = load_model(run)
    if heads_of(loaded.recipe):
        raise UsageError(
            "this network has a head for each script, and does not say which script a picture is "
            "of: it is a start for fine-tuning, and no reader",
            where=run,
            allowed="a run with one softmax over all classes",
            hint=f"indicdigits finetune --script devanagari --from {run}, then export that run",
        )
    if loaded.info.get("kind") != "weights":
        raise UsageError(
            f"the run is not finished: it stands at step {loaded.info.get('step')}",
            where=run,
            allowed="a finished run",
            hint=f"indicdigits {loaded.recipe.task} --resume {run}",
        )
    acceptance = read_acceptance(run, about or {})
    root = Path((about or {}).get("root", run))
    data = load_data(loaded.recipe, root, reporter)
    return Contents(
        model=loaded.model,
        recipe=loaded.recipe,
        root=root,
        metrics=_metrics(run, loaded, acceptance, reporter),
        test=data.test,
        held_out=data.validation if len(data.validation) else data.train,
        acceptance=acceptance,
        folder=Path() if about is None else run,
    )


def _metrics(
    run: Path, loaded: LoadedModel, acceptance: Acceptance, reporter: Reporter
) -> dict[str, Any]:
    """The run's report, when it is about these weights and thresholds; else measured now."""
    expected = describe(loaded.recipe, weights_of(loaded.info)) | {
        "part": "test",
        "of_recipe": True,
    }
    keys = ("schema", "recipe_digest", "weights", "part", "of_recipe")
    metrics = _read_json(run / "report" / "metrics.json") or {}
    judged = metrics.get("calibration") or {}, metrics.get("reject") or {}
    same = (acceptance.temperature, acceptance.threshold)
    if all(metrics.get(key) == expected[key] for key in keys) and same == (
        judged[0].get("temperature"),
        judged[1].get("threshold"),
    ):
        return metrics
    return evaluate(run, reporter).metrics


def licence(recipe: Recipe) -> str:
    """The licence of the data a network was trained on, and what its weights started from."""
    parts = [recipe.licence] if recipe.licence else []
    if not parts:
        names = dict.fromkeys(s.dataset for s in recipe.data.sources if s.weight)
        parts = [f"{name}: {DATASETS.get(name.partition('/')[0]).licence}" for name in names]
    if recipe.start.weights != "scratch":
        parts.append(f"weights started from {recipe.start.weights}{_start_licence(recipe)}")
    return "; ".join(parts)


def _start_licence(recipe: Recipe) -> str:
    """The licence of what a shipped backbone was trained on, in brackets; nothing of another."""
    start = recipes.shipped().get(f"pretrain/{recipe.start.weights}")
    return f" ({licence(recipes.load(start))})" if start else ""


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """The report's figures, without its list of single pictures."""
    figures = {key: value for key, value in metrics.items() if key != "mistakes"}
    return figures | {"part": "test", "seeds": [metrics["seed"]]}


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot be read: {error}", where=path) from error
    return data if isinstance(data, dict) else None
