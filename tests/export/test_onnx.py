"""Networks become graphs that answer alike."""

from __future__ import annotations

import json

import jax
import numpy as np
import onnx
import pytest
from flax import nnx

from indicdigits import recipe as recipes
from indicdigits.errors import VerificationError
from indicdigits.export import verify
from indicdigits.export.onnx import to_onnx
from indicdigits.models import create, surgery
from indicdigits.registry import BACKBONES
from indicdigits.runtime.session import open_session, run_graph
from indicdigits.training.weights import predict


@pytest.fixture(scope="module")
def parsed(graph):
    return onnx.load_from_string(graph)


def test_parity_of_the_backbone(model, graph, test_split):
    """The default backbone's graph answers as it does, at every batch size."""
    run = verify.onnx_run(graph)
    parity = verify.compare(
        run, lambda images: predict(model, images), test_split.images, digest=""
    )
    assert parity.max_difference < 1e-5
    assert parity.batches == (1, 2, 7, parity.pictures)
    assert parity.pictures > len(test_split.images)


def test_interface(parsed):
    """Graphs are opset 17, with named input and output, a free batch, and their classes inside."""
    assert [(item.domain, item.version) for item in parsed.opset_import] == [("", 17)]

    def shape(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    (image,), (answer,) = parsed.graph.input, parsed.graph.output
    assert (image.name, shape(image)) == ("image", ["N", 28, 28, 1])
    assert (answer.name, shape(answer)[1:]) == ("probabilities", [10])
    props = {item.key: item.value for item in parsed.metadata_props}
    assert props["script"] == "devanagari"
    assert json.loads(props["classes"])[7] == {"text": "७", "value": 7}


def test_folded(parsed):
    """Batch normalisation, dropout and constants are folded away; only standard operators stay."""
    kinds = [node.op_type for node in parsed.graph.node]
    assert {node.domain for node in parsed.graph.node} == {""}
    assert not {"BatchNormalization", "Dropout", "Shape", "Constant"} & set(kinds)
    assert kinds.count("Conv") == 6
    assert kinds[-1] == "Softmax"


def test_repeatable(model, graph, recipe, test_split):
    """The same network gives the same bytes, and is left as it was."""
    before = predict(model, test_split.images)
    structure, _ = surgery.split(model)
    assert to_onnx(model, 28, recipe.labels, script=recipe.script) == graph
    assert surgery.split(model)[0] == structure
    np.testing.assert_array_equal(predict(model, test_split.images), before)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_every_backbone(name):
    """Every backbone of the registry becomes a graph of standard operators that answers alike."""
    recipe = recipes.load(recipes.find("mnist-cnn"), [f'model.backbone="{name}"'])
    network = create(recipe, seed=0)
    graph = to_onnx(network, 28, recipe.labels)
    assert {node.domain for node in onnx.load_from_string(graph).graph.node} == {""}
    session = open_session(graph, threads=1, where=name)
    inputs = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    expected = predict(network, inputs)
    np.testing.assert_allclose(run_graph(session, inputs), expected, atol=1e-5)
    np.testing.assert_allclose(run_graph(session, inputs[:1]), expected[:1], atol=1e-5)


def test_plain_network():
    """A network of one's own, of common layers with running statistics and dropout, exports."""

    class Plain(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(1, 8, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.dense = nnx.Linear(8, 3, rngs=rngs)

        def __call__(self, x):
            x = jax.nn.relu(self.norm(self.conv(x)))
            x = nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))
            return self.dense(self.dropout(x.mean(axis=(1, 2))))

    network = Plain(nnx.Rngs(0))
    graph = to_onnx(network, 20, ())
    inputs = np.random.default_rng(0).integers(0, 256, (5, 20, 20), np.uint8)
    found = run_graph(open_session(graph, threads=1, where="test"), inputs)
    network.eval()
    expected = jax.nn.softmax(network(inputs[..., None].astype(np.float32) / 255))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_onnx_cannot_say():
    """A network that does not export is a verification error that names the reason."""

    class Strange(nnx.Module):
        def __call__(self, x):
            return jax.pure_callback(np.asarray, jax.ShapeDtypeStruct((1, 3), np.float32), x)

    with pytest.raises(VerificationError, match="cannot be exported") as caught:
        to_onnx(Strange(), 28, ())
    assert caught.value.exit_code == 6
