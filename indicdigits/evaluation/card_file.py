"""Where a card lies beside its figures: in a report's folder, or in a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import tomli_w

from indicdigits import recipe as recipes
from indicdigits.errors import DataError, UsageError
from indicdigits.evaluation import metrics_file
from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.subject import read_about
from indicdigits.registry.shipped import MANIFEST, shipped_weights
from indicdigits.runtime import bundle as bundles
from indicdigits.runtime import shipped

CARD, REPORT = "card.md", "report"
ALLOWED = "a run folder, a bundle, or a reader's name"


class FoundCard(NamedTuple):
    """A card as it is written, and as its figures say it should be.

    Attributes:
        path: Of the card, or of the bundle that holds it.
        written: Its text.
        expected: The text that the recipe and the figures give.
        repair: What makes them agree.
    """

    path: Path
    written: str
    expected: str
    repair: str


def open_card(what: str) -> FoundCard:
    """Finds a card and its figures.

    Args:
        what: A run that has been evaluated, a bundle, or the name of a reader that ships.

    Raises:
        UsageError: None of them.
        DataError: It has no figures, or those of another version or another calibration.
        CheckpointError: The run's calibration is damaged, or was made for another run.
        VerificationError: The bundle is damaged.
    """
    path = Path(what)
    if (path / "recipe.toml").is_file():
        return _of_run(path)
    weights = shipped_weights().get(what, path)
    if (weights / MANIFEST).is_file():
        raise UsageError(
            "is a backbone: its card stands beside it, and no figures to hold it against",
            where=weights,
            allowed=ALLOWED,
            hint=f"read {weights / CARD}",
        )
    if path.is_dir():
        raise UsageError("no run is here", where=path, allowed=ALLOWED)
    file = shipped.find(what)
    if not file.is_file():
        raise UsageError("no run and no bundle is here", where=file, allowed=ALLOWED)
    return _of_bundle(file, what)


def _of_run(run: Path) -> FoundCard:
    # Here, not above: a bundle's card needs no JAX.
    from indicdigits.evaluation.calibrate import read_acceptance

    folder = run / REPORT
    path, repair = folder / CARD, f"indicdigits evaluate {run}"
    metrics = metrics_file.read_metrics(folder / metrics_file.NAME, hint=repair)
    fitted = read_acceptance(run, read_about(run)).temperature
    measured = (metrics["calibration"] or {}).get("temperature")
    if fitted is not None and fitted != measured:
        raise DataError("the figures are from before it was calibrated", where=folder, hint=repair)
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"no card can be read: {error}", where=path, hint=repair) from error
    recipe = recipes.load(run / "recipe.toml", resolved=True)
    return FoundCard(path, written, card_markdown(recipe, metrics), repair)


def _of_bundle(file: Path, name: str) -> FoundCard:
    bundle = bundles.read(file)
    hint = f"indicdigits evaluate {name}, which measures it here and writes a card of its own"
    metrics = metrics_file.checked(dict(bundle.metrics), file, hint=hint)
    recipe = recipes.loads(tomli_w.dumps(dict(bundle.recipe["resolved"])), source=str(file))
    return FoundCard(
        file, bundle.card, card_markdown(recipe, metrics), "export the run again, with this version"
    )
