"""Gives back memory that is free inside the C library's heap.

Batches come in thousands of messages, each of some hundred bytes. Once they are gone, glibc keeps what lies between
others that stay, and takes it for its own: after a burst that was a quarter of a process (bench/README.md).
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable

_EVERY_SECONDS = 60.0


def trimmer() -> Callable[[], int] | None:
    """What gives back whole free pages, and returns 1 if there were any; None where the C library has no such call."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # only glibc has it
        return None
    return lambda: int(trim(0))


async def keep_trimmed() -> None:
    """Gives back what is free every minute, in a thread of its own: it takes some milliseconds."""
    if (trim := trimmer()) is not None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await asyncio.to_thread(trim)
