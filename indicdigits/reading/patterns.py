r"""Patterns, what a line is allowed to say: a regular expression -> an automaton.

The expressions are the usual ones over digits and marks: `\d`, `[1-9]`, `(a|b)`, `?`, `*`, `+`,
`{3}`, `{2,4}`; `.` is any character and `\.` the point. There are names for common patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from indicdigits.errors import UsageError, did_you_mean
from indicdigits.reading.automaton import Automaton
from indicdigits.reading.kinds import MARKS

DIGITS = "0123456789"
ALPHABET = DIGITS + MARKS
MOST_STATES = 4000
_MOST_TIMES = 64  # of `{3}`

_GROUPED = r"\d{1,3}(,\d{2,3})+"
_NUMBER = rf"₹?-?(\d+|{_GROUPED})(\.\d{{1,4}})?(/-|-)?"
_DATE = "|".join(rf"\d{{1,2}}{s}\d{{1,2}}{s}(\d{{4}}|\d{{2}})" for s in ("/", "-", r"\."))
PATTERNS: dict[str, str] = {
    "number": rf"{_NUMBER}|{_DATE}",
    "digits": r"\d+",
    "integer": rf"-?(\d+|{_GROUPED})",
    "decimal": rf"-?(\d+|{_GROUPED})(\.\d{{1,4}})?",
    "amount": rf"₹?(\d+|{_GROUPED})(\.\d{{2}})?(/-|-)?",
    "date": rf"{_DATE}|\d{{8}}",
    "anything": ".+",
}


def pattern(expression: str) -> Automaton:
    """The automaton of a pattern.

    Args:
        expression: A name of `PATTERNS`, or a regular expression.

    Raises:
        UsageError: It is neither.
    """
    if expression.replace("-", "").isalpha() and expression not in PATTERNS:
        raise UsageError(
            f"unknown pattern {expression!r}",
            allowed=f"{', '.join(PATTERNS)}, or a regular expression such as \\d{{6}}",
            hint=did_you_mean(expression, PATTERNS),
        )
    return _deterministic(_Parser(PATTERNS.get(expression, expression)).machine(), expression)


@dataclass(eq=False)
class _Machine:
    """A nondeterministic automaton: moves by a character, and moves by none.

    Attributes:
        moves: (state, characters, state).
        free: State -> the states that need no character to be reached.
        size: Number of states; the last is the final one.
    """

    moves: list[tuple[int, str, int]] = field(default_factory=list)
    free: dict[int, list[int]] = field(default_factory=dict)
    size: int = 1

    def state(self) -> int:
        self.size += 1
        return self.size - 1

    def skip(self, source: int, target: int) -> None:
        self.free.setdefault(source, []).append(target)

    def reached(self, states: Iterable[int]) -> frozenset[int]:
        """What can be reached from some states without a character."""
        found, waiting = set(states), list(states)
        while waiting:
            for target in self.free.get(waiting.pop(), ()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return frozenset(found)


class _Parser:
    """Builds a machine by recursive descent (Thompson 1968)."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0
        self._machine = _Machine()

    def machine(self) -> _Machine:
        """The machine; state 0 is its first, the last one its final."""
        end = self._either(0)
        if self._at < len(self._text):
            raise self._error("a bracket is closed that was not opened")
        final = self._machine.state()
        self._machine.skip(end, final)
        return self._machine

    def _either(self, start: int) -> int:
        end = self._machine.state()
        while True:
            self._machine.skip(self._sequence(start), end)
            if not self._take("|"):
                return end

    def _sequence(self, start: int) -> int:
        state = start
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            state = self._repeated(state)
        return state

    def _repeated(self, start: int) -> int:
        machine, begin, end = self._machine, self._at, self._machine.state()
        state, first = self._copy(start)
        after = self._at
        low, high = self._times()
        resume = self._at
        if low == 0:
            machine.skip(first, end)
        for number in range(1, high or max(low, 1)):
            if number >= low:
                machine.skip(state, end)
            self._at = begin
            state, first = self._copy(state)
        machine.skip(state, end)
        if high is None:
            machine.skip(state, first)
        self._at = max(resume, after)
        return end

    def _copy(self, start: int) -> tuple[int, int]:
        """Once what stands here, and where it begins."""
        first = self._machine.state()
        self._machine.skip(start, first)
        return self._one(first), first

    def _times(self) -> tuple[int, int | None]:
        """How often what stands before may be repeated; None is without end."""
        for symbol, times in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._take(symbol):
                return times
        if not self._take("{"):
            return 1, 1
        end = self._text.find("}", self._at)
        found = re.fullmatch(r"(\d+)(?:(,)(\d+)?)?", self._text[self._at : max(end, 0)])
        if not found:
            raise self._error("a number of repetitions is wrong")
        self._at = end + 1
        low = int(found[1])
        high = int(found[3]) if found[3] else None if found[2] else low
        if low > _MOST_TIMES or (high is not None and not max(low, 1) <= high <= _MOST_TIMES):
            raise self._error(f"{low} to {high} repetitions")
        return low, high

    def _one(self, start: int) -> int:
        if self._take("("):
            end = self._either(start)
            if not self._take(")"):
                raise self._error("a bracket is not closed")
            return end
        characters = self._characters()
        end = self._machine.state()
        self._machine.moves.append((start, characters, end))
        return end

    def _characters(self) -> str:
        symbol = self._next()
        if symbol == ".":
            return ALPHABET
        if symbol == "\\":
            symbol = self._next()
            return DIGITS if symbol == "d" else self._known(symbol)
        if symbol == "[":
            end = self._text.find("]", self._at)
            if end < 0:
                raise self._error("a bracket is not closed")
            inside, self._at = self._text[self._at : end], end + 1
            return self._set(inside)
        return self._known(symbol)

    def _set(self, inside: str) -> str:
        result, at = "", 0
        while at < len(inside):
            if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
                low, high = ALPHABET.find(inside[at]), ALPHABET.find(inside[at + 2])
                if not 0 <= low <= high:
                    raise self._error(f"no range {inside[at : at + 3]!r}")
                result, at = result + ALPHABET[low : high + 1], at + 3
            else:
                result, at = result + self._known(inside[at]), at + 1
        return result

    def _known(self, symbol: str) -> str:
        if symbol not in ALPHABET:
            raise self._error(f"no character {symbol!r} is read in lines")
        return symbol

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._error("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, symbol: str) -> bool:
        taken = self._text[self._at : self._at + 1] == symbol
        self._at += taken
        return taken

    def _error(self, message: str) -> UsageError:
        return UsageError(
            f"{self._text!r} is no pattern: {message}",
            where=f"character {self._at}",
            allowed=f"digits, the marks {' '.join(MARKS)}, and \\d [ ] ( | ) ? * + {{ }} .",
            hint=f"or one of {', '.join(PATTERNS)}",
        )


def _deterministic(machine: _Machine, name: str) -> Automaton:
    """The subset construction."""
    final = machine.size - 1
    onward: dict[int, list[tuple[str, int]]] = {}
    for source, characters, target in machine.moves:
        onward.setdefault(source, []).append((characters, target))
    start = machine.reached([0])
    numbers, waiting, rows = {start: 0}, [start], []
    while waiting:
        states = waiting.pop(0)
        row = [-1] * len(ALPHABET)
        for column, symbol in enumerate(ALPHABET):
            targets = [t for s in states for c, t in onward.get(s, ()) if symbol in c]
            if not targets:
                continue
            after = machine.reached(targets)
            if after not in numbers:
                numbers[after] = len(numbers)
                waiting.append(after)
            row[column] = numbers[after]
        rows.append(row)
        if len(numbers) > MOST_STATES:
            raise UsageError(f"the pattern {name!r} is too large")
    return Automaton(
        alphabet=ALPHABET,
        table=np.array(rows, np.int32),
        final=np.array([final in states for states in numbers]),
    )
