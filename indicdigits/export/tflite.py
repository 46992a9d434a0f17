"""TFLite, in floats and in eight bits: jax2tf, then TensorFlow's converter.

Input and output are float32 either way, so that one program serves both: `image` (1,S,S,1) in
[0,1] -> `probabilities` (1,C). It is made for one picture: with that fixed, the converter puts
normalisation, bias and ReLU into the convolutions. Interpreters take more at once after
`resize_tensor_input`, where the network allows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from indicdigits.errors import VerificationError
from indicdigits.export.quantize import representative
from indicdigits.export.savedmodel import tf_function
from indicdigits.export.source import Source
from indicdigits.export.verify import Pixels, Predict, Probabilities
from indicdigits.runtime.session import scaled

MODEL = "model.tflite"


def build(source: Source) -> dict[str, bytes]:
    """The network of a run in floats."""
    return {MODEL: _convert(source, int8=False)}


def build_int8(source: Source) -> dict[str, bytes]:
    """The same in eight bits, statically, its ranges taken from pictures that are held out."""
    return {MODEL: _convert(source, int8=True)}


def _convert(source: Source, *, int8: bool) -> bytes:
    function = tf_function(source, batch=1)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], function
    )
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _one_by_one(source)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    try:
        return bytes(converter.convert())
    except Exception as error:  # whatever its passes meet
        raise VerificationError(
            f"the network cannot be exported to TFLite: {str(error)[:300]}",
            hint="--format onnx takes every backbone",
        ) from error


def _one_by_one(source: Source) -> Iterator[list[Any]]:
    for picture in representative(source.held_out.images):
        yield [scaled(picture[np.newaxis])]


def open_model(folder: Path) -> Predict:
    """Runs it in the interpreter of TensorFlow, on one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it has moved to another package
        interpreter = tf.lite.Interpreter(str(folder / MODEL), num_threads=1)
    image, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def once(inputs: Pixels) -> Probabilities:
        if len(interpreter.get_tensor(image["index"])) != len(inputs):
            interpreter.resize_tensor_input(image["index"], (len(inputs), *inputs.shape[1:], 1))
            interpreter.allocate_tensors()
        interpreter.set_tensor(image["index"], scaled(inputs))
        interpreter.invoke()
        return np.array(interpreter.get_tensor(answer["index"]), np.float32)

    interpreter.allocate_tensors()
    try:
        several = len(once(np.zeros((2, *image["shape"][1:3]), np.uint8))) == 2
    except (RuntimeError, ValueError):
        several = False

    def run(inputs: Pixels) -> Probabilities:
        if several:
            return once(inputs)
        return np.concatenate([once(inputs[at : at + 1]) for at in range(len(inputs))])

    return run


def engine() -> str:
    """What runs it here."""
    return f"tensorflow {tf.__version__}, its TFLite interpreter"
