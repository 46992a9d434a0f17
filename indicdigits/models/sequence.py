"""The segmentation-free reader: a strip of a line -> what stands at each place of it.

The first stages of the `cnn` backbone, with its pretrained weights, run over the whole strip; a
bidirectional LSTM lets every place see its neighbours; what comes out is for connectionist temporal
classification (Graves et al. 2006; the arrangement is that of Shi et al. 2015).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models import GENERATOR
from indicdigits.models.cnn import CNN, Down, Plain
from indicdigits.models.layers import Dense

PLACES = 2  # answers for a step of four columns: two thin strokes may stand within it
BLANK = 0  # the answer "nothing, or still the same"


class LSTM(nnx.Module):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), written so that it exports.

    Args:
        inputs: Features of a step.
        hidden: Features it answers with.
        reverse: Whether it reads from the right.
        rngs: Source of the initial weights (stream "params").
    """

    def __init__(self, inputs: int, hidden: int, *, reverse: bool = False, rngs: nnx.Rngs) -> None:
        self.hidden, self.reverse = hidden, reverse
        self.enter = Dense(inputs, 4 * hidden, rngs=rngs)
        self.again = Dense(hidden, 4 * hidden, bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, T, inputs) to (N, T, hidden)."""
        steps = self.enter(x).swapaxes(0, 1)
        zeros = jnp.zeros((x.shape[0], self.hidden))

        def step(
            state: tuple[jax.Array, jax.Array], entered: jax.Array
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            out, cell = state
            let_in, keep, show, new = jnp.split(entered + self.again(out), 4, axis=-1)
            # Forgetting starts slowly (Jozefowicz et al. 2015).
            cell = jax.nn.sigmoid(keep + 1.0) * cell + jax.nn.sigmoid(let_in) * jnp.tanh(new)
            out = jax.nn.sigmoid(show) * jnp.tanh(cell)
            return (out, cell), out

        steps = steps[::-1] if self.reverse else steps
        _, answers = jax.lax.scan(step, (zeros, zeros), steps)
        return (answers[::-1] if self.reverse else answers).swapaxes(0, 1)


class SequenceNet(nnx.Module):
    """Trunk (1/4 of the columns), a layer over each column, a bidirectional LSTM, a dense layer.

    Args:
        symbols: How many characters it tells apart, without the blank.
        rows: Height of a strip, pixels; a multiple of 8.
        hidden: Features of the LSTM in each direction.
        rngs: Source of the initial weights (stream "params").
    """

    TRUNK = ("stem", "stage1", "stage2", "stage3")

    def __init__(self, *, symbols: int, rows: int, hidden: int = 96, rngs: nnx.Rngs) -> None:
        stem, first, second, third = CNN.WIDTHS
        self.stem = Plain(1, stem, rngs=rngs)
        self.stage1 = Plain(stem, first, stride=2, rngs=rngs)
        self.stage2 = Down(first, second, rngs=rngs)
        # Rows alone are halved: the place of a thin stroke is still to be told.
        self.stage3 = Down(second, third, stride=(2, 1), rngs=rngs)
        self.column = Dense(third * rows // 8, 128, rngs=rngs)
        self.onward = LSTM(128, hidden, rngs=rngs)
        self.back = LSTM(128, hidden, reverse=True, rngs=rngs)
        self.head = Dense(2 * hidden, PLACES * (symbols + 1), rngs=rngs)
        self.symbols = symbols

    def __call__(self, strips: jax.Array) -> jax.Array:
        """Maps strips (N, rows, W, 1), float32 in [0, 1], light ink on black, to logits.

        Args:
            strips: W is a multiple of 4.

        Returns:
            (N, W/2, symbols + 1), float32, the blank first.
        """
        x = strips
        for name in self.TRUNK:
            x = getattr(self, name)(x, None)
        count, rows, steps, channels = x.shape
        x = x.transpose(0, 2, 1, 3).reshape(count, steps, rows * channels)
        x = jax.nn.relu(self.column(x))
        x = self.head(jnp.concatenate([self.onward(x), self.back(x)], axis=-1))
        return x.reshape(count, steps * PLACES, self.symbols + 1)


def create_sequence(symbols: int, rows: int, *, seed: int) -> SequenceNet:
    """A network with fresh weights, compiled as one: array by array it takes seconds."""

    def build(seed: jax.Array) -> SequenceNet:
        rngs = nnx.Rngs(params=jax.random.key(seed, impl=GENERATOR))
        return SequenceNet(symbols=symbols, rows=rows, rngs=rngs)

    structure, _ = nnx.split(nnx.eval_shape(lambda: build(jnp.uint32(0))))
    state = jax.jit(lambda seed: nnx.state(build(seed)))(jnp.uint32(seed))
    return nnx.merge(structure, state)
