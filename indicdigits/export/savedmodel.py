"""SavedModel, as TF Serving loads it: `image` -> `probabilities`, signature `serving_default`.

The folder is what `--model_base_path` names: the model is its version 1. It is made by jax2tf and
holds the same StableHLO as `--format stablehlo`, so TensorFlow 2.12 or newer is needed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf

from indicdigits.export.network import probabilities_of
from indicdigits.export.source import Source
from indicdigits.export.stablehlo import PLATFORMS
from indicdigits.export.verify import Pixels, Predict, Probabilities
from indicdigits.runtime.session import scaled

VERSION = "1"
SIGNATURE = "serving_default"
MODEL = f"{VERSION}/saved_model.pb"


def build(source: Source) -> dict[str, bytes]:
    """The network of a run, with its weights."""
    module = tf.Module()
    module.serve = tf_function(source, platforms=PLATFORMS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / VERSION
        tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return {str(file.relative_to(temporary)): file.read_bytes() for file in files}


def tf_function(
    source: Source, *, batch: int | None = None, platforms: Sequence[str] | None = None
) -> Any:
    """The network as a function of TensorFlow, its input and output named.

    Args:
        source: Of a run.
        batch: How many pictures it takes; None leaves that free.
        platforms: Where it is to run; None means on machines like this one.
    """
    size = source.bundle.input_size
    free = {} if batch else {"polymorphic_shapes": ["(n, ...)"]}
    answer: Callable[[Any], Any] = jax2tf.convert(
        probabilities_of(source.network),
        with_gradient=False,
        native_serialization_platforms=platforms,
        **free,
    )
    image = tf.TensorSpec([batch, size, size, 1], tf.float32, "image")

    @tf.function(input_signature=[image], autograph=False)
    def serve(image: Any) -> dict[str, Any]:
        return {"probabilities": answer(image)}

    return serve


def open_model(folder: Path) -> Predict:
    """Runs its signature in TensorFlow."""
    loaded = tf.saved_model.load(str(folder / VERSION))
    serve = loaded.signatures[SIGNATURE]

    def run(inputs: Pixels, _kept: Any = loaded) -> Probabilities:
        answers = serve(image=tf.constant(scaled(inputs)))
        return np.asarray(answers["probabilities"].numpy(), np.float32)

    return run


def engine() -> str:
    """What runs it here."""
    return f"tensorflow {tf.__version__}"
