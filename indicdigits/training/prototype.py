"""A head without training: the class whose training pictures have the nearest mean.

The features are what the last dense layer sees. With class means mu_c and a scale s, the kernel's
columns are s mu_c and the biases -s |mu_c|² / 2: the logits are -s/2 times the squared distances to
the means, up to what is the same for all classes of a picture (prototypical networks, Snell et al.
2017; weight imprinting, Qi et al. 2018). Training may go on from there, or not at all.

Where the head is used as it is, 1/s is the features' variance within a class, measured where it
counts, along the lines between the class means: a log-odds then has a variance of twice its mean,
as a calibrated one has. The mean variance of all features, which linear discriminant analysis with
one spherical covariance would take, makes log-odds 6 to 30 times too large here: the features are
far from independent.

Where training goes on, 1/s is the variance of the class means instead: the logit of a class mean is
then 1 above the others, on average. Calibrated log-odds leave the very pictures that the means are
made of hardly a gradient; with five labels a class that cost a point of accuracy.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from indicdigits.data.source import Split
from indicdigits.models import freeze, surgery
from indicdigits.training.prediction import predict_all

ROUNDING = 1e-12  # of float32, squared
Floats = npt.NDArray[np.float64]


def set_head(model: nnx.Module, train: Split, classes: int, *, trained: bool) -> None:
    """Makes the head of a network from the class means of the training pictures.

    Args:
        model: A backbone whose head ends in a dense layer; changed in place.
        train: Un-augmented; a picture counts as often as it stands there. Every class has one.
        classes: Their number C.
        trained: Whether training goes on from there.
    """
    keys, first, which = np.unique(train.keys, return_index=True, return_inverse=True)
    counts = np.zeros((len(keys), classes))
    np.add.at(counts, (which, train.labels), 1)
    features = features_of(model, train.images[first])
    kernel, bias = nearest_mean(
        features.astype(np.float64), counts / counts.sum(0), trained=trained
    )
    _, weights = surgery.split(model)
    head = {"head/dense/kernel": kernel, "head/dense/bias": bias}
    arrays = {path: jnp.asarray(array, jnp.float32) for path, array in head.items()}
    surgery.assign(model, surgery.Weights(params=weights.params | arrays, stats=weights.stats))


def features_of(model: nnx.Module, images: npt.NDArray[np.uint8]) -> np.ndarray:
    """What the last dense layer sees of images (N, S, S), in evaluation mode: (N, F) float32."""
    freeze.set_modes(model, None)
    graph, weights = surgery.split(model)

    def features(params: surgery.Arrays, stats: surgery.Arrays, images: jax.Array) -> jax.Array:
        model = surgery.merge(graph, params, stats)
        return model.features(images.astype(jnp.float32)[..., None] / 255)

    return predict_all(jax.jit(features), weights, images)


def nearest_mean(features: Floats, shares: Floats, *, trained: bool) -> tuple[Floats, Floats]:
    """The dense layer that answers the class with the nearest mean.

    Args:
        features: (N, F), of different pictures.
        shares: (N, C), which part of a class each picture is; columns sum to 1.
        trained: Whether training goes on from there.

    Returns:
        Kernel (F, C) and bias (C,).
    """
    means = shares.T @ features
    lines = means - means.mean(0)
    size = np.square(lines).sum()
    if size <= ROUNDING * np.square(means).sum():
        scale = 1.0  # all pictures look alike: with any scale, so do the logits
    elif trained:
        scale = (len(means) - 1) / size
    else:
        scale = 1 / variance(features - means.mean(0), shares, lines)
    return scale * means.T, -scale / 2 * np.square(means).sum(1)


def variance(features: Floats, shares: Floats, lines: Floats) -> float:
    """The features' variance within a class, along the lines between the class means.

    The spread of the class means themselves counts as C - 1 further observations. It is an upper
    bound, and all that is known where each class has one picture; with a few it allows for means
    that are not known well; with many it hardly counts. On held-out training pictures of three
    scripts, with four backbones and 1 to 100 pictures a class, the scale that fits best was half to
    twice this one's.

    Args:
        features: (N, F), less the mean of the class means.
        shares: (N, C), columns sum to 1.
        lines: (C, F), the class means, less their mean; not all 0.
    """
    along, centres = features @ lines.T, lines @ lines.T
    within = np.maximum(shares.T @ np.square(along).sum(1) - np.square(centres).sum(1), 0)
    # Pictures that say as much as the weighted ones (Kish 1965): copies are no evidence of spread.
    number = 1 / np.square(shares).sum(0)
    freedom = (number - 1).sum() + len(lines) - 1
    return float((number @ within + np.square(centres).sum()) / (freedom * np.square(lines).sum()))
