"""How a network reads pictures that something has happened to, effect by effect.

MNIST-C (Mu and Gilmer 2019) corrupts the picture of the network's size and gives it to the network
as it is; so is it measured here, and besides through `normalise`, which every picture passes that a
user gives a reader. What happens to paper and in scanners is measured through `normalise` alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicdigits.errors import UsageError
from indicdigits.evaluation.metrics import score
from indicdigits.imaging.degrade import EFFECTS, STRENGTH, Effect, degrade
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter
from indicdigits.recipe import Recipe

Predict = Callable[[NDArray[np.uint8]], NDArray[np.floating]]

STRENGTHS = (0.25, STRENGTH, 0.75, 1.0)
# Number of an augmentation that is above 0 -> the effect that it makes in training.
_SEEN_IN_TRAINING = {
    ("affine", "shift"): "translate",
    ("affine", "zoom"): "scale",
    ("affine", "rotate"): "rotate",
    ("affine", "shear"): "shear",
    ("noise", "std"): "gaussian_noise",
}
# The four of MNIST-C that training may use. The other eleven are never trained on, in any recipe.
TRAINABLE = frozenset(_SEEN_IN_TRAINING.values())


def trained_effects(recipe: Recipe) -> frozenset[str]:
    """The effects, by name, that a recipe's augmentations make in training."""
    found = {"translate"} if recipe.augment.jitter else set()
    for transform in recipe.augment.transforms:
        for (name, number), effect in _SEEN_IN_TRAINING.items():
            # A number that is not given has its default, which is above 0 for all of these.
            if transform["name"] == name and float(transform.get(number, 1)) > 0:
                found.add(effect)
    return frozenset(found)


def corrupted(
    images: NDArray[np.uint8], effect: str, strength: float, *, seed: int
) -> NDArray[np.uint8]:
    """Applies an effect to network inputs.

    Every picture has its own generator, seeded by its place, the effect and the seed: the strengths
    of an effect differ in nothing else, and a part of the pictures is corrupted as in the whole.

    Args:
        images: uint8 (N,S,S), light ink on black.
        effect: A key of `EFFECTS`.
        strength: 0 to 1.
        seed: Another seed, other chance.

    Returns:
        uint8 (N,S,S), light ink on black.
    """
    result = np.empty_like(images)
    name = zlib.crc32(effect.encode())
    for index, image in enumerate(images):
        rng = np.random.default_rng((seed, name, index))
        result[index] = 255 - degrade(255 - image, effect, rng, strength)
    return result


def measure_robustness(
    predict: Predict,
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    *,
    trained_with: frozenset[str] = frozenset(),
    effects: Sequence[str] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    prepared: Sequence[float] = (STRENGTH,),
    limit: int | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Reads the pictures under each effect and strength.

    Args:
        predict: uint8 (N,S,S), light ink on black -> probabilities (N,C).
        images: uint8 (N,S,S), light ink on black, as `normalise` makes them.
        labels: (N,) indices of classes.
        trained_with: What `trained_effects` says of the network's recipe.
        effects: Names of effects; all by default.
        strengths: Above 0 up to 1; the means are of those measured at `STRENGTH`.
        prepared: Strengths at which MNIST-C is measured through `normalise` besides.
        limit: At most so many pictures, evenly spread over the split; all by default.
        seed: Of the effects' chance.
        reporter: Where progress goes.

    Returns:
        Plain data: `n`, `seed`, `clean` (without an effect), `rows` and the means over the rows of
        MNIST-C (None where it was not measured at `STRENGTH`). A row has `effect`, `of`,
        `trained_with`, `through` ("as it is" or "normalise"), `strengths` and, of MNIST-C, the
        same through normalise as `prepared` (None where it was not measured).

    Raises:
        UsageError: No picture, or no such effect or strength.
    """
    if not len(labels):
        raise UsageError("there are no pictures to degrade", allowed="one or more")
    if limit is not None and limit < len(labels):
        chosen = np.linspace(0, len(labels) - 1, limit).round().astype(int)
        images, labels = images[chosen], labels[chosen]

    def read(pictures: NDArray[np.uint8], through: bool) -> dict[str, Any]:
        if through:
            size = pictures.shape[-1]
            pictures = np.stack([normalise(picture, size) for picture in pictures])
        return score(predict(pictures).argmax(axis=1) == labels)

    def row(effect: Effect) -> dict[str, Any]:
        straight = effect.family == "MNIST-C"
        points, through = [], []
        for strength in sorted({*strengths, *(prepared if straight else ())}):
            worse = corrupted(images, effect.name, strength, seed=seed)
            if strength in strengths:
                points.append({"strength": strength} | read(worse, not straight))
            if straight and strength in prepared:
                through.append({"strength": strength} | read(worse, True))
        return {
            "effect": effect.name,
            "of": effect.family,
            "trained_with": effect.name in trained_with,
            "through": "as it is" if straight else "normalise",
            "strengths": points,
            "prepared": through or None,
        }

    rows = []
    chosen_effects = [_find(name) for name in (EFFECTS if effects is None else effects)]
    for effect in chosen_effects:
        rows.append(row(effect))
        if reporter is not None:
            worst = min(point["accuracy"] for point in rows[-1]["strengths"])
            reporter.say(f"{effect.name}: {100 * worst:.1f} % at its worst")
    return {
        "n": len(labels),
        "seed": seed,
        "clean": read(images, False),
        "rows": rows,
        **means(rows),
    }


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Mean accuracies over MNIST-C at the published strength, straight and through `normalise`.

    "Never trained" are the eleven of the fifteen that no training may use, whatever it did use.
    """
    ours = [row for row in rows if row["of"] == "MNIST-C"]
    untrained = [row for row in ours if row["effect"] not in TRAINABLE]
    return {
        "mean_mnist_c": _mean(ours, "strengths"),
        "mean_never_trained": _mean(untrained, "strengths"),
        "mean_mnist_c_prepared": _mean(ours, "prepared"),
        "mean_never_trained_prepared": _mean(untrained, "prepared"),
    }


def at(points: Sequence[Mapping[str, Any]] | None, strength: float = STRENGTH) -> float | None:
    """The accuracy at one strength, or None where it was not measured."""
    found = [point["accuracy"] for point in points or () if point["strength"] == strength]
    return found[0] if found else None


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [at(row[key]) for row in rows]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _find(name: str) -> Effect:
    if name not in EFFECTS:
        raise UsageError(f"unknown effect {name!r}", allowed=", ".join(EFFECTS))
    return EFFECTS[name]
