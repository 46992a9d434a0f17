"""Networks and readers that can be asked why they answer what they do, and the ways to ask.

A run or checkpoint is a network with gradients; a bundle or a shipped reader is an inference graph
without, and is asked by covering parts of the picture. Which methods fit is decided by what the
registry declares of a backbone. Nothing here imports JAX before a network is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indicdigits.errors import UsageError, did_you_mean
from indicdigits.evaluation.occlusion import Probabilities, occlusion
from indicdigits.progress import Reporter
from indicdigits.registry import BACKBONES
from indicdigits.registry.entries import BackboneEntry
from indicdigits.registry.shipped import shipped_weights
from indicdigits.runtime.acceptance import Acceptance, calibrated
from indicdigits.runtime.reader import Reader, load

if TYPE_CHECKING:
    from indicdigits.training.weights import LoadedModel

Maps = NDArray[np.float32]


class Class(Protocol):
    """What a network answers with: a text and its value, or none."""

    @property
    def text(self) -> str:
        """As it is written."""

    @property
    def value(self) -> int | None:
        """Its value."""


@dataclass(frozen=True, kw_only=True)
class Explainable:
    """A network or reader that can be asked why.

    Attributes:
        name: What it was loaded by, or is called.
        classes: What it answers with.
        input_size: Side of its input, pixels.
        probabilities: uint8 (N, S, S), light ink on black -> float32 (N, C).
        heads: The head of each class, where there is more than one; then a class must be named.
        acceptance: When it stands by an answer.
        model: The network itself, in evaluation mode; None of an inference graph.
        backbone: What the registry says of it; None of an inference graph.
    """

    name: str
    classes: tuple[Class, ...]
    input_size: int
    probabilities: Probabilities
    heads: tuple[int, ...] | None = None
    acceptance: Acceptance = field(default_factory=Acceptance)
    model: Any = None
    backbone: BackboneEntry | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that fit it, the first by default."""
        return tuple(name for name, method in METHODS.items() if method.fits(self.backbone))


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to ask why.

    Attributes:
        title: Its name for people.
        says: What its map shows and what it cannot, in a few sentences.
        fits: Whether it can be used with a backbone, or with an inference graph (None).
        ask: (network, images (N, S, S), classes (N,)) -> float32 (N, S, S), positive where
            something speaks for the class.
    """

    title: str
    says: str
    fits: Callable[[BackboneEntry | None], bool]
    ask: Callable[[Explainable, NDArray[np.uint8], NDArray[np.integer]], Maps]


def open_network(name: str) -> Explainable:
    """The network of a run, checkpoint or shipped backbone; the reader of a bundle or script.

    Raises:
        CheckpointError: The run or checkpoint is missing or damaged.
        UsageError: Nothing goes by that name.
        VerificationError: The bundle is damaged.
    """
    if Path(name).is_dir() or name in shipped_weights():
        from indicdigits.evaluation.subject import open_subject

        subject = open_subject(name, Reporter(quiet=True))
        return of_model(subject.network, name=name, acceptance=subject.acceptance)
    try:
        return of_reader(load(name))
    except UsageError as error:
        raise UsageError(
            f"no run, checkpoint or reader is called {name!r}",
            allowed="a run folder, a checkpoint folder, a bundle; or of what ships: "
            + ", ".join(shipped_weights())
            + f"; {error.allowed}",
            hint=error.hint or did_you_mean(name, shipped_weights()),
        ) from error


def of_model(
    loaded: LoadedModel, *, name: str | None = None, acceptance: Acceptance | None = None
) -> Explainable:
    """A trained network, to be asked why; with what it was calibrated to, if it was."""
    from indicdigits.recipe.heads import heads_of
    from indicdigits.training.weights import predict

    recipe, heads = loaded.recipe, heads_of(loaded.recipe)
    acceptance = acceptance or Acceptance()
    return Explainable(
        name=name or recipe.name,
        classes=tuple(recipe.labels),
        input_size=recipe.data.input_size,
        probabilities=lambda images: calibrated(
            predict(loaded.model, images, heads=heads), acceptance.temperature
        ),
        acceptance=acceptance,
        heads=heads,
        model=loaded.model,
        backbone=BACKBONES.get(recipe.model.backbone),
    )


def of_reader(reader: Reader) -> Explainable:
    """A reader, to be asked why."""
    return Explainable(
        name=reader.name,
        classes=reader.bundle.classes,
        input_size=reader.bundle.input_size,
        probabilities=reader.probabilities,
        acceptance=reader.acceptance,
    )


def explainable(network: LoadedModel | Reader | Explainable) -> Explainable:
    """The network or reader as one that can be asked why."""
    if isinstance(network, Explainable):
        return network
    return of_reader(network) if isinstance(network, Reader) else of_model(network)


def _gradients(function: str, grid: str | None = None) -> Callable[..., Maps]:
    """A function of `gradients`, imported when it is asked."""

    def ask(network: Explainable, images: NDArray[np.uint8], classes: NDArray[np.integer]) -> Maps:
        from indicdigits.evaluation import gradients

        where = {} if grid is None else {"grid": getattr(network.backbone, grid)}
        return np.asarray(getattr(gradients, function)(network.model, images, classes, **where))

    return ask


def _occlusion(
    network: Explainable, images: NDArray[np.uint8], classes: NDArray[np.integer]
) -> Maps:
    return occlusion(network.probabilities, images, classes, heads=network.heads)


# In the order of preference.
METHODS: dict[str, Method] = {
    "grad-cam": Method(
        title="Grad-CAM",
        says="It marks the places of the last feature maps that speak for the class: few and "
        "coarse, interpolated between.",
        fits=lambda backbone: backbone is not None and backbone.maps is not None,
        ask=_gradients("grad_cam", "maps"),
    ),
    "attention-rollout": Method(
        title="attention rollout",
        says="It marks the tokens that reach the answer through the blocks' attention; it is the "
        "same for every class.",
        fits=lambda backbone: backbone is not None and backbone.tokens is not None,
        ask=_gradients("attention_rollout", "tokens"),
    ),
    "integrated-gradients": Method(
        title="integrated gradients",
        says="It marks the ink that adds to the class's score, from blank paper to the picture; "
        "ink that is missing cannot be marked.",
        fits=lambda backbone: backbone is not None,
        ask=_gradients("integrated_gradients"),
    ),
    "occlusion": Method(
        title="occlusion",
        says="It marks where the class becomes less likely once a square is covered with paper; "
        "ink that is missing cannot be marked.",
        fits=lambda backbone: True,
        ask=_occlusion,
    ),
}
