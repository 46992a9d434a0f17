"""OpenVINO IR, made from the ONNX graph: `model.xml` with its weights in `model.bin`, float32."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from indicdigits.export.graphs import Ends, input_of
from indicdigits.export.verify import Pixels, Predict, Probabilities
from indicdigits.runtime.bundle import Bundle
from indicdigits.runtime.engines import import_openvino

openvino = import_openvino()
MODEL = "model.xml"
WEIGHTS = "model.bin"


def build(graph: bytes, bundle: Bundle) -> dict[str, bytes]:
    """Converts a graph, and writes script and classes into the IR itself as well."""
    model = openvino.Core().read_model(graph, b"")
    classes = json.dumps([[entry.text, entry.value] for entry in bundle.classes])
    for key, value in {"script": bundle.script, "classes": classes}.items():
        model.set_rt_info(value, ["indicdigits", key])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        openvino.save_model(model, path, compress_to_fp16=False)
        return {name: (Path(folder) / name).read_bytes() for name in (MODEL, WEIGHTS)}


def open_model(folder: Path, ends: Ends) -> Predict:
    """Runs it on the CPU, in float32: else it computes in fewer bits where the processor can."""
    precise = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(folder / MODEL), "CPU", precise)

    def run(inputs: Pixels) -> Probabilities:
        return np.asarray(compiled(input_of(inputs, ends))["probabilities"], np.float32)

    return run


def engine() -> str:
    """What runs it here."""
    return f"openvino {openvino.__version__}"
