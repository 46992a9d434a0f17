"""Efficient-CapsNet (Mazzia, Salvetti and Chiaberge 2021) behind a stem of stride two.

A capsule is a vector: its length says how likely its entity is there, its direction what the entity
looks like. Convolutions end in 16 primary capsules that have each seen the whole map; every one
predicts every class capsule, and the predictions that agree with the others count for more.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from indicdigits.models.backbone import Backbone
from indicdigits.models.layers import Convolution, Dense, space_to_depth
from indicdigits.models.norm import BatchNorm

# Added to squared norms. Its root, 0.001, is the shortest capsule: a hundredth of what the margin
# loss asks of absent classes, and long enough for log(length) to have a gradient one can train on.
EPSILON = 1e-6
# Sabour et al. 2017: 0.0005 times the sum over 784 pixels; said of the mean, it fits every size.
RECONSTRUCTION = 0.0005 * 784


def norm(s: jax.Array) -> jax.Array:
    """Euclidean norms (…,) of vectors (…, D), at least 0.001; the gradient is finite at 0."""
    return jnp.sqrt(jnp.sum(jnp.square(s), axis=-1) + EPSILON)


def squash(s: jax.Array) -> jax.Array:
    """Shortens vectors (…, D) to a length of 1 - exp(-|s|), in [0, 1); directions stay."""
    size = norm(s)[..., None]
    return s * (-jnp.expm1(-size) / size)


def logits_of(s: jax.Array) -> jax.Array:
    """Log-odds (…,) of the lengths that vectors (…, D) have once squashed.

    With length = 1 - exp(-|s|), log(length / (1 - length)) = |s| + log(length): finite where the
    length itself rounds to 1.
    """
    size = norm(s)
    return size + jnp.log(-jnp.expm1(-size))


class Unit(nnx.Module):
    """A convolution with batch normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> None:
        self.conv = Convolution(inputs, outputs, stride=stride, rngs=rngs)
        self.norm = BatchNorm(outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H / stride), ceil(W / stride), outputs)."""
        return self.norm(self.conv(x), relu=True)


class Stem(Unit):
    """Space to depth, then a convolution: a 6x6 convolution of stride 2 in cheap form."""

    def __init__(self, outputs: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(4, outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps (N, S, S, 1) to (N, S/2, S/2, outputs)."""
        return super().__call__(space_to_depth(x))


class Trunk(nnx.Module):
    """Halves the map, then widens it: each channel becomes one coordinate of a capsule.

    The wide convolution is not padded, as none is in the paper: it is the dearest of all, and the
    rim of a picture is blank.
    """

    def __init__(self, inputs: int, middle: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Convolution(inputs, middle, stride=2, rngs=rngs)
        self.norm1 = BatchNorm(middle, rngs=rngs)
        self.conv2 = Convolution(middle, middle, rngs=rngs)
        self.norm2 = BatchNorm(middle, rngs=rngs)
        self.conv3 = Convolution(middle, outputs, padding="valid", rngs=rngs)
        self.norm3 = BatchNorm(outputs, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, H, W, inputs) to (N, ceil(H/2) - 2, ceil(W/2) - 2, outputs)."""
        x = self.norm1(self.conv1(x), relu=True)
        x = jax.nn.relu(x + self.norm2(self.conv2(x)))
        return self.norm3(self.conv3(x), relu=True)


class PrimaryCapsules(nnx.Module):
    """A depthwise convolution over the whole map, cut into capsules and squashed.

    Args:
        side: Height and width of the map.
        capsules: Their number.
        size: Coordinates of each; the map has `capsules * size` channels.
        rngs: Source of the initial kernel.
    """

    def __init__(self, side: int, capsules: int, size: int, *, rngs: nnx.Rngs) -> None:
        # One output a channel: the fan-in is the map.
        initial = nnx.initializers.variance_scaling(
            1.0, "fan_in", "normal", in_axis=(0, 1), batch_axis=(2,), out_axis=()
        )
        shape = (side, side, capsules * size)
        self.kernel = nnx.Param(initial(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(capsules * size))
        self.shape = (capsules, size)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps (N, side, side, capsules * size) to capsules (N, capsules, size)."""
        kernel = self.kernel[...]
        # With XLA's grouped convolution a whole training step takes 1.6 times as long on a CPU.
        x = jnp.einsum("nhwc,hwc->nc", x.astype(kernel.dtype), kernel)
        x = x.astype(jnp.float32) + self.bias[...]
        return squash(x.reshape(-1, *self.shape))


class Decoder(nnx.Module):
    """Draws the picture from the capsule of its class (Sabour, Frosst and Hinton 2017)."""

    def __init__(self, inputs: int, side: int, *, rngs: nnx.Rngs) -> None:
        self.dense1 = Dense(inputs, 512, rngs=rngs)
        self.dense2 = Dense(512, 1024, rngs=rngs)
        self.dense3 = Dense(1024, side * side, rngs=rngs)

    def __call__(self, capsules: jax.Array, targets: jax.Array) -> jax.Array:
        """Maps capsules (N, classes, D), of which `targets` (N, classes) shows some, to (N, S²)."""
        x = (capsules * targets[..., None]).reshape(capsules.shape[0], -1)
        x = jax.nn.relu(self.dense2(jax.nn.relu(self.dense1(x))))
        return jax.nn.sigmoid(self.dense3(x))


class Routing(nnx.Module):
    """Primary capsules -> one capsule a class, by self-attention, and their lengths as logits.

    Args:
        capsules: Number of primary capsules.
        inputs: Coordinates of each.
        outputs: Coordinates of a class capsule.
        classes: Number of class capsules.
        drawn: Side of the pictures a decoder draws; 0 is no decoder.
        rngs: Source of the initial weights.
    """

    def __init__(
        self, capsules: int, inputs: int, outputs: int, classes: int, drawn: int, *, rngs: nnx.Rngs
    ) -> None:
        initial = nnx.initializers.variance_scaling(
            1.0, "fan_in", "normal", in_axis=1, out_axis=2, batch_axis=0
        )
        shape = (capsules, inputs, classes * outputs)
        self.kernel = nnx.Param(initial(rngs.params(), shape, jnp.float32))
        self.prior = nnx.Param(jnp.zeros((capsules, classes)))
        self.decoder = Decoder(classes * outputs, drawn, rngs=rngs) if drawn else None

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None) -> jax.Array:
        """Maps primary capsules (N, capsules, inputs) to logits (N, classes)."""
        return logits_of(self.vectors(x))

    def vectors(self, x: jax.Array) -> jax.Array:
        """The class capsules before squashing, (N, classes, outputs)."""
        predictions = self.predictions(x)
        shares = self.coefficients(predictions) + self.prior[...]
        return jnp.sum(predictions * shares[..., None], axis=1)

    def predictions(self, x: jax.Array) -> jax.Array:
        """What each primary capsule says each class capsule is, (N, capsules, classes, outputs)."""
        kernel = self.kernel[...]
        said = jnp.einsum("nci,cio->nco", x.astype(kernel.dtype), kernel).astype(jnp.float32)
        return said.reshape(*said.shape[:2], self.prior.shape[1], -1)

    def coefficients(self, predictions: jax.Array) -> jax.Array:
        """How a primary capsule divides itself among the classes: (N, capsules, classes), sum 1.

        A prediction's score is its product with all predictions of the same class capsule, summed:
        its product with their sum.
        """
        agreement = jnp.sum(predictions * jnp.sum(predictions, axis=1, keepdims=True), axis=-1)
        return jax.nn.softmax(agreement / predictions.shape[-1] ** 0.5, axis=-1)


class CapsNet(Backbone):
    """Five stages: stem (1/2), stage1 (1/2), stage2 (1/4), stage3 (capsules), head (routing).

    Logits are log(length / (1 - length)), so that sigmoid(logits) are the lengths of the class
    capsules, which is what the margin loss is about.

    Args:
        classes: Number of logits.
        input_size: Height and width of the input in pixels, even.
        decoder: Weight of the reconstruction's penalty, 1 as published; 0 builds no decoder.
        rngs: Source of the initial weights (stream "params").
    """

    STAGES = ("stem", "stage1", "stage2", "stage3", "head")
    WIDTHS = (32, 32, 64)
    PRIMARY = (16, 8)  # capsules, coordinates
    COORDINATES = 16  # of a class capsule

    def __init__(self, *, classes: int, input_size: int, decoder: float, rngs: nnx.Rngs) -> None:
        if input_size % 2:
            raise ValueError(f"input size {input_size} is odd")
        stem, first, second = self.WIDTHS
        capsules, size = self.PRIMARY
        self.stem = Stem(stem, rngs=rngs)
        self.stage1 = Unit(stem, first, rngs=rngs)
        self.stage2 = Trunk(first, second, capsules * size, rngs=rngs)
        self.stage3 = PrimaryCapsules(-(-input_size // 4) - 2, capsules, size, rngs=rngs)
        drawn = input_size if decoder else 0
        self.head = Routing(capsules, size, self.COORDINATES, classes, drawn, rngs=rngs)
        self.reconstruction = decoder

    def outputs(
        self, x: jax.Array, targets: jax.Array, rngs: nnx.Rngs | None = None, *, start: int = 0
    ) -> tuple[jax.Array, jax.Array]:
        """Logits, and how badly the pictures are drawn from the capsules of their classes.

        Args:
            x: Images (N, S, S, 1); without a decoder also what stage `start` - 1 returned.
            targets: (N, classes), probabilities: the capsules that are shown to the decoder.
            rngs: As for a call.
            start: Index of the first stage to run.

        Returns:
            Logits (N, classes) and a penalty (), 0 without a decoder.

        Raises:
            ValueError: There is a decoder, and `start` is not 0: it needs the pictures.
        """
        decoder = self.head.decoder
        if decoder is None:
            return super().outputs(x, targets, rngs, start=start)
        if start:
            raise ValueError(f"the decoder needs the pictures, not the output of stage {start - 1}")
        vectors = self.head.vectors(self.forward(x, rngs, stop=-1))
        drawn = decoder(squash(vectors), targets)
        error = jnp.mean(jnp.square(drawn - x.reshape(drawn.shape)))
        return logits_of(vectors), self.reconstruction * RECONSTRUCTION * error
