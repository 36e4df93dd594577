"""Bounds how many records a stage has in work at once, and so the memory that a process takes.

A record in work is its bytes, what it was read as, the state it touches and all that follows from it: some kilobytes. A
few large batches side by side keep processor, Redis and Kafka busy; what more there are would only lie there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Workload:
    """Lets batches in, in the order in which they come, while the records of all that are in are few enough.

    A batch that is larger than the whole is let in alone.
    """

    def __init__(self, records: int) -> None:
        """At most so many records at once."""
        self._room = self._records = records
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def of(self, records: int) -> AsyncIterator[None]:
        """Waits until there is room for so many records, which they keep to the end of the context."""
        wanted = min(records, self._records)
        await self._enter(wanted)
        try:
            yield
        finally:
            self._give_back(wanted)

    async def _enter(self, wanted: int) -> None:
        if not self._waiting and wanted <= self._room:
            self._room -= wanted
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._let_in()  # those behind it
            else:
                self._give_back(wanted)
            raise

    def _give_back(self, wanted: int) -> None:
        self._room += wanted
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.cancelled():
                if wanted > self._room:
                    return
                self._room -= wanted
                turn.set_result(None)
            self._waiting.popleft()
