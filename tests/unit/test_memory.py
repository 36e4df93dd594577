"""Memory that is free goes back to the system."""

from __future__ import annotations

import psutil
import pytest

from services.runtime.memory import trimmer

_MB = 2**20


def test_what_lies_free_between_values_that_stay_is_given_back() -> None:
    trim = trimmer()
    if trim is None:
        pytest.skip("the C library is not glibc")
    trim()
    # larger than what Python's own allocator takes
    values: list[bytes | None] = [bytes(1000) for _ in range(100_000)]
    for place in range(len(values)):
        if place % 100:
            values[place] = None
    resident = psutil.Process().memory_info().rss
    assert trim() == 1
    assert resident - psutil.Process().memory_info().rss > 50 * _MB
    assert values[0] == bytes(1000)
