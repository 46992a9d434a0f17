"""The imaging step inside an ONNX graph: what `imaging.normalise` does, in standard operators.

Resampling is two matrix products (rows, then columns), whose weights the graph computes from the
box of the ink: overlaps of cells where it shrinks, as OpenCV's INTER_AREA, and triangles where it
enlarges, as INTER_LINEAR. Otsu's threshold and the quantiles come from a histogram by scattering.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from indicdigits.export.graphs import LUMINANCE, Ends
from indicdigits.export.nodes import Builder
from indicdigits.export.resampling import count_up_to, overlap, resampling, side_of
from indicdigits.imaging.normalise import SPEC
from indicdigits.imaging.paper import SPEC as PAPER

# What connected components and running medians would be needed for.
NOT_EXPRESSED = (
    "shade, stains, noise and texture of the paper are not taken off",
    "specks and dirt beside the digit are not removed",
    "coloured ink is told from coloured paper by its brightness alone",
)
PREPARED = "prepared"


def with_preprocessing(model: Any, size: int, ends: Ends) -> Any:
    """Puts the imaging step in front of a network.

    Args:
        model: An ONNX model whose input `image` is float32 (N,S,S,1); changed in place.
        size: S, pixels.
        ends: Layout and channels of the pictures.

    Returns:
        The same model. Its input `image` is uint8 (N,H,W,channels) or (N,channels,H,W), H and W
        free: N pictures of one size.
    """
    build = imaging(size, ends)
    graph = model.graph
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == "image":
                node.input[index] = PREPARED
    for node in reversed(build.nodes):
        graph.node.insert(0, node)
    graph.initializer.extend(build.constants)
    shape: list[Any] = ["N", "H", "W", ends.channels]
    if ends.layout == "NCHW":
        shape = ["N", ends.channels, "H", "W"]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, shape))
    onnx.checker.check_model(model, full_check=True)
    return model


def imaging(size: int, ends: Ends) -> Builder:
    """The nodes from `image` to `prepared`, float32 (N,S,S,1) in [0,1]."""
    build = Builder("imaging")
    grey = _shrunk(build, _grey(build, ends))
    histogram = _histogram(build, grey)
    light = build.number(build("Greater", grey, _otsu(build, histogram)))
    is_ink = _light_is_ink(build, light)
    grey = build("Where", is_ink, grey, build("Sub", 255.0, grey))
    mask = build("Where", is_ink, light, build("Sub", 1.0, light))
    turned = build("Gather", histogram, build.whole(*range(255, -1, -1)), axis=1)
    flat = build("Squeeze", is_ink, build.whole(2))
    histogram = build("Where", flat, histogram, turned)
    grey, full = _without_paper(build, grey, mask, histogram)
    box = _ink_box(build, grey, mask, full)
    placed = _placed(build, grey, box, full, size)
    blank = build("Less", _contrast(build, histogram), float(SPEC["least_contrast"]))
    placed = build("Where", blank, 0.0, build("Div", placed, 255.0))
    last = build("Unsqueeze", placed, build.whole(3))
    build.nodes.append(helper.make_node("Identity", [last], [PREPARED]))
    return build


def _grey(build: Builder, ends: Ends) -> str:
    """(N,H,W), grey levels as float32: the luminance where there is colour, else green."""
    image = build.number("image")
    if ends.layout == "NCHW":
        image = build("Transpose", image, perm=[0, 2, 3, 1])
    if ends.channels == 1:
        return build("Squeeze", image, build.whole(3))
    red, green, blue = (
        build("Squeeze", build("Gather", image, build.whole(channel), axis=3), build.whole(3))
        for channel in range(3)
    )
    weights = build.constant(np.reshape(LUMINANCE, (3, 1)))
    luminance = build("Round", build("Squeeze", build("MatMul", image, weights), build.whole(3)))
    apart = build(
        "Max",
        build("Abs", build("Sub", red, green)),
        build("Abs", build("Sub", green, blue)),
    )
    coloured = build(
        "Greater", build("ReduceMax", apart, axes=[1, 2], keepdims=1), float(PAPER["colour"])
    )
    return build("Where", coloured, luminance, green)


def _shrunk(build: Builder, grey: str) -> str:
    """The same with its longer side at most `work_side`, by area averaging."""
    sides = [side_of(build, grey, axis) for axis in (1, 2)]
    longer = build("Max", *sides)
    factor = build("Min", 1.0, build("Div", float(SPEC["work_side"]), longer))
    for axis, side in enumerate(sides):
        to = build("Max", 1.0, build("Round", build("Mul", side, factor)))
        outputs, inputs = count_up_to(build, to), count_up_to(build, side)
        step = build("Div", side, to)
        low = build("Mul", build("Unsqueeze", outputs, build.whole(1)), step)
        weights = overlap(build, low, step, build("Unsqueeze", inputs, build.whole(0)))
        turned = build("Transpose", weights, perm=[1, 0])
        grey = build("MatMul", grey, turned) if axis else build("MatMul", weights, grey)
    return build("Round", grey)


def _histogram(build: Builder, grey: str) -> str:
    """(N,256), how many pixels have each grey level, as float64."""
    levels = build("Flatten", build.to(grey, TensorProto.INT64), axis=1)
    shape = build("Shape", levels)
    count = build("Gather", shape, build.whole(0))
    one = helper.make_tensor("value", TensorProto.DOUBLE, [1], [1.0])
    zero = helper.make_tensor("value", TensorProto.DOUBLE, [1], [0.0])
    empty = build("ConstantOfShape", build("Concat", count, build.whole(256), axis=0), value=zero)
    ones = build("ConstantOfShape", shape, value=one)
    return build("ScatterElements", empty, levels, ones, axis=1, reduction="add")


def _otsu(build: Builder, histogram: str) -> str:
    """(N,1,1), Otsu's threshold as OpenCV finds it: ink or paper is what lies above."""
    axis, levels = build.whole(1), build.constant(np.arange(256), np.float64)
    total = build.sum(histogram, 1)
    share = build("Div", histogram, total)
    below = build("CumSum", share, axis)
    mean_below = build("CumSum", build("Mul", share, levels), axis)
    mean = build.sum(build("Mul", share, levels), 1)
    apart = build("Sub", build("Mul", mean, below), mean_below)
    one = build.constant(1.0, np.float64)
    product = build("Mul", below, build("Sub", one, below))
    # A class with nothing in it is no class; the guard stands where a division by 0 would.
    usable = build("Greater", product, build.constant(1e-7, np.float64))
    variance = build("Div", build("Mul", apart, apart), build("Where", usable, product, one))
    variance = build("Where", usable, variance, build.constant(-1.0, np.float64))
    best = build.number(build("ArgMax", variance, axis=1, keepdims=1))
    return build("Unsqueeze", best, build.whole(2))


def _light_is_ink(build: Builder, light: str) -> str:
    """Bool (N,1,1), by area, border and corners, as `normalise._light_is_ink`."""
    height, width = (side_of(build, light, axis) for axis in (1, 2))
    ends = build.whole(0, -1)
    rows = build("Gather", light, ends, axis=1)
    columns = build("Gather", light, ends, axis=2)
    corners = build("Gather", rows, ends, axis=2)
    border = build("Add", build.sum(rows, 1, 2), build.sum(columns, 1, 2))
    around = build("Mul", 2.0, build("Add", height, width))
    votes = build("Div", build.sum(light, 1, 2), build("Mul", height, width))
    votes = build("Add", votes, build("Div", border, around))
    votes = build("Add", votes, build("Div", build.sum(corners, 1, 2), 4.0))
    return build("LessOrEqual", votes, 1.5)


def _contrast(build: Builder, histogram: str) -> str:
    """(N,1,1), grey levels between the darkest and the lightest pixel."""
    present = build.to(
        build("Greater", histogram, build.constant(0.0, np.float64)), TensorProto.INT32
    )
    last, first = (
        build.number(build("ArgMax", present, axis=1, keepdims=1, select_last_index=choice))
        for choice in (1, 0)
    )
    return build("Unsqueeze", build("Sub", last, first), build.whole(2))


def _without_paper(build: Builder, grey: str, mask: str, histogram: str) -> tuple[str, str]:
    """Grey levels above the paper's, and that of full ink (N,1,1)."""
    cumulative = build("CumSum", histogram, build.whole(1))
    every = build.sum(histogram, 1)
    ink = build("Squeeze", build.sum(mask, 1, 2), build.whole(2))
    ink = build.to(ink, TensorProto.DOUBLE)
    paper = build("Sub", every, ink)

    def level(of_paper: float, of_ink: float) -> str:
        rank = build(
            "Add",
            build("Mul", paper, build.constant(of_paper, np.float64)),
            build("Mul", ink, build.constant(of_ink, np.float64)),
        )
        below = build.number(build("Less", cumulative, rank))
        return build("Unsqueeze", build.sum(below, 1), build.whole(2))

    quarter, median = level(0.25, 0.0), level(0.5, 0.0)
    full = level(1.0, float(SPEC["ink_quantile"]))
    noise = build("Mul", 3.0, build("Sub", median, quarter))
    middle = build("Floor", build("Div", build("Add", median, full), 2.0))
    black = build("Min", build("Add", median, noise), middle)
    above = build("Sub", build("Max", grey, black), black)
    return above, build("Max", build("Sub", full, black), 1.0)


def _ink_box(
    build: Builder, grey: str, mask: str, full: str
) -> tuple[tuple[str, str], tuple[str, str]]:
    """First pixel and length of the ink, down and across, each (N,1,1)."""
    tight = [_extent(build, mask, axis) for axis in (1, 2)]
    longer = build("Max", tight[0][1], tight[1][1])
    grow = build("Add", 1.0, build("Floor", build("Div", longer, 20.0)))
    windows, inside = [], build.number(build("Greater", grey, _fringe(build, full)))
    for axis, (first, length) in zip((1, 2), tight, strict=True):
        side = side_of(build, grey, axis)
        low = build("Max", build("Sub", first, grow), 0.0)
        high = build("Min", build("Add", build("Add", first, length), grow), side)
        windows.append((low, build("Sub", high, low)))
        places = build("Unsqueeze", count_up_to(build, side), build.whole(1 if axis == 1 else 0))
        within = build("And", build("GreaterOrEqual", places, low), build("Less", places, high))
        inside = build("Mul", inside, build.number(within))
    any_left = build("Greater", build.sum(inside, 1, 2), 0.0)
    found = []
    for axis, window in zip((1, 2), windows, strict=True):
        soft = _extent(build, inside, axis)
        pairs = zip(soft, window, strict=True)
        first, length = (build("Where", any_left, one, other) for one, other in pairs)
        found.append((first, length))
    return found[0], found[1]


def _fringe(build: Builder, full: str) -> str:
    return build("Mul", full, float(SPEC["fringe"]))


def _extent(build: Builder, mask: str, axis: int) -> tuple[str, str]:
    """First place and length of what is not zero, along an axis of (N,H,W), each (N,1,1)."""
    other = 3 - axis
    anything = build("ReduceMax", mask, axes=[other], keepdims=1)
    first, last = (
        build.number(build("ArgMax", anything, axis=axis, keepdims=1, select_last_index=choice))
        for choice in (0, 1)
    )
    return first, build("Add", build("Sub", last, first), 1.0)


def _placed(
    build: Builder, grey: str, box: tuple[tuple[str, str], tuple[str, str]], full: str, size: int
) -> str:
    """(N,S,S), grey levels: the box at its size, its centre of mass in the middle."""
    wanted = float(round(SPEC["box"] * size))
    longer = build("Max", box[0][1], box[1][1])
    off = build("Abs", build("Sub", longer, wanted))
    resampled = build("Greater", off, wanted * float(SPEC["scale_tolerance"]))
    # In double precision, as in Python: sides that are half a pixel must be rounded alike.
    exact = build("Div", build.constant(wanted, np.float64), build.to(longer, TensorProto.DOUBLE))
    exact = build("Where", resampled, exact, build.constant(1.0, np.float64))
    factor = build.number(exact)
    smaller = build("Less", factor, 1.0)
    lengths, ink = [], grey
    for axis, (first, length) in zip((1, 2), box, strict=True):
        product = build("Mul", build.to(length, TensorProto.DOUBLE), exact)
        to = build("Max", 1.0, build.number(build("Round", product)))
        lengths.append(to)
        weights = resampling(build, grey, axis, (first, length, to), smaller, size)
        ink = build("MatMul", weights, ink) if axis == 1 else build("MatMul", ink, weights)
    ink = build("Round", ink)
    peak = build("Max", build("ReduceMax", ink, axes=[1, 2], keepdims=1), 1.0)
    full = build("Where", smaller, build("Min", full, peak), full)
    ink = build("Min", 255.0, build("Round", build("Mul", ink, build("Div", 255.0, full))))
    return _centred(build, ink, lengths, size)


def _centred(build: Builder, ink: str, lengths: list[str], size: int) -> str:
    """Moves the ink by whole pixels, so that its centre of mass comes to the middle."""
    places = np.arange(size)
    mass = build.sum(ink, 1, 2)
    for axis, length in zip((1, 2), lengths, strict=True):
        along = build.constant(places.reshape((-1, 1) if axis == 1 else (1, -1)))
        moment = build.sum(build("Mul", ink, along), 1, 2)
        centre = build("Div", moment, build("Max", mass, 1.0))
        shift = build("Round", build("Sub", size / 2, centre))
        shift = build("Min", build("Max", shift, 0.0), build("Sub", float(size), length))
        steps = build.constant(places[:, None] - places)  # target less source
        moved = build.number(build("Equal", steps, shift))
        if axis == 2:
            moved = build("Transpose", moved, perm=[0, 2, 1])
        ink = build("MatMul", moved, ink) if axis == 1 else build("MatMul", ink, moved)
    return ink
