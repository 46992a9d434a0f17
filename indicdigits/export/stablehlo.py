"""StableHLO: one blob of `jax.export` for cpu, cuda and tpu, the number of pictures left free.

exported = jax.export.deserialize(bytearray(blob))
probabilities = exported.call(image)  # float32 (N,S,S,1) in [0,1]
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from indicdigits.export.network import probabilities_of
from indicdigits.export.source import Source
from indicdigits.export.verify import Pixels, Predict, Probabilities
from indicdigits.runtime.session import scaled

MODEL = "model.stablehlo"
PLATFORMS = ("cpu", "cuda", "tpu")


def build(source: Source) -> dict[str, bytes]:
    """The network of a run, serialised with its weights."""
    size = source.bundle.input_size
    (count,) = export.symbolic_shape("N")
    image = jax.ShapeDtypeStruct((count, size, size, 1), jnp.float32)
    function = jax.jit(probabilities_of(source.network))
    return {MODEL: bytes(export.export(function, platforms=PLATFORMS)(image).serialize())}


def open_model(folder: Path) -> Predict:
    """Runs the blob where JAX computes."""
    exported = export.deserialize(bytearray((folder / MODEL).read_bytes()))
    answer = jax.jit(exported.call)

    def run(inputs: Pixels) -> Probabilities:
        return np.asarray(answer(scaled(inputs)), np.float32)

    return run


def engine() -> str:
    """What runs it here."""
    return f"jax {jax.__version__}"
