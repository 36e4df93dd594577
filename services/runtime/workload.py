"""Bounds how many records a stage has in work at once, and so the memory that a process takes.

A record in work is its bytes, what it was read as, the state it touches and all that follows from it: some kilobytes. A
few large batches side by side keep processor, Redis and Kafka busy; what more there are would only lie there. While a
batch waits for its turn it grows, and the larger a batch, the less a record of it costs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator


class Workload:
    """Lets in one after the other, in the order in which they ask, while so few records are in work.

    The last that is let in may bring more than there was room for: how many it has it says only then.
    """

    def __init__(self, records: int) -> None:
        """Nobody is let in while so many records or more are in work."""
        self._limit = records
        self._in_work = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Returns once there is room; what is taken in hand then is to be told by `of` before anything is awaited."""
        if not self._waiting and self._in_work < self._limit:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._next()  # the turn was just given
            raise

    @contextlib.contextmanager
    def of(self, records: int) -> Iterator[None]:
        """So many records, or none, are in work to the end of the context, which is entered right after `turn`."""
        self._in_work += records
        self._next()
        try:
            yield
        finally:
            self._in_work -= records
            self._next()

    def _next(self) -> None:
        while self._waiting and self._in_work < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return  # it says how much it brings before the next one is let in
