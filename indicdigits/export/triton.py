"""A model repository for Triton Inference Server, made from the ONNX graph.

`tritonserver --model-repository=FOLDER` serves it: NAME/config.pbtxt, NAME/labels.txt and
NAME/1/model.onnx, for the backend `onnxruntime`, with dynamic batching.
"""

from __future__ import annotations

from indicdigits.export.graphs import Ends, shape_of
from indicdigits.runtime.bundle import Bundle

MOST_AT_ONCE = 256  # pictures in a batch
WAIT = 500  # microseconds that a request may wait for others

_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [
  {{ name: "image" data_type: {kind} dims: [ {dims} ] }}
]
output [
  {{
    name: "probabilities"
    data_type: TYPE_FP32
    dims: [ {classes} ]
    label_filename: "labels.txt"
  }}
]
dynamic_batching {{ max_queue_delay_microseconds: {wait} }}
instance_group [ {{ kind: KIND_CPU }} ]
"""


def build(graph: bytes, bundle: Bundle, ends: Ends) -> dict[str, bytes]:
    """The repository's files."""
    name = bundle.name
    config = _CONFIG.format(
        name=name,
        batch=MOST_AT_ONCE,
        kind="TYPE_UINT8" if ends.preprocessing else "TYPE_FP32",
        dims=", ".join(map(str, shape_of(bundle.input_size, ends))),
        classes=len(bundle.classes),
        wait=WAIT,
    )
    labels = "".join(f"{entry.text}\n" for entry in bundle.classes)
    return {
        f"{name}/config.pbtxt": config.encode(),
        f"{name}/labels.txt": labels.encode(),
        f"{name}/1/model.onnx": graph,
    }
