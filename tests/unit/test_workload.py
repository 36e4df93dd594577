"""How many records are in work at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.workload import Workload

ROOM = 10


class Works:
    """Batches that stay in until they are let go, by number."""

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
        async with self._workload.of(records):
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

    async def finish(self) -> None:
        for end in self._ends.values():
            end.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def _cancelled_as_it_is_let_in() -> list[int]:
    works = Works(ROOM)
    works.begin(0, ROOM)
    works.begin(1, ROOM)
    await settle()
    works.end(0)
    await asyncio.sleep(0)  # the first has left, and the second does not know yet
    works.cancel(1)
    works.begin(2, ROOM)
    await settle()
    inside = list(works.inside)
    await works.finish()
    return inside


def test_one_that_is_cancelled_as_it_is_let_in_gives_its_room_back() -> None:
    assert asyncio.run(_cancelled_as_it_is_let_in()) == [2]


async def _one_too_large() -> list[list[int]]:
    works, seen = Works(ROOM), []
    for number, records in enumerate((1, ROOM + 5, 1)):
        works.begin(number, records)
    await settle()
    for number in range(3):
        seen.append(sorted(works.inside))
        works.end(number)
        await settle()
    await works.finish()
    return seen


def test_one_that_is_larger_than_the_whole_is_let_in_alone_and_nobody_overtakes() -> None:
    assert asyncio.run(_one_too_large()) == [[0], [1], [2]]


async def _history(steps: Sequence[tuple[str, int]]) -> tuple[list[int], list[int]]:
    works, begun, cancelled, numbers = Works(ROOM), [], set(), iter(range(len(steps)))
    for what, number in steps:
        if what == "begin":
            begun.append(next(numbers))
            works.begin(begun[-1], number)
        elif begun:
            chosen = begun[number % len(begun)]
            with contextlib.suppress(KeyError):
                works.end(chosen) if what == "end" else works.cancel(chosen)
            if what == "cancel":
                cancelled.add(chosen)
        await settle()
        assert len(works.inside) == 1 or sum(works.inside.values()) <= ROOM
    await works.finish()
    return works.order, [number for number in begun if number not in cancelled]


@given(st.lists(st.tuples(st.sampled_from(["begin", "begin", "end", "cancel"]), st.integers(1, ROOM + 3)), max_size=30))
def test_never_too_many_and_everyone_in_turn(steps: list[tuple[str, int]]) -> None:
    order, wanted = asyncio.run(_history(steps))
    assert order == sorted(order)
    assert set(wanted) <= set(order)
