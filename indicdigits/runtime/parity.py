"""The proof, without which there is no bundle, that a graph answers like its network."""

from __future__ import annotations

from dataclasses import dataclass

from indicdigits.errors import ParityError

# Largest difference of any probability between a network and its graph.
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The proof that a graph answers like the network it was made from.

    Attributes:
        graph_sha256: Digest of the graph that was compared, in hexadecimal.
        pictures: How many network inputs were compared.
        batches: The batch sizes they went through the graph in.
        max_difference: Largest absolute difference of any probability.
        differing_decisions: On how many inputs the most probable class differs.

    Raises:
        ParityError: The graph answers differently, or nothing was compared.
    """

    graph_sha256: str
    pictures: int
    batches: tuple[int, ...]
    max_difference: float
    differing_decisions: int

    def __post_init__(self) -> None:
        near = self.max_difference <= TOLERANCE  # False for NaN too
        if not near or self.differing_decisions or self.pictures < 1 or not self.batches:
            raise ParityError(
                "the graph answers differently from the network: of "
                f"{self.pictures} pictures {self.differing_decisions} are decided differently, "
                f"probabilities differ by up to {self.max_difference:.2g}",
                allowed=f"no other decision, differences up to {TOLERANCE:g}",
                hint="nothing was written; please report it with the run's recipe.toml",
            )
