"""Resampling in an ONNX graph: weights that the graph computes from lengths it has found itself."""

from __future__ import annotations

import numpy as np

from indicdigits.export.nodes import Builder


def side_of(build: Builder, grey: str, axis: int) -> str:
    """Height or width as a float32 scalar."""
    shape = build("Shape", grey)
    return build.number(build("Gather", shape, build.constant(axis, np.int64)))


def count_up_to(build: Builder, end: str) -> str:
    """0, 1, … before a float32 scalar, as float32."""
    return build("Range", build.constant(0.0), end, build.constant(1.0))


def overlap(build: Builder, low: str, step: str, cell: str) -> str:
    """How much of [low, low + step) each cell of side one covers, as a part of the whole."""
    high = build("Add", low, step)
    shared = build("Sub", build("Min", high, build("Add", cell, 1.0)), build("Max", low, cell))
    return build("Div", build("Max", shared, 0.0), step)


def resampling(
    build: Builder, grey: str, axis: int, box: tuple[str, str, str], smaller: str, size: int
) -> str:
    """Weights (N,S,H) down or (N,W,S) across: each output's share of every pixel."""
    first, length, to = box
    outputs = build.constant(np.arange(size).reshape((-1, 1) if axis == 1 else (1, -1)))
    places = build(
        "Unsqueeze",
        count_up_to(build, side_of(build, grey, axis)),
        build.whole(0 if axis == 1 else 1),
    )
    cell = build("Sub", places, first)
    step = build("Div", length, to)
    area = overlap(build, build("Mul", outputs, step), step, cell)
    centre = build("Sub", build("Mul", build("Add", outputs, 0.5), step), 0.5)
    centre = build("Max", 0.0, build("Min", centre, build("Sub", length, 1.0)))
    linear = build("Max", 0.0, build("Sub", 1.0, build("Abs", build("Sub", centre, cell))))
    inside = build("And", build("GreaterOrEqual", cell, 0.0), build("Less", cell, length))
    used = build("And", inside, build("Less", outputs, to))
    return build("Where", used, build("Where", smaller, area, linear), 0.0)
