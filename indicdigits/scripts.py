"""Unicode facts about the digits of each script: ten code points, names, look-alikes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from indicdigits.errors import UsageError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script and its ten digits.

    Attributes:
        name: The name used on the command line, such as "devanagari".
        zero: The code point of its digit zero; the ten digits are consecutive.
        also: Languages or styles this script is known by.
    """

    name: str
    zero: int
    also: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as people write it: "Ol Chiki", and "Western" for Latin."""
        return "Western" if self.name == "latin" else self.name.replace("-", " ").title()

    @property
    def digits(self) -> tuple[str, ...]:
        """The ten digits, "०" to "९" for Devanagari."""
        return tuple(chr(self.zero + value) for value in range(10))

    @property
    def digit_names(self) -> tuple[str, ...]:
        """The Unicode names of the ten digits, such as "DEVANAGARI DIGIT ZERO"."""
        return tuple(unicodedata.name(digit) for digit in self.digits)


SCRIPTS: dict[str, Script] = {
    script.name: script
    for script in (
        Script(name="latin", zero=0x0030, also=("western", "mnist")),
        Script(name="arabic-indic", zero=0x0660),
        Script(name="extended-arabic-indic", zero=0x06F0, also=("urdu", "persian")),
        Script(name="devanagari", zero=0x0966, also=("hindi", "marathi", "nepali")),
        Script(name="bengali", zero=0x09E6, also=("bangla", "assamese")),
        Script(name="gurmukhi", zero=0x0A66, also=("punjabi",)),
        Script(name="gujarati", zero=0x0AE6),
        Script(name="odia", zero=0x0B66, also=("oriya",)),
        Script(name="tamil", zero=0x0BE6),
        Script(name="telugu", zero=0x0C66),
        Script(name="kannada", zero=0x0CE6),
        Script(name="malayalam", zero=0x0D66),
        Script(name="sinhala-lith", zero=0x0DE6),
        Script(name="tibetan", zero=0x0F20),
        Script(name="ol-chiki", zero=0x1C50, also=("santali",)),
        Script(name="meetei-mayek", zero=0xABF0, also=("manipuri",)),
    )
}

# Pairs of digits, of whatever value, that a network over all scripts mixes up on the very pictures
# it was trained on: a twentieth of each is read as the other, or a quarter of one.
CONFUSED = (
    *("9۹", "9੧", "9୨", "۹੧", "٩৭"),
    *("1١", "1۱", "१৭", "੭༡"),
    *("2২", "२২", "3૩", "૩౩"),
    *("8৪", "४୪", "౪೪", "4༥", "૫༥", "٤౬"),
    *("٦۶", "୭൭"),
)

# Digits of two scripts that no reader can tell apart by shape alone. Zero is a ring in most.
RING_ZERO = tuple(
    name
    for name in SCRIPTS
    if name not in {"arabic-indic", "extended-arabic-indic", "sinhala-lith"}
)
LOOK_ALIKES: tuple[frozenset[str], ...] = (
    frozenset(SCRIPTS[name].digits[0] for name in RING_ZERO),
    *(
        frozenset({SCRIPTS["telugu"].digits[value], SCRIPTS["kannada"].digits[value]})
        for value in (0, 1, 2, 5, 6, 9)
    ),
    *(
        frozenset({SCRIPTS["devanagari"].digits[value], SCRIPTS["gujarati"].digits[value]})
        for value in (0, 2, 4, 6, 7, 8)
    ),
    *(
        frozenset({SCRIPTS["devanagari"].digits[value], SCRIPTS["gurmukhi"].digits[value]})
        for value in (0, 2, 3, 4)
    ),
    *(
        frozenset(
            {
                SCRIPTS["arabic-indic"].digits[value],
                SCRIPTS["extended-arabic-indic"].digits[value],
            }
        )
        for value in (0, 1, 2, 3, 7, 8, 9)
    ),
    *(frozenset(pair) for pair in CONFUSED),
)


def get_script(name: str) -> Script:
    """Finds a script by its name or by a language it is known by.

    Raises:
        UsageError: No script goes by that name; the nearest spelling is suggested.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    for script in SCRIPTS.values():
        if wanted == script.name or wanted in script.also:
            return script
    known = [*SCRIPTS, *(alias for script in SCRIPTS.values() for alias in script.also)]
    raise UsageError(
        f"unknown script {name!r}",
        allowed=", ".join(SCRIPTS),
        hint=did_you_mean(wanted, known),
    )


def find_script(name: str) -> Script:
    """A script of `SCRIPTS`, or any other whose ten digits Unicode knows, such as "chakma".

    Raises:
        UsageError: Unicode knows no digits of that name.
    """
    try:
        return get_script(name)
    except UsageError:
        words = name.strip().upper().replace("-", " ").replace("_", " ")
        if unicodedata.category(zero := _named(f"{words} DIGIT ZERO")) != "Nd":
            raise
        return Script(name=words.lower().replace(" ", "-"), zero=ord(zero))


def _named(name: str) -> str:
    """The character of a Unicode name; a space where there is none."""
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return " "


def zero_of(text: str) -> str | None:
    """The digit zero of the script that a text is a digit of, or None where it is no digit."""
    value = unicodedata.decimal(text, None) if len(text) == 1 else None
    return None if value is None else chr(ord(text) - value)


def is_native_digit(text: str) -> bool:
    """Whether a text is a digit as one script alone writes it; 0 to 9 stand for those of any."""
    return not text.isascii() and zero_of(text) is not None


def script_of(digit: str) -> Script | None:
    """The script of `SCRIPTS` that has this digit, if one has."""
    zero = zero_of(digit)
    return next((script for script in SCRIPTS.values() if script.digits[0] == zero), None)


def look_alikes(digit: str) -> frozenset[str]:
    """Digits of other scripts with the same shape as `digit` (without `digit` itself)."""
    found: set[str] = set()
    for group in LOOK_ALIKES:
        if digit in group:
            found |= group
    return frozenset(found - {digit})
