"""The split of a CPU into devices leaves threads to compute with while some of them wait."""

from __future__ import annotations

import subprocess
import sys

import pytest

THREADS = """
from pathlib import Path
from indicdigits.progress import Reporter
from indicdigits.training import device
device.choose("cpu", Reporter(quiet=True), devices=2)
import jax
assert jax.local_device_count() == 2
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
print(sum("XLAEigen" in name for name in names) - jax.local_device_count())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_devices_that_wait_leave_threads_to_the_others() -> None:
    """Promise: with every device waiting for another, threads are left (else training stops)."""
    ended = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(ended.stdout) >= 1
