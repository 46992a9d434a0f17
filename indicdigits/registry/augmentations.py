"""The augmentations, each with its numbers and their ranges."""

from __future__ import annotations

from indicdigits.registry.entries import Entry, Option, Registry

AUGMENTATIONS: Registry[Entry] = Registry("augmentation")

_AUGMENT = "indicdigits.data.augment:"
_PROBABILITY = Option(default=1.0, low=0.0, high=1.0)

AUGMENTATIONS.register(
    "affine",
    Entry(
        factory=_AUGMENT + "affine",
        summary="shift, zoom, rotation and shear in one warp",
        options={
            "shift": Option(default=0.08, low=0.0, high=0.5),  # fraction of the side
            "zoom": Option(default=0.1, low=0.0, high=0.5),  # 0.1: 0.9 to 1.1
            "rotate": Option(default=10.0, low=0.0, high=45.0),  # degrees, both ways
            "shear": Option(default=8.0, low=0.0, high=45.0),  # degrees, both ways
            "probability": _PROBABILITY,
        },
    ),
)
AUGMENTATIONS.register(
    "elastic",
    Entry(
        factory=_AUGMENT + "elastic",
        summary="a smooth random displacement field",
        options={
            "alpha": Option(default=30.0, low=0.0, high=200.0),  # displacement, before blur
            "sigma": Option(default=5.0, low=1.0, high=20.0),  # blur of the field, pixels
            "probability": _PROBABILITY,
        },
    ),
)
AUGMENTATIONS.register(
    "thickness",
    Entry(
        factory=_AUGMENT + "thickness",
        summary="thicker or thinner strokes by grey dilation or erosion",
        options={
            "width": Option(default=2.0, low=2.0, high=5.0),  # side of the kernel, pixels
            "probability": Option(default=0.3, low=0.0, high=1.0),
        },
    ),
)
AUGMENTATIONS.register(
    "noise",
    Entry(
        factory=_AUGMENT + "noise",
        summary="additive Gaussian noise",
        options={
            "std": Option(default=0.1, low=0.0, high=0.5),  # upper end, as a fraction of white
            "grain": Option(default=1.0, low=1.0, high=8.0),  # pixels; above 1 it is smooth
            "probability": Option(default=0.3, low=0.0, high=1.0),
        },
    ),
)
