"""The one tree of errors: what went wrong, where, what is allowed, what to try next.

Every error a user can meet derives from `IndicDigitsError` and owns the exit code of the
command line (0 ok, 1 training stopped, 2 usage, 3 recipe, 4 data, 5 checkpoint,
6 parity or verification; 130 and 143 are the signals).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IndicDigitsError(Exception):
    """Base of all errors with a message for people.

    Attributes:
        message: What went wrong, one sentence.
        where: The file, key, row or URL it happened at, or None.
        allowed: What would have been accepted, or None.
        hint: The next thing to try, preferably a command, or None.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        where: object = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.allowed = allowed
        self.hint = hint
        super().__init__(self.__str__())

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str | int | None]:
        """The error as plain data, for `--json`."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "where": self.where,
            "allowed": self.allowed,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class UsageError(IndicDigitsError):
    """The command or call itself is off: a missing extra, an unknown name, a bad option."""

    exit_code = 2


class RecipeError(IndicDigitsError):
    """A recipe does not say what it must, or says what it must not."""

    exit_code = 3


class DataError(IndicDigitsError):
    """Data are missing, unreadable, or not what they claim to be."""

    exit_code = 4


class DownloadError(DataError):
    """A public file could not be fetched, or its digest is wrong."""


class PictureError(DataError):
    """Bytes that are no usable picture."""


class StorageError(DataError):
    """The disk refused: full, read-only, or not permitted."""


class CheckpointError(IndicDigitsError):
    """A checkpoint is damaged, incomplete, or does not fit the model."""

    exit_code = 5


class VerificationError(IndicDigitsError):
    """A bundle or an export is not what it claims to be."""

    exit_code = 6


class ParityError(VerificationError):
    """An exported graph answers differently from the network it was made from."""


class TrainingError(IndicDigitsError):
    """Training stopped by itself, for example because the loss is not a number."""


class Interrupted(IndicDigitsError):
    """A signal stopped the work after its state was saved."""

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed spelling closest to `name`, or None when nothing is close."""
    matches = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, allowed: Iterable[str]) -> str | None:
    """The hint "did you mean X?" for a misspelt name, or None."""
    match = nearest(name, allowed)
    return f"did you mean {match!r}?" if match else None
