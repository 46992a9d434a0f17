"""Keeps freed memory in the process, because XLA asks for it again in the next step.

XLA's CPU client allocates the intermediate results of every step anew. glibc gives buffers of this
size back to the kernel when they are freed, and then every step pays for tens of thousands of page
faults and for zeroing the pages: a quarter of its time, measured (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import sys

# From <malloc.h>; they are part of glibc's stable interface.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tells glibc to keep what is freed; call it before the first large array.

    Returns:
        Whether there is a glibc that took it; elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl
        return False
    # One arena, which grows by brk: the others cannot hold buffers of this size at all.
    settings = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST))
    return all(bool(mallopt(key, value)) for key, value in settings)
