"""One training step, as a pure jitted function."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from indicdigits.models import GENERATOR, surgery
from indicdigits.recipe import Recipe
from indicdigits.recipe.heads import heads_of
from indicdigits.training import watch
from indicdigits.training.heads import label_targets, within_head
from indicdigits.training.losses import distilled_loss, label_loss
from indicdigits.training.mesh import ONE_DEVICE, DataMesh


class State(NamedTuple):
    """All that changes during a phase; every leaf is saved, so that resuming is exact.

    Attributes:
        step: Steps done in the whole run, int32.
        trained: Parameters the phase trains, by path.
        frozen: Parameters it leaves alone, by path.
        stats: Batch statistics by path; those of frozen layers never change.
        optimizer: Optax's state, for `trained` only.
        average: Moving averages of `trained` and `stats`.
        tally: Sums since the epoch began, and the first step whose loss was not finite (or -1).
        watch: What validation has decided so far.
    """

    step: jax.Array
    trained: surgery.Arrays
    frozen: surgery.Arrays
    stats: surgery.Arrays
    optimizer: optax.OptState
    average: dict[str, surgery.Arrays]
    tally: dict[str, jax.Array]
    watch: dict[str, jax.Array]


def fresh_tally() -> dict[str, jax.Array]:
    """The sums at the start of an epoch."""
    zero = lambda: jnp.zeros((), jnp.float32)  # noqa: E731  (separate buffers: they are donated)
    return {
        "loss": zero(),
        "correct": zero(),
        "count": zero(),
        "bad_step": jnp.full((), -1, jnp.int32),
    }


def jitter(images: jax.Array, key: jax.Array, *, shift: int) -> jax.Array:
    """Shifts each picture by whole pixels, which leaves it as sharp as it was.

    Anything that resamples would blur pictures a second time after the augmentation, and digits
    that are read are not blurred at all.

    Args:
        images: (N, S, S).
        key: PRNG key.
        shift: Largest shift in pixels, in all four directions; what comes in is black.
    """
    count, size, _ = images.shape
    padded = jnp.pad(images, ((0, 0), (shift, shift), (shift, shift)))
    corners = jax.random.randint(key, (count, 2), 0, 2 * shift + 1)
    crop = lambda image, corner: jax.lax.dynamic_slice(image, corner, (size, size))  # noqa: E731
    return jax.vmap(crop)(padded, corners)


def mix(
    images: jax.Array, targets: jax.Array, key: jax.Array, *, concentration: float
) -> tuple[jax.Array, jax.Array]:
    """Mixes each picture and its target with another's of the batch (mixup, Zhang et al. 2018).

    Args:
        images: (N, …).
        targets: (N, C), probabilities.
        key: PRNG key.
        concentration: Of the Beta distribution that the share is drawn from, one for the batch.
    """
    share_key, order_key = jax.random.split(key)
    share = jax.random.beta(share_key, concentration, concentration)
    other = jax.random.permutation(order_key, len(images))
    blend = lambda x: share * x + (1 - share) * x[other]  # noqa: E731
    return blend(images), blend(targets)


def in_precision(params: surgery.Arrays, compute: str) -> surgery.Arrays:
    """Parameters to compute with: kernels in `compute`, everything else as it is."""
    if compute == "float32":
        return params
    return {p: a.astype(compute) if p.endswith("/kernel") else a for p, a in params.items()}


Ensemble = tuple[surgery.Weights, ...]
Step = Callable[[State, npt.ArrayLike, npt.ArrayLike], State]
Gradients = tuple[surgery.Arrays, surgery.Arrays, jax.Array, jax.Array]


@dataclass(frozen=True, kw_only=True)
class StepBuilder:
    """Builds the train step of a phase.

    Attributes:
        graph: The module's structure, with its modes set for the phase.
        optimizer: Of the phase.
        recipe: Seed, jitter, losses, decay of the average.
        first_step: The step at which the phase begins.
        start: Index of the first stage to run; what comes in is then the output of the one before.
        teachers: Structures of the networks to learn from, in evaluation mode.
        mesh: The devices that share each batch.
    """

    graph: surgery.Graph
    optimizer: optax.GradientTransformation
    recipe: Recipe
    first_step: int = 0
    start: int = 0
    teachers: tuple[surgery.Graph, ...] = ()
    mesh: DataMesh = ONE_DEVICE

    def begin(self, weights: surgery.Weights, trained: Collection[str] | None = None) -> State:
        """The state before the first step: a copy of the weights, on every device.

        Args:
            weights: To start from.
            trained: Paths of the parameters to train; None is all.
        """
        params = weights.params
        chosen = {p: a for p, a in params.items() if trained is None or p in trained}
        state = State(
            step=jnp.full((), self.first_step, jnp.int32),
            trained=chosen,
            frozen={p: a for p, a in params.items() if p not in chosen},
            stats=weights.stats,
            optimizer=self.optimizer.init(chosen),
            average={"params": chosen, "stats": weights.stats},
            tally=fresh_tally(),
            watch=watch.fresh(),
        )
        # Own buffers for every leaf: the step donates them.
        return self.mesh.replicate(jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state))

    def compile(self, ensemble: Ensemble = ()) -> Step:
        """Compiles the step.

        Args:
            ensemble: The weights of the teachers.

        Returns:
            A function (state, images (B, S, S) uint8 or features (B, …) float32, labels (B,) int32)
            -> state. The state given is replicated on the mesh and donated: it must not be used
            again. A process gives its own rows of the batch only.
        """
        mesh = self.mesh
        trees = mesh.replicate(tuple((dict(w.params), dict(w.stats)) for w in ensemble))
        compiled = mesh.jit(self._step, donate_argnums=0)
        # An argument, not a constant: what was compiled for one seed serves all.
        seed = np.uint32(self.recipe.seed)
        return lambda state, inputs, labels: compiled(
            state, mesh.shard(inputs), mesh.shard(labels), trees, seed
        )

    def _step(
        self,
        state: State,
        inputs: jax.Array,
        labels: jax.Array,
        ensemble: tuple[Any, ...],
        seed: jax.Array,
    ) -> State:
        # Randomness is a function of seed and step alone: resuming needs no generator state.
        key = jax.random.fold_in(jax.random.key(seed, impl=GENERATOR), state.step)
        jitter_key, dropout_key, mix_key = jax.random.split(key, 3)
        settings = self.recipe.training
        classes, heads = len(self.recipe.labels), heads_of(self.recipe)
        targets = label_targets(labels, classes, heads, settings.label_smoothing)
        if not self.start:
            inputs = pictures(inputs, jitter_key, shift=self.recipe.augment.jitter)
        if settings.mixup:
            inputs, targets = mix(inputs, targets, mix_key, concentration=settings.mixup)
        soft = None
        if self.teachers:
            soft = soft_targets(self.teachers, ensemble, inputs, self.recipe.distill.temperature)
        batch = self.mesh.spread((inputs, targets, labels, soft))
        gradients, stats, loss, correct = self._gradients(state, batch, dropout_key)
        updates, optimizer_state = self.optimizer.update(gradients, state.optimizer, state.trained)
        updates = jax.tree.map(lambda update: update * state.watch["scale"], updates)
        trained = optax.apply_updates(state.trained, updates)
        return state._replace(
            step=state.step + 1,
            trained=trained,
            stats=stats,
            optimizer=optimizer_state,
            average=self._averaged(state, {"params": trained, "stats": stats}),
            tally=_tallied(state, loss, correct, len(labels)),
        )

    def _gradients(self, state: State, batch: tuple[Any, ...], key: jax.Array) -> Gradients:
        """Gradients, batch statistics, mean loss and right answers of a batch, part by part."""
        parts = self.recipe.training.accumulate
        if parts == 1:
            return self._part(state.trained, state.frozen, state.stats, batch, key)
        split = jax.tree.map(lambda x: x.reshape(parts, len(x) // parts, *x.shape[1:]), batch)
        split = self.mesh.spread(split, axis=1)

        def add(carry: Gradients, part: tuple[Any, jax.Array]) -> tuple[Gradients, None]:
            sums, stats, loss, correct = carry
            batch, index = part
            one = self._part(
                state.trained, state.frozen, stats, batch, jax.random.fold_in(key, index)
            )
            sums = jax.tree.map(lambda a, b: a + b / parts, sums, one[0])
            return (sums, one[1], loss + one[2] / parts, correct + one[3]), None

        zeros = jax.tree.map(jnp.zeros_like, state.trained)
        start = (zeros, state.stats, jnp.zeros(()), jnp.zeros((), jnp.int32))
        carry, _ = jax.lax.scan(add, start, (split, jnp.arange(parts)))
        return carry

    def _part(
        self,
        trained: surgery.Arrays,
        frozen: surgery.Arrays,
        stats: surgery.Arrays,
        batch: tuple[Any, ...],
        key: jax.Array,
    ) -> Gradients:
        inputs, targets, labels, soft = batch
        settings, heads = self.recipe.training, heads_of(self.recipe)

        def loss_of(trained: surgery.Arrays) -> tuple[jax.Array, Any]:
            params = in_precision(trained | frozen, settings.compute)
            model = surgery.merge(self.graph, params, stats)
            rngs = nnx.Rngs(dropout=key)
            logits, penalty = model.outputs(inputs, targets, rngs, start=self.start)
            logits = within_head(logits, labels, heads)
            loss = label_loss(logits, targets, settings)
            if soft is not None:
                loss = distilled_loss(logits, loss, soft, self.recipe.distill)
            return loss + penalty, (logits, surgery.stats_of(model))

        gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (logits, stats)), gradients = gradient(trained)
        return gradients, stats, loss, jnp.sum(jnp.argmax(logits, -1) == labels)

    def _averaged(self, state: State, current: dict[str, Any]) -> dict[str, surgery.Arrays]:
        """The moving average, which starts as the plain weights and slows down to its decay."""
        done = state.step - self.first_step
        decay = jnp.minimum(self.recipe.training.average_decay, (1 + done) / (10 + done))
        return jax.tree.map(lambda a, c: c + decay * (a - c), state.average, current)


def pictures(images: jax.Array, key: jax.Array, *, shift: int) -> jax.Array:
    """Pictures (N, S, S) uint8 as a network's input (N, S, S, 1) float32, shifted at random."""
    scaled = images.astype(jnp.float32) / 255
    if shift:
        # Without the barrier XLA repeats the shifting in every window of the first convolution.
        scaled = jax.lax.optimization_barrier(jitter(scaled, key, shift=shift))
    return scaled[..., None]


def soft_targets(
    teachers: tuple[surgery.Graph, ...],
    ensemble: tuple[Any, ...],
    inputs: jax.Array,
    temperature: float,
) -> jax.Array:
    """The mean of the teachers' probabilities (N, C) at a temperature."""
    answers = [
        jax.nn.softmax(surgery.merge(graph, *weights)(inputs) / temperature)
        for graph, weights in zip(teachers, ensemble, strict=True)
    ]
    return jax.lax.stop_gradient(sum(answers[1:], answers[0]) / len(answers))


def _tallied(state: State, loss: jax.Array, correct: jax.Array, count: int) -> dict[str, jax.Array]:
    tally = state.tally
    newly_bad = (tally["bad_step"] < 0) & ~jnp.isfinite(loss)
    return {
        "loss": tally["loss"] + loss * count,
        "correct": tally["correct"] + correct,
        "count": tally["count"] + count,
        "bad_step": jnp.where(newly_bad, state.step, tally["bad_step"]),
    }


def make_prefix(
    graph: surgery.Graph, recipe: Recipe, *, stop: int
) -> Callable[[surgery.Weights, npt.ArrayLike, int, int], jax.Array]:
    """Compiles what the first stages make of augmented pictures, for keeping.

    Args:
        graph: The module's structure in evaluation mode.
        recipe: Seed, jitter, precision.
        stop: Index after the last of these stages.

    Returns:
        A function (weights, images (B, S, S) uint8, copy, block) -> features (B, …) float32. The
        shift of a picture, otherwise new in every step, is a function of seed, copy and block.
    """

    def prefix(
        params: Any, stats: Any, images: jax.Array, seed: Any, number: Any, block: Any
    ) -> jax.Array:
        key = jax.random.key(seed, impl=GENERATOR)
        key = jax.random.fold_in(jax.random.fold_in(key, number), block)
        inputs = pictures(images, key, shift=recipe.augment.jitter)
        model = surgery.merge(graph, in_precision(params, recipe.training.compute), stats)
        return model.forward(inputs, stop=stop).astype(jnp.float32)

    compiled, seed = jax.jit(prefix), np.uint32(recipe.seed)
    return lambda weights, images, number, block: compiled(
        weights.params, weights.stats, images, seed, np.uint32(number), np.uint32(block)
    )
