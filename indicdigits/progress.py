"""What a person sees while something runs: a bar on a terminal, plain lines elsewhere.

Everything here goes to standard error, so that standard output holds answers only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

STARTED = time.monotonic()  # when the process began, but for Python's own start


class Task(Protocol):
    """A piece of work whose progress is shown."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Reports that `amount` more is done; `note` replaces the text behind the bar."""


class Reporter:
    """Says what happens. With `quiet` it says nothing (errors are not its business)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._terminal = sys.stderr.isatty()

    def say(self, text: str = "") -> None:
        """Prints a line."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def track(self, label: str, total: float) -> Iterator[Task]:
        """Shows the progress of work that consists of `total` parts."""
        if self.quiet:
            yield _Silent()
        elif not self._terminal:
            yield _Lines(label, total)
        else:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            with Progress(*columns, console=Console(stderr=True)) as progress:
                yield _Bar(progress, progress.add_task(label, total=total, note=""))


class _Silent:
    def advance(self, amount: float = 1, note: str = "") -> None:
        pass


class _Lines:
    """A line when the work starts to be long, then at most one every ten seconds."""

    FIRST_AFTER, EVERY = 2.0, 10.0

    def __init__(self, label: str, total: float) -> None:
        self.label, self.total, self.done = label, total, 0.0
        self.next = time.monotonic() + self.FIRST_AFTER

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.done += amount
        if time.monotonic() >= self.next:
            share = 100 * self.done / self.total if self.total else 100
            print(f"{self.label}: {share:.0f}% {note}".rstrip(), file=sys.stderr, flush=True)
            self.next = time.monotonic() + self.EVERY


class _Bar:
    def __init__(self, progress: object, task: object) -> None:
        self.progress, self.task = progress, task

    def advance(self, amount: float = 1, note: str = "") -> None:
        fields = {"note": note} if note else {}
        self.progress.update(self.task, advance=amount, **fields)  # type: ignore[attr-defined]
