"""What a network costs: the multiply-adds of one picture, counted rather than estimated."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.extend import core


def multiply_adds(model: nnx.Module, input_size: int) -> int:
    """Counts the multiply-adds of reading one picture.

    Products of matrices and convolutions are counted, as is customary; element by element work
    (biases, norms, activations, pooling) is not. A loop of unknown length is counted once.

    Args:
        model: Maps images (N, S, S, 1), float32, to logits; traced in evaluation mode, left as
            it is.
        input_size: Height and width of the picture in pixels.

    Returns:
        The count; a padded convolution counts its padding as well.
    """
    graph, state = nnx.split(model)

    def read(state: Any, images: jax.Array) -> Any:
        copy = nnx.merge(graph, state)
        copy.eval()
        return copy(images)

    images = jax.ShapeDtypeStruct((1, input_size, input_size, 1), jnp.float32)
    return _count(jax.make_jaxpr(read)(state, images).jaxpr)


def _count(jaxpr: core.Jaxpr) -> int:
    return sum(_count_one(equation) for equation in jaxpr.eqns)


def _count_one(equation: core.JaxprEqn) -> int:
    if equation.primitive.name == "conv_general_dilated":
        return _convolution(equation)
    if equation.primitive.name == "dot_general":
        return _product(equation)
    inner = [_count(jaxpr) for jaxpr in core.jaxprs_in_params(equation.params)]
    if equation.primitive.name == "cond":  # one branch runs; the dearest, to be safe
        return max(inner)
    times = equation.params["length"] if equation.primitive.name == "scan" else 1
    return times * sum(inner)


def _convolution(equation: core.JaxprEqn) -> int:
    """Every output is a sum over the kernel's window and its inputs, those of its own group."""
    kernel = _shape(equation.invars[1])
    outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    return math.prod(_shape(equation.outvars[0])) * (math.prod(kernel) // outputs)


def _product(equation: core.JaxprEqn) -> int:
    """Every output is a sum over the contracted dimensions; batch dimensions are outputs."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    return math.prod(_shape(equation.outvars[0])) * math.prod(left[axis] for axis in contracted)


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(variable.aval.shape)
