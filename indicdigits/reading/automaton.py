"""What a line may say, as a finite automaton over the characters that may stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


class Moves(NamedTuple):
    """Every move of an automaton: from a state, by a character, to a state; int32 (M,) each."""

    source: Int
    symbol: Int
    target: Int


@dataclass(frozen=True, kw_only=True, eq=False)
class Automaton:
    """A deterministic automaton; its first state is 0.

    Attributes:
        alphabet: The characters it knows; no other may stand in the line.
        table: int32 (S,C), the state after each character of the alphabet; -1 where it may not
            follow.
        final: bool (S,), whether a line may end there.
    """

    alphabet: str
    table: Int
    final: Bool

    def __len__(self) -> int:
        return len(self.final)

    @cached_property
    def moves(self) -> Moves:
        """The moves there are."""
        source, symbol = np.nonzero(self.table >= 0)
        target = self.table[source, symbol]
        return Moves(source.astype(np.int32), symbol.astype(np.int32), target)

    def over(self, symbols: str) -> Automaton:
        """The same for a line whose characters are these; one may be there several times."""
        known = {symbol: column for column, symbol in enumerate(self.alphabet)}
        table = np.full((len(self), len(symbols)), -1, np.int32)
        for column, symbol in enumerate(symbols):
            if symbol in known:
                table[:, column] = self.table[:, known[symbol]]
        return Automaton(alphabet=symbols, table=table, final=self.final)

    def accepts(self, text: str) -> bool:
        """Whether a line may say this."""
        state = 0
        for symbol in text:
            column = self.alphabet.find(symbol)
            state = int(self.table[state, column]) if column >= 0 else -1
            if state < 0:
                return False
        return bool(self.final[state])

    def both(self, other: Automaton) -> Automaton:
        """What this and another automaton of the same alphabet both accept."""
        assert self.alphabet == other.alphabet
        numbers = {(0, 0): 0}
        waiting = [(0, 0)]
        rows: list[list[int]] = []
        while waiting:
            mine, theirs = waiting.pop(0)
            rows.append([])
            for pair in zip(self.table[mine].tolist(), other.table[theirs].tolist(), strict=True):
                if min(pair) >= 0 and pair not in numbers:
                    numbers[pair] = len(numbers)
                    waiting.append(pair)
                rows[-1].append(numbers.get(pair, -1))
        final = [bool(self.final[a] and other.final[b]) for a, b in numbers]
        return Automaton(
            alphabet=self.alphabet, table=np.array(rows, np.int32), final=np.array(final, bool)
        )


def literally(columns: Sequence[int], alphabet: str) -> Automaton:
    """Accepts one line alone.

    Args:
        columns: Where in the alphabet each of its characters is.
        alphabet: The characters.
    """
    table = np.full((len(columns) + 1, len(alphabet)), -1, np.int32)
    table[np.arange(len(columns)), columns] = np.arange(1, len(columns) + 1)
    final = np.zeros(len(columns) + 1, bool)
    final[-1] = True
    return Automaton(alphabet=alphabet, table=table, final=final)
