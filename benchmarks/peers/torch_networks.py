"""`cnn`, `cnn-classic` and `vit` in PyTorch, as its users write them.

Modules and parameters are called as ours are, so that weights can be copied by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, np.ndarray]


def convolution(inputs: int, outputs: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """3x3, padded by one pixel on every side."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias)


class Plain(nn.Module):
    """One convolution with batch normalisation."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs, stride=stride)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H', W')."""
        return functional.relu(self.norm(self.conv(x)))


class Down(nn.Module):
    """Halves the map, then a residual convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, stride=2)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H/2, W/2)."""
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(x + self.norm2(self.conv2(x)))


class MeanHead(nn.Module):
    """Mean over the map, dropout, one dense layer."""

    def __init__(self, inputs: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to logits (N, classes)."""
        return self.dense(self.dropout(x.mean((2, 3))))


class CNN(nn.Sequential):
    """Our `cnn`: takes (N, 1, 28, 28) in [0, 1], answers logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Plain(1, 16)
        self.stage1 = Plain(16, 32, stride=2)
        self.stage2 = Down(32, 48)
        self.stage3 = Down(48, 96)
        self.head = MeanHead(96, 10, 0.3)


class Pooled(nn.Module):
    """Two convolutions with ReLU, then the maxima of 2x2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, bias=True)
        self.conv2 = convolution(outputs, outputs, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H/2, W/2)."""
        x = self.conv2(functional.relu(self.conv1(x)))
        return functional.relu(functional.max_pool2d(x, 2))  # as ours: ReLU on a quarter of it


class Hidden(nn.Module):
    """Flatten, one dense layer, ReLU, dropout."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to (N, outputs)."""
        return self.dropout(functional.relu(self.dense(x.flatten(1))))


class Head(nn.Module):
    """One dense layer."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs) to logits (N, classes)."""
        return self.dense(x)


class CNNClassic(nn.Sequential):
    """Our `cnn-classic`, the textbook network: (N, 1, 28, 28) to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = Pooled(1, 32)
        self.stage2 = Pooled(32, 64)
        self.stage3 = Hidden(7 * 7 * 64, 128, 0.5)
        self.head = Head(128, 10)


class Stem(nn.Module):
    """Pictures (N, 1, 28, 28) -> tokens (N, 16, 80)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = convolution(4, 32), nn.BatchNorm2d(32)
        self.conv2, self.norm2 = convolution(32, 48, stride=2), nn.BatchNorm2d(48)
        self.conv3, self.norm3 = convolution(48, 80, stride=2), nn.BatchNorm2d(80)
        self.position = nn.Parameter(0.02 * torch.randn(16, 80))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens row by row."""
        x = functional.relu(self.norm1(self.conv1(functional.pixel_unshuffle(x, 2))))
        x = functional.relu(self.norm2(self.conv2(x)))
        return self.norm3(self.conv3(x)).flatten(2).transpose(1, 2) + self.position


class Attention(nn.Module):
    """Multi-head self-attention; the key has no bias, which softmax would not see."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features, bias=False)
        self.value = nn.Linear(features, features)
        self.output = nn.Linear(features, features)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """Maps tokens (N, T, F) to (N, T, F)."""
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        taken = functional.scaled_dot_product_attention(query, key, value)
        return self.output(taken.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and two dense layers, each branch left out for some pictures."""

    def __init__(self, features: int, heads: int, hidden: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features, eps=1e-6)
        self.attention = Attention(features, heads)
        self.norm2 = nn.LayerNorm(features, eps=1e-6)
        self.dense1 = nn.Linear(features, hidden)
        self.dense2 = nn.Linear(hidden, features)
        self.rate = drop

    def forward(self, x: Tensor) -> Tensor:
        """Maps tokens (N, T, features) to (N, T, features)."""
        x = x + self._dropped(self.attention(self.norm1(x)))
        hidden = functional.gelu(self.dense1(self.norm2(x)), approximate="tanh")
        return x + self._dropped(self.dense2(hidden))

    def _dropped(self, branch: Tensor) -> Tensor:
        """Stochastic depth: one draw a picture."""
        if not self.training:
            return branch
        kept = torch.empty(len(branch), 1, 1, dtype=branch.dtype).bernoulli_(1 - self.rate)
        return branch * (kept / (1 - self.rate))


class TokenHead(nn.Module):
    """Normalisation, mean over the tokens, one dense layer."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.dense = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Maps tokens (N, T, features) to logits (N, classes)."""
        return self.dense(self.norm(x).mean(1))


class ViT(nn.Sequential):
    """Our `vit`: (N, 1, 28, 28) to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        for number in range(1, 5):
            self.add_module(f"stage{number}", Block(80, 4, 160, 0.1 * number / 4))
        self.head = TokenHead(80, 10)


NETWORKS: dict[str, Callable[[], nn.Module]] = {"cnn": CNN, "cnn-classic": CNNClassic, "vit": ViT}
# Ours flattens rows, columns, channels; PyTorch channels, rows, columns.
FLATTENED = {"stage3/dense/kernel": (7, 7, 64)}


def copy_weights(model: nn.Module, params: Weights, stats: Weights) -> None:
    """Writes our weights, path -> array, into a network of the same name.

    Raises:
        RuntimeError: The two have not the same parameters.
    """
    ours = {**{path: np.asarray(a) for path, a in params.items()}, **_statistics(stats)}
    state = {_name(path): torch.from_numpy(_turned(path, array)) for path, array in ours.items()}
    theirs = [name for name in model.state_dict() if not name.endswith("num_batches_tracked")]
    if sorted(theirs) != sorted(state):
        raise RuntimeError(f"other parameters: {sorted(set(theirs) ^ set(state))}")
    model.load_state_dict(state, strict=False)


def _statistics(stats: Weights) -> dict[str, np.ndarray]:
    """Means and variances; the rest of ours (counters) has no counterpart."""
    return {p: np.asarray(a) for p, a in stats.items() if p.split("/")[-1] in ("mean", "var")}


def _name(path: str) -> str:
    *layers, leaf = path.split("/")
    names = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return ".".join([*layers, names.get(leaf, leaf)])


def _turned(path: str, array: np.ndarray) -> np.ndarray:
    """An array of ours in PyTorch's order of axes."""
    if path in FLATTENED:
        array = array.reshape(*FLATTENED[path], -1).transpose(2, 0, 1, 3)
        array = array.reshape(-1, array.shape[-1])
    if path.endswith("/kernel"):
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
    return np.array(array, order="C")  # a copy: PyTorch wants to own it
