"""What paper, pen, scanner and phone do to a picture: the one home of such effects.

Every effect is a function of a uint8 grey picture (H,W), dark ink on light paper, a numpy
`Generator` and a strength from 0 (leaves the picture as it is) to 1 (as bad as a person still
reads, about). It answers a new uint8 picture of the same shape; the same generator state gives the
same bytes. Effects are registered by name, in two families: "paper and scanner", what befalls
pages, and "MNIST-C", the fifteen corruptions that networks are compared on.

    from indicdigits.imaging.degrade import EFFECTS, degrade
    worse = degrade(picture, "shade", np.random.default_rng(7), strength=0.5)
"""

from indicdigits.imaging.degrade import mnist_c, mnist_c_drawn, page, sensor  # their effects
from indicdigits.imaging.degrade.effect import (
    EFFECTS,
    STRENGTH,
    Effect,
    Family,
    Picture,
    degrade,
)

__all__ = [
    "EFFECTS",
    "STRENGTH",
    "Effect",
    "Family",
    "Picture",
    "degrade",
    "mnist_c",
    "mnist_c_drawn",
    "page",
    "sensor",
]
