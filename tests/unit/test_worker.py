"""What a service writes when it is asked where it stands: names of code, no values, which may be of people."""

from __future__ import annotations

import asyncio
import io

from services.runtime.worker import write_stands


async def _keeps(name: str) -> None:
    assert name
    await asyncio.Event().wait()


async def _asks(written: io.StringIO) -> None:
    task = asyncio.create_task(_keeps("王小明"))
    await asyncio.sleep(0)
    write_stands(written)
    task.cancel()


def test_where_tasks_wait_is_written_without_what_they_hold() -> None:
    written = io.StringIO()
    asyncio.run(_asks(written))
    assert "in _asks" in written.getvalue(), "the thread that asks"
    assert "in _keeps" in written.getvalue(), "a task that waits"
    assert "王小明" not in written.getvalue()
