"""The proof, without which there is no bundle, that a graph answers like its network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from indicdigits.errors import ParityError
from indicdigits.runtime.fields import Table

# Largest difference of any probability between a network and its float graph.
TOLERANCE = 1e-4
# The same between two programs that run one int8 graph: a sum that one of them rounds to the next
# of 256 steps moves a probability by a few hundredths.
INT8_TOLERANCE = 0.1
MOST_LOST = 0.001  # of the accuracy, that int8 may cost
_MANY = 10**9


@dataclass(frozen=True, kw_only=True)
class Change:
    """A test picture that eight bits read differently.

    Attributes:
        picture: Its path, or its place in its data set, such as "dhcd/test/00012".
        truth: The text of its class.
        before: What the float network reads.
        after: What the int8 graph reads.
    """

    picture: str
    truth: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What eight bits cost on the whole test set.

    Attributes:
        pictures: How many there are.
        errors: Of them, read wrong by the float network.
        int8_errors: Read wrong by the int8 graph.
        changed: Every picture that the two read differently, whether right or wrong.

    Raises:
        ParityError: More than 0.1 points of the accuracy are lost.
    """

    pictures: int
    errors: int
    int8_errors: int
    changed: tuple[Change, ...]

    def __post_init__(self) -> None:
        if self.pictures and self.points <= 100 * MOST_LOST:
            return
        raise ParityError(
            f"eight bits cost {self.points:.2f} points: {self.int8_errors} errors in "
            f"{self.pictures:,} pictures, not {self.errors}; {self.in_short()}",
            allowed=f"{100 * MOST_LOST:g} points",
            hint="nothing was written; the float format has no such loss",
        )

    @property
    def points(self) -> float:
        """Percentage points of accuracy that are lost; below zero where some were won."""
        return 100 * (self.int8_errors - self.errors) / max(self.pictures, 1)

    def in_short(self, most: int = 5) -> str:
        """The first few pictures that changed, for a person."""
        shown = [f"{c.picture} ({c.before} → {c.after})" for c in self.changed[:most]]
        more = [f"{len(self.changed) - most} more"] if len(self.changed) > most else []
        return f"{len(self.changed)} pictures changed: " + (", ".join(shown + more) or "none")


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The proof that a graph answers like the network it was made from.

    Attributes:
        graph_sha256: Digest of the graph that was compared, in hexadecimal.
        pictures: How many network inputs were compared.
        batches: The batch sizes they went through the graph in.
        max_difference: Largest absolute difference of any probability.
        differing_decisions: On how many inputs the most probable class differs.
        int8: What eight bits cost, of a graph that computes in them; None of a float graph.

    Raises:
        ParityError: The graph answers differently, or nothing was compared.
    """

    graph_sha256: str
    pictures: int
    batches: tuple[int, ...]
    max_difference: float
    differing_decisions: int
    int8: Loss | None = None

    def __post_init__(self) -> None:
        near = self.max_difference <= (1.0 if self.int8 else TOLERANCE)  # False for NaN too
        same = self.int8 is not None or not self.differing_decisions
        if not near or not same or self.pictures < 1 or not self.batches:
            raise ParityError(
                "the graph answers differently from the network: of "
                f"{self.pictures} pictures {self.differing_decisions} are decided differently, "
                f"probabilities differ by up to {self.max_difference:.2g}",
                allowed=f"no other decision, differences up to {TOLERANCE:g}",
                hint="nothing was written; please report it with the run's recipe.toml",
            )

    @property
    def tolerance(self) -> float:
        """How far the graph's answers may be off in another program, or on another machine."""
        return INT8_TOLERANCE if self.int8 else TOLERANCE

    def table(self, graph: str) -> dict[str, Any]:
        """As the table `parity` of bundle.json; `graph` names the kind of graph."""
        loss: dict[str, Any] = {}
        if self.int8 is not None:
            changed = [asdict(change) for change in self.int8.changed]
            loss["int8"] = asdict(self.int8) | {"changed": changed}
        return {
            "graph": graph,
            "pictures": self.pictures,
            "batches": list(self.batches),
            "max_difference": self.max_difference,
            "differing_decisions": self.differing_decisions,
            "tolerance": self.tolerance,
            **loss,
        }

    @staticmethod
    def of(table: Table, graph_sha256: str) -> Parity:
        """Reads that table.

        Raises:
            VerificationError: A field is missing, of another type, or out of range.
            ParityError: It proves nothing.
        """
        return Parity(
            graph_sha256=graph_sha256,
            pictures=table.whole("pictures", 0, _MANY),
            batches=tuple(table.wholes("batches")),
            max_difference=table.number("max_difference", 0.0, 1.0),
            differing_decisions=table.whole("differing_decisions", 0, _MANY),
            int8=_loss(table.table("int8")) if "int8" in table.data else None,
        )

    def in_words(self) -> str:
        """What was found, for a person."""
        found = (
            f"largest difference {self.max_difference:.1e} on {self.pictures:,} pictures "
            f"in batches of {', '.join(map(str, self.batches))}"
        )
        if self.int8 is None:
            return f"{found}; all decisions agree"
        errors = f"{self.int8.int8_errors} errors, not {self.int8.errors}"
        return f"{found}; {errors}, in {self.int8.pictures:,} test pictures; {self.int8.in_short()}"


def _loss(table: Table) -> Loss:
    counts = {key: table.whole(key, 0, _MANY) for key in ("pictures", "errors", "int8_errors")}
    fields = Change.__dataclass_fields__
    changed = tuple(
        Change(**{key: one.text(key) for key in fields}) for one in table.tables("changed")
    )
    return Loss(**counts, changed=changed)
