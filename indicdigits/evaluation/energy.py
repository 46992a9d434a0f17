"""What training cost in energy: an estimate that says what it assumes, or nothing."""

from __future__ import annotations

import re
from typing import Any

# Of one busy core of a server, with its share of memory and board. Nothing here measures power:
# laptops take less, and cooling comes on top.
WATTS_A_CORE = 15.0


def estimate(seconds: float | None, machine: str | None) -> dict[str, Any] | None:
    """The energy of a training run, from its duration and an assumed power.

    Args:
        seconds: How long it took.
        machine: As run.json names it, such as "x86_64, 2 cores, cpu".

    Returns:
        `watt_hours`, `watts` and `assumed` (in words); None where the duration is not known, or
        the machine is not known to be a CPU alone.
    """
    cores = re.search(r"(\d+) cores?\b", machine or "")
    if not seconds or not cores or not str(machine).endswith("cpu"):
        return None
    watts = WATTS_A_CORE * int(cores[1])
    return {
        "watt_hours": round(watts * seconds / 3600, 2),
        "watts": watts,
        "assumed": f"{WATTS_A_CORE:g} W a core; nothing measured it",
    }
