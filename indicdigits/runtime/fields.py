"""Fields of a JSON table, taken with their type and range or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indicdigits.errors import VerificationError


class Table:
    """A table of a JSON file.

    Args:
        data: What the file says there.
        where: The file, named in errors.
        key: The dotted key of `data` in it.

    Raises (every method):
        VerificationError: The field is missing, of another type, or out of range.
    """

    def __init__(self, data: Mapping[str, Any], *, where: object, key: str = "") -> None:
        self.data, self._where, self._key = data, where, key

    def wrong(self, key: str, allowed: str) -> VerificationError:
        """The error for a field that is not as it must be."""
        found = repr(self.data[key])[:80] if key in self.data else "missing"
        return VerificationError(
            f"{self._path(key)} is {found}", where=self._where, allowed=allowed
        )

    def _path(self, key: str) -> str:
        return f"{self._key}.{key}" if self._key else key

    def require(self, key: str, value: Any) -> None:
        """Refuses anything but `value`, in fields that this schema fixes."""
        if key not in self.data or self.data[key] != value:
            raise self.wrong(key, repr(value))

    def text(self, key: str) -> str:
        """A text."""
        value = self.data.get(key)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number in a closed range."""
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"a whole number from {low} to {high}")
        return value

    def optional_whole(self, key: str) -> int | None:
        """A whole number, or None where the field is null."""
        value = self.data.get(key, "missing")
        if value is not None and not _is_whole(value):
            raise self.wrong(key, "a whole number or null")
        return value

    def wholes(self, key: str) -> list[int]:
        """A list of whole numbers."""
        value = self.data.get(key)
        if not isinstance(value, list) or not all(_is_whole(item) for item in value):
            raise self.wrong(key, "a list of whole numbers")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A number in a closed range."""
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, "a number")
        if not low <= value <= high:  # NaN fails here too
            raise self.wrong(key, f"{low:g} to {high:g}")
        return float(value)

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        """A number in a closed range, or None where the field is null."""
        if self.data.get(key, "missing") is None:
            return None
        return self.number(key, low, high)

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "a table")
        return Table(value, where=self._where, key=self._path(key))

    def tables(self, key: str) -> list[Table]:
        """A list of tables."""
        value = self.data.get(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "a list of tables")
        return [
            Table(item, where=self._where, key=f"{self._path(key)}.{index}")
            for index, item in enumerate(value)
        ]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
