"""How many records are in work at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.workload import Workload

ROOM = 10


class Works:
    """Workers that keep what they took in hand until they are let go, by number."""

    def __init__(self, room: int) -> None:
        self._workload = Workload(room)
        self._ends: dict[int, asyncio.Event] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.inside: dict[int, int] = {}
        self.order: list[int] = []

    def begin(self, number: int, records: int) -> None:
        self._ends[number] = asyncio.Event()
        self._tasks[number] = asyncio.create_task(self._run(number, records))

    async def _run(self, number: int, records: int) -> None:
        await self._workload.turn()
        with self._workload.of(records):
            # the last one may bring more than there was room for, but nobody comes where there is no room
            assert sum(self.inside.values()) < ROOM
            self.inside[number] = records
            self.order.append(number)
            try:
                await self._ends[number].wait()
            finally:
                del self.inside[number]

    def end(self, number: int) -> None:
        self._ends[number].set()

    def cancel(self, number: int) -> None:
        self._tasks[number].cancel()

    async def finish(self) -> list[BaseException | None]:
        for end in self._ends.values():
            end.set()
        return await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def _all_at_once() -> list[int]:
    works = Works(ROOM)
    for number in range(5):
        works.begin(number, ROOM - 1)
    await settle()
    inside = list(works.inside)
    await works.finish()
    return inside


def test_of_many_that_come_at_once_as_many_are_let_in_as_there_is_room_for() -> None:
    assert asyncio.run(_all_at_once()) == [0, 1]


async def _cancelled_as_it_is_let_in() -> list[int]:
    works = Works(ROOM)
    for number in range(3):
        works.begin(number, ROOM)
    await settle()
    works.end(0)
    await asyncio.sleep(0)  # the first has left, and the second does not know yet
    works.cancel(1)
    await settle()
    inside = list(works.inside)
    await works.finish()
    return inside


def test_one_that_is_cancelled_as_it_is_let_in_passes_its_turn_on() -> None:
    assert asyncio.run(_cancelled_as_it_is_let_in()) == [2]


async def _history(steps: Sequence[tuple[str, int]]) -> tuple[list[int], set[int], list[BaseException | None]]:
    works, begun, cancelled, numbers = Works(ROOM), [], set(), iter(range(len(steps)))
    for what, number in steps:
        if what == "begin":
            begun.append(next(numbers))
            works.begin(begun[-1], number)
        elif begun:
            chosen = begun[number % len(begun)]
            if what == "end":
                works.end(chosen)
            else:
                works.cancel(chosen)
                cancelled.add(chosen)
        await settle()
        waits = set(begun) - set(works.order) - cancelled
        assert not waits or sum(works.inside.values()) >= ROOM, "somebody waits, and there is room"
    answers = await works.finish()
    return works.order, set(begun) - cancelled, answers


@given(st.lists(st.tuples(st.sampled_from(["begin", "begin", "end", "cancel"]), st.integers(0, ROOM + 3)), max_size=30))
def test_nobody_comes_where_there_is_no_room_or_waits_where_there_is(steps: list[tuple[str, int]]) -> None:
    order, wanted, answers = asyncio.run(_history(steps))
    assert order == sorted(order)
    assert wanted <= set(order)
    assert not [answer for answer in answers if not isinstance(answer, asyncio.CancelledError | None)]
