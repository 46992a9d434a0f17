"""A graph that is written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Value = str | float


class Builder:
    """Nodes and constants of a graph, added one by one; numbers become constants.

    Args:
        prefix: Of every name.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Adds a node, and returns the name of its output."""
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        output = f"{self._prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, value: Any, dtype: type[np.generic] = np.float32) -> str:
        """Adds a constant, and returns its name."""
        name = f"{self._prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def whole(self, *values: int) -> str:
        """Adds a constant of axes or indices."""
        return self.constant(values, np.int64)

    def to(self, value: str, kind: int) -> str:
        """Casts to another type."""
        return self("Cast", value, to=kind)

    def number(self, value: str) -> str:
        """Casts to float32."""
        return self.to(value, TensorProto.FLOAT)

    def sum(self, value: str, *axes: int, keep: bool = True) -> str:
        """Sums over axes."""
        return self("ReduceSum", value, self.whole(*axes), keepdims=int(keep))
