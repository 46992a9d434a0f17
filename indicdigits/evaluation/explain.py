"""Why a picture is read as it is: a map of what speaks for an answer, for networks and readers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.datasets.labelled_images.table import allowed_labels, label_index, scripts_of
from indicdigits.errors import PictureError, UsageError, did_you_mean
from indicdigits.evaluation.explainable import METHODS, Explainable, Maps, explainable
from indicdigits.imaging.decode import Source, read_picture
from indicdigits.imaging.normalise import ink_found, is_crowded, normalise
from indicdigits.runtime.doubt import Judge
from indicdigits.runtime.reader import Alternative, Reader
from indicdigits.runtime.reading import CROWDED

if TYPE_CHECKING:
    from indicdigits.training.weights import LoadedModel

MOST_ANSWERS = 3


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why one picture is read as one class.

    Attributes:
        network: Who was asked.
        picture: uint8 (S, S), what the network saw: light ink on black.
        saliency: float32 (S, S) in [0, 1], in the same coordinates; what speaks for the class, the
            strongest place 1, or all 0 where nothing does.
        method: How it was asked.
        of: Index of the class that is explained.
        explained: That class, and how probable the network thinks it.
        answers: The most probable classes, the most probable first.
        refused: Why the network does not stand by its answer, or None.
    """

    network: Explainable
    picture: NDArray[np.uint8]
    saliency: Maps
    method: str
    of: int
    explained: Alternative
    answers: tuple[Alternative, ...]
    refused: str | None

    @property
    def caption(self) -> str:
        """What the map shows, and what it does not."""
        says = METHODS[self.method].says
        if not self.saliency.any():
            return f"{says} Here nothing speaks for the class."
        return f"{says} The strongest place is drawn fullest, however weak it is."

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data, for `--json`."""
        return {
            "network": self.network.name,
            "method": self.method,
            "class": asdict(self.explained),
            "answers": [asdict(one) for one in self.answers],
            "refused": self.refused,
            "caption": self.caption,
            "saliency": [[round(float(x), 4) for x in row] for row in self.saliency],
        }


def saliency(
    network: LoadedModel | Reader | Explainable,
    images: NDArray[np.uint8],
    classes: NDArray[np.integer],
    *,
    method: str | None = None,
) -> Maps:
    """What speaks for a class in each of many pictures.

    Args:
        network: Whom to ask.
        images: uint8 (N, S, S), light ink on black, at the network's input size.
        classes: (N,), the index of the class to explain for each.
        method: One of `METHODS` that fits the network; the first of them by default.

    Returns:
        float32 (N, S, S) in [0, 1], pixel for pixel: each picture's strongest place is 1, and a
        picture without ink, or in which nothing speaks for the class, is 0 everywhere.

    Raises:
        UsageError: The method is not known or does not fit.
    """
    asked = explainable(network)
    name = _chosen(asked, method)
    if not len(images):
        return np.zeros(images.shape, np.float32)
    found = np.maximum(METHODS[name].ask(asked, images, np.asarray(classes)), 0)
    found[~images.any(axis=(1, 2))] = 0  # what a network makes of blank paper explains no digit
    strongest = found.max(axis=(1, 2), keepdims=True)
    return np.asarray(found / np.where(strongest > 0, strongest, 1), np.float32)


def explain(
    network: LoadedModel | Reader | Explainable,
    picture: Source,
    *,
    method: str | None = None,
    of: str | None = None,
) -> Explanation:
    """Why a picture of one digit is read as it is.

    Args:
        network: Whom to ask.
        picture: A path, the bytes of an image file, a PIL image, or a uint8 array.
        method: As for `saliency`.
        of: The class to explain, by its text or value; the answer by default.

    Raises:
        PictureError: It is no usable picture, or shows no ink.
        UsageError: The method or the class is not known or does not fit.
    """
    asked = explainable(network)
    name = _chosen(asked, method)
    chosen = None if of is None else _class(asked, of)
    if chosen is None and asked.heads is not None:
        raise UsageError(
            "has a head for each script, and which one reads a picture must be told",
            where=asked.name,
            hint=f"--class {asked.classes[0].text}, or another digit of the picture's script",
        )
    decoded = read_picture(picture)
    pixels = normalise(decoded, asked.input_size)
    if not ink_found(pixels):
        raise PictureError(
            "no ink found: all of it is paper, or all of it is ink",
            where=picture if isinstance(picture, (str, Path)) else None,
            hint="a picture of one digit, with paper around it",
        )
    row = asked.probabilities(pixels[np.newaxis])[0]
    if asked.heads is not None and chosen is not None:
        head = np.asarray(asked.heads)
        row = np.where(head == head[chosen], row, np.float32(0))
    best, refused = Judge(asked.classes, asked.acceptance).answer(row)
    if is_crowded(decoded):
        refused = CROWDED
    likeliest = np.argsort(-row, kind="stable").tolist()
    order = [best, *(other for other in likeliest if other != best)][:MOST_ANSWERS]
    index = best if chosen is None else chosen
    found = saliency(asked, pixels[np.newaxis], np.array([index]), method=name)[0]

    def alternative(at: int) -> Alternative:
        known = asked.classes[at]
        return Alternative(text=known.text, value=known.value, probability=float(row[at]))

    return Explanation(
        network=asked,
        picture=pixels,
        saliency=found,
        method=name,
        of=index,
        explained=alternative(index),
        answers=tuple(map(alternative, order)),
        refused=refused,
    )


def _chosen(network: Explainable, method: str | None) -> str:
    """The method's name, checked."""
    fitting = network.methods
    if method is None:
        return fitting[0]
    if method not in METHODS:
        raise UsageError(
            f"unknown method {method!r}",
            where="--method",
            allowed=", ".join(METHODS),
            hint=did_you_mean(method, METHODS),
        )
    if method in fitting:
        return method
    if network.backbone is None:
        raise UsageError(
            f"{METHODS[method].title} needs the network, and a bundle holds an inference graph, "
            "which has no gradients",
            where=network.name,
            allowed=", ".join(fitting),
            hint="the run or checkpoint that the bundle was exported from",
        )
    raise UsageError(
        f"{METHODS[method].title} does not fit this backbone: {METHODS[method].says}",
        where=network.name,
        allowed=", ".join(fitting),
    )


def _class(network: Explainable, of: str) -> int:
    """The index of a class by its text, by script and value, or by a value that one class has.

    Raises:
        UsageError: No class is called so, or several are.
    """
    classes = network.classes
    several = [f"{script}-{of}" for script in scripts_of(of, classes)]
    same = [entry.text for entry in classes if str(entry.value) == of]
    index = label_index(of, classes)
    if index is not None and (len(same) < 2 or of in [entry.text for entry in classes]):
        return index
    raise UsageError(
        f"{len(same)} classes have the value {of}" if same else f"no class is {of!r}",
        where="--class",
        allowed=", ".join(several or same) or allowed_labels(classes),
    )
