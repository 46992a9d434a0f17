"""How near a graph with the imaging step inside comes to `imaging.normalise`, on test pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from indicdigits.data.arrays import picture_key
from indicdigits.data.source import raw_pictures
from indicdigits.errors import ParityError
from indicdigits.export.source import Source
from indicdigits.export.verify import Predict
from indicdigits.imaging.normalise import normalise
from indicdigits.progress import Reporter

MOST = 1000  # pictures that are compared
LEAST_ALIKE = 0.99  # part of them that must be decided alike


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What became of raw test pictures, grey ones and coloured ones.

    Attributes:
        pictures: How many there were, spread over the whole test set.
        alike: Of them, decided alike by the graph and by the real imaging step with the network.
        errors: Read wrong behind the real imaging step.
        errors_inside: Read wrong by the graph.
        apart: Pictures with a probability that differs by more than 0.01.

    Raises:
        ParityError: Fewer than 99 % are decided alike.
    """

    pictures: int
    alike: int
    errors: int
    errors_inside: int
    apart: int

    def __post_init__(self) -> None:
        if not self.pictures or self.alike < LEAST_ALIKE * self.pictures:
            raise ParityError(
                f"with the imaging step inside, {self.alike:,} of {self.pictures:,} raw test "
                "pictures are decided as they should",
                allowed=f"{LEAST_ALIKE:.0%}",
                hint="export without --with-preprocessing, and prepare pictures outside: "
                "docs/export.md says how",
            )

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def in_words(self) -> str:
        """For a person."""
        return (
            f"{self.alike:,} of {self.pictures:,} raw test pictures are decided as by "
            f"imaging.normalise ({self.errors_inside} errors, not {self.errors}); {self.apart} "
            "have a probability that differs by more than 0.01"
        )


def measure_agreement(
    run: Predict, network: Predict, source: Source, channels: int, reporter: Reporter
) -> Agreement:
    """Gives raw test pictures to both.

    Args:
        run: The graph: pictures uint8 (1,H,W) or (1,H,W,3) -> probabilities.
        network: The same network without the imaging step.
        source: Whose test pictures.
        channels: Of the graph; where it takes grey, coloured pictures are made grey before.
        reporter: Where progress goes.

    Raises:
        DataError: The pictures cannot be had.
        ParityError: Fewer than 99 % are decided alike.
    """
    pictures, labels = _raw_test(source, reporter)
    size = source.bundle.input_size
    prepared = np.stack([normalise(picture, size) for picture in pictures])
    expected = network(prepared)
    if channels == 1:
        pictures = [
            picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            for picture in pictures
        ]
    found = np.concatenate([run(picture[np.newaxis]) for picture in pictures])
    one, two = expected.argmax(axis=1), found.argmax(axis=1)
    return Agreement(
        pictures=len(pictures),
        alike=int(np.count_nonzero(one == two)),
        errors=int(np.count_nonzero(one != labels)),
        errors_inside=int(np.count_nonzero(two != labels)),
        apart=int(np.count_nonzero(np.abs(found - expected).max(axis=1) > 0.01)),
    )


def _raw_test(source: Source, reporter: Reporter) -> tuple[list[Any], Any]:
    """Up to a thousand pictures as they came, spread over the test set, and their labels."""
    recipe, test = source.recipe, source.test
    chosen = np.unique(np.linspace(0, len(test) - 1, min(MOST, len(test))).astype(int))
    names = test.groups["dataset"]
    pictures: list[Any] = []
    kept: list[int] = []
    for one in (one for one in recipe.data.sources if one.tested):
        rows = np.flatnonzero(names == one.dataset)
        wanted = np.flatnonzero(np.isin(rows, chosen))
        if not len(wanted):
            continue
        raw = raw_pictures(
            one,
            "test",
            wanted.tolist(),
            classes=recipe.labels,
            root=source.root,
            reporter=reporter,
            strokes=recipe.strokes,
        )
        for row, picture in zip(rows[wanted].tolist(), raw, strict=True):
            if picture_key(picture) == bytes(test.keys[row]):
                pictures.append(picture)
                kept.append(row)
    return pictures, test.labels[kept]
