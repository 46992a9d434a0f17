"""Training a sequence reader: composed lines, the CTC loss, a run that can be gone on with.

As in `loop`, batches are functions of seed and step, so a checkpoint of the state is all that an
interrupted run needs.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

import indicdigits
from indicdigits import recipe as recipes
from indicdigits.data.lines import Batch, Hand, LineBatches, symbols_of
from indicdigits.data.storage import RUN_HINT, storage_errors, write_whole
from indicdigits.errors import CheckpointError, Interrupted, RecipeError, TrainingError, UsageError
from indicdigits.imaging.strip import ROWS
from indicdigits.models import freeze, surgery
from indicdigits.models.sequence import BLANK, SequenceNet, create_sequence
from indicdigits.recipe import Phase, Recipe, Rule, strict
from indicdigits.training import checkpoint, history, optim
from indicdigits.training.lock import locked
from indicdigits.training.loop import Runtime, stop_signals
from indicdigits.training.weights import FINAL, LoadedWeights, load_weights

ABOUT = "lines.json"  # by which the run of a sequence reader is known
BACKBONE = "lines"  # what its checkpoints say they hold
_AVERAGE = 0.995  # of the moving average of the weights
_RECORD_EVERY = 100  # steps
_AHEAD = 12  # batches composed ahead of the step


@dataclass(frozen=True, kw_only=True)
class LineSettings:
    """How a sequence reader is trained.

    Attributes:
        start: The weights to start from: a shipped backbone, a run, or another sequence reader.
        steps: Batches.
        batch_size: Lines of a batch.
        learning_rate: The peak; warm-up, then a cosine.
        frozen: Stages whose weights stay as they are.
        seed: Of the fresh weights and of the lines.
    """

    start: str = "indic-cnn"
    steps: int = 2400
    batch_size: int = 32
    learning_rate: float = 2e-3
    frozen: tuple[str, ...] = ("stem", "stage1")
    seed: int = 0

    def phase(self) -> Phase:
        """The same as a phase of a recipe, for rules and schedule."""
        rules = [Rule(prefix=name, frozen=True) for name in self.frozen]
        return Phase(
            name="lines",
            epochs=1,
            optimizer="adamw",
            learning_rate=self.learning_rate,
            schedule="cosine",
            warmup_fraction=0.05,
            weight_decay=1e-3,
            rules=(*rules, Rule(prefix="")),
        )


class State(NamedTuple):
    """All that changes; every leaf is saved.

    Attributes:
        step: Steps done, int32.
        trained: Parameters that are trained, by path.
        frozen: The others.
        stats: Batch statistics.
        optimizer: Optax's state.
        average: Moving averages of `trained`, and of the statistics that change.
        loss: Sum of the losses since the last record.
    """

    step: jax.Array
    trained: surgery.Arrays
    frozen: surgery.Arrays
    stats: surgery.Arrays
    optimizer: optax.OptState
    average: dict[str, surgery.Arrays]
    loss: jax.Array


def train(
    recipe: Recipe, root: Path, hands: Sequence[Hand], settings: LineSettings, runtime: Runtime
) -> surgery.Weights:
    """Trains a sequence reader, or goes on where the run folder stands.

    Args:
        recipe: Of the reader of single digits whose symbols it shall read.
        root: The recipe's folder.
        hands: Of its training part.
        settings: How.
        runtime: The run folder, and where progress goes.

    Returns:
        The final weights, the moving averages, which lie in the run folder too.

    Raises:
        RecipeError: The run was begun with another recipe or other settings.
        CheckpointError: The start is no backbone of this kind.
        TrainingError: The loss became NaN or infinite.
        Interrupted: SIGINT or SIGTERM came; the state has been saved.
    """
    with locked(runtime.run):
        trainer = _Trainer(recipe, root, hands, settings, runtime)  # a wrong start leaves no run
        _open_run(recipe, root, settings, runtime.run)
        found = checkpoint.resume_point(runtime.run, runtime.reporter.say)
        if found:
            trainer.restore(found)
        started = time.monotonic()
        weights = trainer.run()
        before = sum(record["seconds"] for record in history.read_history(runtime.run))
        checkpoint.save(
            runtime.run / "checkpoints" / FINAL,
            {"params": weights.params, "stats": weights.stats},
            {
                "kind": "weights",
                "backbone": BACKBONE,
                "symbols": [list(symbol) for symbol in symbols_of(recipe)],
                "recipe_digest": recipe.digest(),
                "recipe": recipes.resolved_toml(recipe),
                "version": indicdigits.__version__,
                "settings": asdict(settings),
                "hands": {hand.dataset: len(hand.pool) for hand in hands},
                "datasets": [*trainer.learnt_from],
                "seconds": round(max(before, time.monotonic() - started), 1),
            },
        )
        return weights


def read_run(run: Path) -> tuple[Recipe, Path, LineSettings]:
    """The recipe of a run, the folder of its paths, and its settings.

    Raises:
        UsageError: No such run is there.
    """
    path = run / ABOUT
    if not path.is_file():
        raise UsageError(
            "holds no run of a sequence reader",
            where=run,
            hint="indicdigits lines --script devanagari begins one",
        )
    about = json.loads(path.read_text(encoding="utf-8"))
    settings = strict.build(LineSettings, about["settings"], source=str(path))
    recipe = recipes.load(run / "recipe.toml", resolved=True)
    return recipe, Path(about["root"]), settings


def network(recipe: Recipe, weights: LoadedWeights) -> SequenceNet:
    """The trained network of a checkpoint, in evaluation mode.

    Raises:
        CheckpointError: It holds another kind of network.
    """
    if weights.info.get("backbone") != BACKBONE:
        raise CheckpointError(
            f"holds a {weights.info.get('backbone')!r}", allowed="a sequence reader"
        )
    model = create_sequence(len(symbols_of(recipe)), ROWS, seed=0)
    _, fresh = surgery.split(model)
    filled = surgery.transfer(fresh, weights.weights, head="keep", where="checkpoint")
    surgery.assign(model, filled)
    freeze.set_modes(model, None)
    return model


def _open_run(recipe: Recipe, root: Path, settings: LineSettings, run: Path) -> None:
    with storage_errors(run, RUN_HINT):
        run.mkdir(parents=True, exist_ok=True)
    if (run / ABOUT).is_file():
        theirs, _, before = read_run(run)
        if theirs.digest() != recipe.digest() or before != settings:
            raise RecipeError(
                "is not what the run began with", where=run, hint="start a new run without --resume"
            )
        return
    write_whole(run / "recipe.toml", recipes.resolved_toml(recipe))
    about = {"root": str(root.resolve()), "settings": asdict(settings)}
    write_whole(run / ABOUT, json.dumps(about, indent=1))


class _Trainer:
    """State and step of one run."""

    def __init__(
        self,
        recipe: Recipe,
        root: Path,
        hands: Sequence[Hand],
        settings: LineSettings,
        runtime: Runtime,
    ) -> None:
        self.settings, self.runtime = settings, runtime
        self.batches = LineBatches(hands, size=settings.batch_size, seed=settings.seed)
        symbols = symbols_of(recipe)
        model = create_sequence(len(symbols), ROWS, seed=settings.seed)
        loaded = load_weights(settings.start, root=root)
        # All data sets that the weights have seen, back to the first backbone.
        own = (hand.dataset for hand in hands)
        self.learnt_from = dict.fromkeys([*own, *_datasets(loaded.info)])
        _, fresh = surgery.split(model)
        weights = _started(fresh, loaded, symbols)
        surgery.assign(model, weights)
        phase = settings.phase()
        freeze.set_modes(model, phase)
        self.graph, weights = surgery.split(model)
        paths = freeze.trained_paths(weights.params, phase)
        trained = {p: a for p, a in weights.params.items() if p in paths}
        self.optimizer = optim.optimizer(phase, settings.steps, trained, clip_norm=1.0)
        moving = {p for p in weights.stats if not freeze.rule_for(p, phase.rules).frozen}
        average = {
            "params": trained,
            "stats": {p: array for p, array in weights.stats.items() if p in moving},
        }
        self.state = State(
            step=jnp.int32(0),
            trained=trained,
            frozen={p: a for p, a in weights.params.items() if p not in paths},
            stats=weights.stats,
            optimizer=self.optimizer.init(trained),
            average=jax.tree.map(jnp.array, average),
            loss=jnp.float32(0),
        )
        self.step = jax.jit(self._stepped)

    def restore(self, folder: Path) -> None:
        arrays, _ = checkpoint.load(folder)
        self.state = checkpoint.unflatten(self.state, arrays, where=folder)
        history.rewind(self.runtime.run, int(self.state.step))

    def run(self) -> surgery.Weights:
        """Goes on to the last step."""
        step, steps = int(self.state.step), self.settings.steps
        saved = began = time.monotonic()
        with stop_signals() as stop, self.runtime.reporter.track("lines", steps) as task:
            task.advance(step)
            for batch in _ahead(self.batches, step, steps):
                self.state = self.step(self.state, batch.strips, batch.labels)
                step += 1
                note = ""
                if step % _RECORD_EVERY == 0 or step == steps:
                    note = self._record(step, time.monotonic() - began)
                    began = time.monotonic()
                task.advance(1, note)
                number = stop()
                due = note and time.monotonic() - saved >= self.runtime.save_every
                if due or step == steps or number is not None:
                    self._save(step)
                    saved = time.monotonic()
                if number is not None:
                    raise Interrupted(
                        f"stopped at step {step}; everything is saved in {self.runtime.run}",
                        signal_number=number,
                        hint=self.runtime.resume_command,
                    )
        average = self.state.average
        return surgery.Weights(
            params=self.state.frozen | average["params"],
            stats=self.state.stats | average["stats"],
        )

    def _record(self, step: int, seconds: float) -> str:
        loss = float(self.state.loss) / ((step - 1) % _RECORD_EVERY + 1)
        if not np.isfinite(loss):
            raise TrainingError(
                f"the loss is not finite before step {step}",
                where=self.runtime.run,
                hint=f"lower the learning rate: --rate {self.settings.learning_rate / 3:.2g}",
            )
        self.state = self.state._replace(loss=jnp.float32(0))
        record = {"step": step, "train_loss": loss, "seconds": round(seconds, 3)}
        hint = f"free some space, then {self.runtime.resume_command}"
        history.append(self.runtime.run, record, hint=hint)
        return f"loss {loss:.4f}"

    def _save(self, step: int) -> None:
        info = {"kind": "training", "step": step, "backbone": BACKBONE}
        checkpoint.save(checkpoint.step_folder(self.runtime.run, step), self.state, info)
        checkpoint.prune(self.runtime.run)

    def _stepped(self, state: State, strips: jax.Array, labels: jax.Array) -> State:
        def loss(trained: surgery.Arrays) -> tuple[jax.Array, surgery.Arrays]:
            model = surgery.merge(self.graph, trained | state.frozen, state.stats)
            logits = model(strips[..., None].astype(jnp.float32) / 255)
            # What is behind a line's end is paper, and to be read as such.
            no_padding = jnp.zeros(logits.shape[:2])
            padding = (labels == 0).astype(jnp.float32)
            each = optax.ctc_loss(logits, no_padding, labels, padding, blank_id=BLANK)
            return each.mean(), surgery.stats_of(model)

        (value, stats), gradient = jax.value_and_grad(loss, has_aux=True)(state.trained)
        updates, optimizer = self.optimizer.update(gradient, state.optimizer, state.trained)
        trained = optax.apply_updates(state.trained, updates)
        # In the beginning an average over few steps, not one with the fresh weights in it.
        keep = jnp.minimum(_AVERAGE, (state.step + 1.0) / (state.step + 10.0))
        average = jax.tree.map(
            lambda old, new: keep * old + (1 - keep) * new,
            state.average,
            {"params": trained, "stats": {p: stats[p] for p in state.average["stats"]}},
        )
        return State(
            step=state.step + 1,
            trained=trained,
            frozen=state.frozen,
            stats=stats,
            optimizer=optimizer,
            average=average,
            loss=state.loss + value,
        )


def _datasets(info: dict[str, Any]) -> list[str]:
    """The data sets that weights have learnt from."""
    if "datasets" in info:
        return list(info["datasets"])
    recipe = recipes.loads(info["recipe"], source="the weights to start from")
    return [source.dataset for source in recipe.data.sources]


def _started(
    fresh: surgery.Weights, loaded: LoadedWeights, symbols: Sequence[tuple[str, str]]
) -> surgery.Weights:
    """Takes over the trunk of a backbone, or all but the head of a sequence reader.

    Raises:
        CheckpointError: It has no such trunk.
    """
    other = loaded.info.get("backbone")
    if other not in ("cnn", BACKBONE):
        raise CheckpointError(
            f"a sequence reader cannot start from a {other!r}",
            allowed="a `cnn` backbone, or another sequence reader",
            hint="--from indic-cnn",
        )
    same = [list(symbol) for symbol in symbols] == loaded.info.get("symbols")

    def taken(path: str) -> bool:
        stage = path.split("/")[0]
        return stage in SequenceNet.TRUNK if other == "cnn" else same or stage != "head"

    def filled(ours: surgery.Arrays, theirs: surgery.Arrays) -> surgery.Arrays:
        return {p: theirs[p] if taken(p) and p in theirs else a for p, a in ours.items()}

    return surgery.Weights(
        params=filled(fresh.params, loaded.weights.params),
        stats=filled(fresh.stats, loaded.weights.stats),
    )


def _ahead(batches: LineBatches, first: int, last: int) -> Iterator[Batch]:
    """The batches from one number to another, composed by a thread that runs a little ahead."""
    ready: queue.Queue[Batch | Exception] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(item: Batch | Exception) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False

    def compose() -> None:
        try:
            for number in range(first, last):
                if not put(batches.get(number)):
                    return
        except Exception as error:  # to be raised where it is waited for
            put(error)

    thread = threading.Thread(target=compose, daemon=True)
    thread.start()
    try:
        for _ in range(first, last):
            item = ready.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def predictor(model: SequenceNet) -> Any:
    """Strips uint8 (N,ROWS,W) -> probabilities float32 (N,W/2,1 + C); compiled once a width."""
    graph, weights = surgery.split(model)

    @jax.jit
    def answer(params: surgery.Arrays, stats: surgery.Arrays, strips: jax.Array) -> jax.Array:
        model = surgery.merge(graph, params, stats)
        return jax.nn.softmax(model(strips[..., None].astype(jnp.float32) / 255), axis=-1)

    def ask(strips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(answer(weights.params, weights.stats, strips))

    return ask
