"""What was applied is let go of: a batch is megabytes, and a process has dozens of partitions. On a real Redis."""

from __future__ import annotations

import weakref

import pytest
from redis.asyncio import Redis

from tests.engine_world import SET, Process, on, soon
from tests.memory import FakeRecord


class Records(list[FakeRecord]):
    """A list that can be watched."""


def test_a_partition_that_waits_holds_no_batch(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: Redis, process: Process) -> None:
        records = Records([FakeRecord(SET[0], offset, b"x", b"") for offset in range(3)])
        held = weakref.ref(records)
        await process.takes_records(SET, records)
        del records
        await soon(lambda: held() is None)

    on(url, monkeypatch, test)
