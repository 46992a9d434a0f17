"""What every backbone is: named stages, one after the other."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx


class Backbone(nnx.Module):
    """A network whose attributes named in `STAGES` are called in that order; the last is the head.

    A stage is a module with `__call__(x, rngs)`; it may use the stream "dropout" of `rngs`, which
    is None in evaluation mode. What one stage returns, the next one gets: this is what lets a
    frozen prefix be computed once and kept.
    """

    STAGES: ClassVar[tuple[str, ...]]

    def __call__(self, images: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (N, S, S, 1), float32 in [0, 1], light ink on black, to logits (N, classes).

        Args:
            images: The pictures.
            rngs: Stream "dropout"; needed only in training mode.
        """
        return self.forward(images, rngs)

    def forward(
        self, x: jax.Array, rngs: nnx.Rngs | None = None, *, start: int = 0, stop: int | None = None
    ) -> jax.Array:
        """Runs the stages `start` to `stop` - 1.

        Args:
            x: Images, or what stage `start` - 1 returned.
            rngs: As for a call.
            start: Index of the first stage to run.
            stop: Index after the last one; None runs the head as well.

        Returns:
            What the last of these stages returned; logits, float32, when that is the head.
        """
        for name in self.STAGES[start:stop]:
            x = getattr(self, name)(x, rngs)
        return x

    def features(self, images: jax.Array) -> jax.Array:
        """What the last dense layer sees of images (N, S, S, 1), in evaluation mode: (N, F).

        Only for backbones whose head ends in one; the registry knows which.
        """
        head = getattr(self, self.STAGES[-1])
        return head.features(self.forward(images, stop=-1))

    def outputs(
        self, x: jax.Array, targets: jax.Array, rngs: nnx.Rngs | None = None, *, start: int = 0
    ) -> tuple[jax.Array, jax.Array]:
        """What training minimises besides the loss of the logits.

        Args:
            x: Images, or what stage `start` - 1 returned.
            targets: (N, classes), probabilities.
            rngs: As for a call.
            start: Index of the first stage to run.

        Returns:
            Logits (N, classes) and a penalty (), which is 0 unless a backbone defines its own.
        """
        del targets
        return self.forward(x, rngs, start=start), jnp.zeros(())
