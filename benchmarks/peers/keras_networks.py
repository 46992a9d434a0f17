"""`cnn`, `cnn-classic` and `vit` in Keras 3, on the backend that KERAS_BACKEND names.

Layers are called as ours are, with underscores for slashes, so that weights can be copied by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers, ops

Weights = Mapping[str, np.ndarray]


def convolution(x: Any, outputs: int, name: str, *, stride: int = 1, bias: bool = False) -> Any:
    """3x3, padded by one pixel on every side: "same" would pad one side only at stride 2."""
    if stride > 1:
        x = layers.ZeroPadding2D(1)(x)
    padding = "valid" if stride > 1 else "same"
    layer = layers.Conv2D(outputs, 3, strides=stride, padding=padding, use_bias=bias, name=name)
    return layer(x)


def norm(x: Any, name: str) -> Any:
    """Batch normalisation with our momentum and epsilon."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def layer_norm(x: Any, name: str) -> Any:
    """Layer normalisation with our epsilon."""
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def cnn() -> Any:
    """Our `cnn`: takes (N, 28, 28, 1) in [0, 1], answers logits (N, 10)."""
    inputs = keras.Input((28, 28, 1))
    x = layers.ReLU()(norm(convolution(inputs, 16, "stem_conv"), "stem_norm"))
    x = layers.ReLU()(norm(convolution(x, 32, "stage1_conv", stride=2), "stage1_norm"))
    for stage, width in (("stage2", 48), ("stage3", 96)):
        x = convolution(x, width, f"{stage}_conv1", stride=2)
        x = layers.ReLU()(norm(x, f"{stage}_norm1"))
        branch = norm(convolution(x, width, f"{stage}_conv2"), f"{stage}_norm2")
        x = layers.ReLU()(layers.Add()([x, branch]))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(10, name="head_dense")(x))


def cnn_classic() -> Any:
    """Our `cnn-classic`: (N, 28, 28, 1) to logits (N, 10)."""
    x = inputs = keras.Input((28, 28, 1))
    for stage, width in (("stage1", 32), ("stage2", 64)):
        x = layers.ReLU()(convolution(x, width, f"{stage}_conv1", bias=True))
        x = convolution(x, width, f"{stage}_conv2", bias=True)
        x = layers.ReLU()(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu", name="stage3_dense")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, name="head_dense")(layers.Dropout(0.5)(x)))


class Position(layers.Layer):
    """Adds a learned position embedding to tokens."""

    def build(self, shape: Any) -> None:
        """Makes the weights."""
        self.position = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, tokens: Any) -> Any:
        """Maps (N, T, F) to (N, T, F)."""
        return tokens + self.position


def attention(x: Any, name: str, *, features: int = 80, heads: int = 4) -> Any:
    """Multi-head self-attention without a bias of the key: (N, T, F) to (N, T, F)."""

    def projected(which: str, bias: bool = True) -> Any:
        y = layers.Dense(features, use_bias=bias, name=f"{name}_{which}")(x)
        return layers.Reshape((-1, heads, features // heads))(y)

    query, key, value = projected("query"), projected("key", bias=False), projected("value")
    scores = ops.einsum("nthd,nshd->nhts", query, key) / (features // heads) ** 0.5
    taken = ops.einsum("nhts,nshd->nthd", ops.softmax(scores), value)
    merged = layers.Reshape((-1, features))(taken)
    return layers.Dense(features, name=f"{name}_output")(merged)


def vit() -> Any:
    """Our `vit`: (N, 28, 28, 1) to logits (N, 10)."""
    inputs = keras.Input((28, 28, 1))
    x = ops.transpose(ops.reshape(inputs, (-1, 14, 2, 14, 2)), (0, 1, 3, 2, 4))
    x = ops.reshape(x, (-1, 14, 14, 4))
    x = layers.ReLU()(norm(convolution(x, 32, "stem_conv1"), "stem_norm1"))
    x = layers.ReLU()(norm(convolution(x, 48, "stem_conv2", stride=2), "stem_norm2"))
    x = norm(convolution(x, 80, "stem_conv3", stride=2), "stem_norm3")
    x = Position(name="stem")(layers.Reshape((16, 80))(x))
    for number in range(1, 5):
        stage, rate = f"stage{number}", 0.1 * number / 4
        drop = lambda y, rate=rate: layers.Dropout(rate, noise_shape=(None, 1, 1))(y)  # noqa: E731
        x = x + drop(attention(layer_norm(x, f"{stage}_norm1"), f"{stage}_attention"))
        hidden = layers.Dense(160, name=f"{stage}_dense1")(layer_norm(x, f"{stage}_norm2"))
        hidden = ops.gelu(hidden, approximate=True)
        x = x + drop(layers.Dense(80, name=f"{stage}_dense2")(hidden))
    x = layers.GlobalAveragePooling1D()(layer_norm(x, "head_norm"))
    return keras.Model(inputs, layers.Dense(10, name="head_dense")(x))


NETWORKS: dict[str, Callable[[], Any]] = {"cnn": cnn, "cnn-classic": cnn_classic, "vit": vit}
LEAVES = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}


def copy_weights(model: Any, params: Weights, stats: Weights) -> None:
    """Writes our weights, path -> array, into a network of the same name.

    Raises:
        KeyError: Ours has no such weights.
    """
    ours = {**params, **stats}
    for layer in model.layers:
        for weight in layer.weights:
            if weight.name == "seed_generator_state":
                continue
            leaf = LEAVES.get(weight.name, weight.name)
            if isinstance(layer, Position):
                leaf = "position"
            weight.assign(np.asarray(ours[f"{layer.name.replace('_', '/')}/{leaf}"]))
