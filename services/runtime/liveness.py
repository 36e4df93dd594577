"""A service that gets nowhere ends, and says where it stood: a stalled consumer that looks healthy is the worst kind.

Its supervisor then starts it anew, which mends what a new process can mend, and what it can't shows as restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0


class Progress(NamedTuple):
    """The next offset to apply of a partition, how many records there are behind it, and whether they are to wait."""

    position: int
    lag: int
    paused: bool = False


class Stalled(Exception):
    """Nothing went on for the configured time."""


class Liveness:
    """Remembers since when a partition has not moved and since when a server has not answered."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._looked = clock()
        self._moved: dict[tuple[str, int], tuple[int, float]] = {}
        self._answered: dict[str, float] = {}

    @property
    def look_seconds(self) -> float:
        """How often to look."""
        return min(_LOOK_SECONDS, self._seconds / 4) if self._seconds else _LOOK_SECONDS

    def answered(self, server: str) -> None:
        """Redis or Kafka has answered."""
        self._answered[server] = self._clock()

    def look(self, partitions: Mapping[tuple[str, int], Progress]) -> None:
        """Raises Stalled if a partition has records to apply and has not moved, or a server was silent, for too long.

        Nothing is expected of a partition that is paused or not named.
        """
        now = self._clock()
        if now - self._looked > max(self._seconds / 2, 2 * self.look_seconds):
            # it was this process that did not run: stopped, or on a machine that slept
            self._moved.clear()
            self._answered = dict.fromkeys(self._answered, now)
        self._looked = now
        before, self._moved = self._moved, {}
        for place, (position, lag, paused) in partitions.items():
            was, since = before.get(place, (position, now))
            self._moved[place] = (position, since if lag and not paused and position == was else now)
        if not self._seconds:
            return
        silent = [(server, now - since) for server, since in self._answered.items() if now - since >= self._seconds]
        if silent or any(now - since >= self._seconds for _, since in self._moved.values()):
            raise Stalled("; ".join((*self._standing_still(partitions, now), *_said(silent))))

    def _standing_still(self, partitions: Mapping[tuple[str, int], Progress], now: float) -> Iterable[str]:
        for (topic, partition), (position, since) in sorted(self._moved.items(), key=lambda item: item[1][1]):
            if since < now:
                lag = partitions[topic, partition].lag
                yield (
                    f"{topic} partition {partition} has stood at offset {position} for {now - since:.0f} s"
                    f" with {lag:,} to apply"
                )


def _said(silent: Iterable[tuple[str, float]]) -> Iterable[str]:
    for server, seconds in silent:
        yield f"{server} has not answered for {seconds:.0f} s"


async def watch_progress(
    liveness: Liveness,
    progress: Callable[[], Mapping[tuple[str, int], Progress]],
    questions: Mapping[str, Callable[[], Awaitable[object]]],
    end: Callable[[BaseException], None],
) -> None:
    """Asks each server now and then whether it is there, and ends what gets nowhere."""
    asking = {server: asyncio.create_task(_ask(liveness, server, ask)) for server, ask in questions.items()}
    try:
        while True:
            await asyncio.sleep(liveness.look_seconds)
            try:
                liveness.look(progress())
            except Stalled as error:
                end(error)
    finally:
        for task in asking.values():
            task.cancel()


async def _ask(liveness: Liveness, server: str, ask: Callable[[], Awaitable[object]]) -> None:
    liveness.answered(server)
    while True:
        # whatever it is, it is no answer; a question that is never answered is left after a while and asked again
        with contextlib.suppress(Exception):
            await asyncio.wait_for(ask(), 5 * liveness.look_seconds)
            liveness.answered(server)
        await asyncio.sleep(liveness.look_seconds)
