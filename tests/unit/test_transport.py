"""What the transport commits, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka import OffsetAndMetadata
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import IllegalStateError, KafkaTimeoutError
from faust.types import TP

from services.lab_results.app import make_app
from services.runtime import metrics, transport
from services.runtime.batch import Batch
from services.runtime.settings import Settings
from services.runtime.spans import Span
from tests.memory import FakeRecord

PLACE = TP("lab.results.v1", 3)


def test_what_is_read_again_is_committed_though_a_commit_from_before_is_answered_late(tmp_path: Path) -> None:
    async def test() -> None:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path))).consumer
        consumer.app.topics._acking_topics.add(PLACE.topic)  # as once its agents have started
        message = consumer._message(PLACE, Batch(*PLACE, 0, 10, ()))
        consumer._delivered[PLACE].append((0, 10))
        # Redis went back in time, and now the broker answers what was committed before that
        consumer._committed_offset.update({PLACE: 700})
        assert consumer.ack(message)
        assert consumer._new_offset(PLACE) == 10
        assert consumer._should_commit(PLACE, 10)

    asyncio.run(test())


def test_the_end_of_a_partition_that_is_given_away_is_not_known_and_no_error(tmp_path: Path) -> None:
    async def test() -> None:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path))).consumer
        read = aiokafka.AIOKafkaConsumer(PLACE.topic, bootstrap_servers="127.0.0.1:1", enable_auto_commit=False)
        consumer._thread._consumer = read
        assert consumer.engine.end_of(PLACE) is None
        read._subscription.assign_from_subscribed([TP(PLACE.topic, 4)])
        assert consumer.engine.end_of(PLACE) is None
        state = read._subscription.subscription.assignment.state_value(TP(PLACE.topic, 4))
        state.highwater = 7
        assert consumer.engine.end_of((PLACE.topic, 4)) == 7
        state.lso = 5  # a transaction is open: nothing behind its first record can be read, so nobody lags behind
        assert consumer.engine.end_of((PLACE.topic, 4)) == 5

    asyncio.run(test())


def test_of_what_was_fetched_before_a_seek_nothing_from_before_it_is_handed_on(tmp_path: Path) -> None:
    async def test() -> None:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path))).consumer
        consumer._read_to[PLACE] = 10
        consumer.flow_active = True
        consumer.highwater = lambda _: 15
        records = [FakeRecord(PLACE.topic, offset, b"x", b"") for offset in range(5, 15)]

        async def wait_next_records(_: float) -> tuple[dict[TP, Span], set[TP]]:
            return {PLACE: Span(5, 15, records)}, {PLACE}

        consumer._wait_next_records = wait_next_records
        [(_, message)] = [yielded async for yielded in consumer.getmany(1.0)]
        assert (message.value.start, message.value.end) == (10, 15)
        assert [record.offset for record in message.value.records] == list(range(10, 15))

    asyncio.run(test())


class Owner:
    """An engine whose partitions can be taken over only when they may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.errors: list[BaseException] = []
        self.on_fatal = self.errors.append
        self.assigned = 0

    async def assign(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        await self.may.wait()
        self.assigned += 1
        return dict.fromkeys(places, 3)

    async def release(self) -> None:
        """Nothing is owned."""


def _taking_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Callable[[Any, Owner], Awaitable[None]]
) -> None:
    """With a consumer whose partition is taken over for longer than Faust waits."""
    monkeypatch.setattr(transport, "_TAKE_OVER_SECONDS", 0.01)

    async def test() -> None:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path))).consumer
        consumer.engine = owner = Owner()
        monkeypatch.setattr(type(consumer), "assignment", lambda _: {PLACE})
        assert await consumer.seek_to_committed() == {}, "Faust goes on"
        assert not owner.assigned
        await then(consumer, owner)

    asyncio.run(test())


def test_partitions_are_taken_over_however_long_redis_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def then(consumer: Any, owner: Owner) -> None:
        sought = asyncio.get_running_loop().create_future()

        async def seek_to(positions: dict[tuple[str, int], int]) -> None:
            sought.set_result(positions)

        consumer._seek_to = seek_to
        owner.may.set()
        assert await sought == {tuple(PLACE): 3}

    _taking_over(tmp_path, monkeypatch, then)


def test_partitions_that_are_revoked_meanwhile_are_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(consumer: Any, owner: Owner) -> None:
        await consumer.on_partitions_revoked({PLACE})
        owner.may.set()
        await asyncio.sleep(0.05)
        assert not owner.assigned and not owner.errors

    _taking_over(tmp_path, monkeypatch, then)


def test_what_keeps_partitions_from_being_taken_over_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(consumer: Any, owner: Owner) -> None:
        async def fails(_: Any) -> None:
            raise KafkaTimeoutError

        consumer._seek_to = fails
        owner.may.set()
        await asyncio.wait([consumer._taking_over])
        [error] = owner.errors
        assert isinstance(error, KafkaTimeoutError)
        consumer._taking_over.exception()

    _taking_over(tmp_path, monkeypatch, then)


def test_partitions_that_are_another_process_s_by_now_are_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(consumer: Any, owner: Owner) -> None:
        consumer._on_partitions_assigned = _faust_goes_on
        other = TP(PLACE.topic, 4)
        monkeypatch.setattr(type(consumer), "assignment", lambda _: {other})
        # Faust began to seek before it heard of the new assignment, and will seek once more
        await consumer.on_partitions_assigned({other})
        owner.may.set()
        await asyncio.sleep(0.05)
        assert not owner.assigned and not owner.errors

    _taking_over(tmp_path, monkeypatch, then)


def test_an_error_about_partitions_that_are_another_process_s_by_now_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def then(consumer: Any, owner: Owner) -> None:
        async def fails(_: Any) -> None:
            raise IllegalStateError

        consumer._seek_to = fails
        monkeypatch.setattr(type(consumer), "assignment", lambda _: set())
        owner.may.set()
        await asyncio.wait([consumer._taking_over])
        assert not owner.errors and consumer._taking_over.exception() is None

    _taking_over(tmp_path, monkeypatch, then)


def test_a_process_that_is_given_no_partition_is_ready_and_owns_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path))).consumer
        consumer._on_partitions_assigned = _faust_goes_on
        monkeypatch.setattr(type(consumer), "assignment", lambda _: set())
        metrics.ASSIGNED.labels("lab").set(12)
        # as after others have taken over all that it had
        consumer.engine.begin({PLACE: 3}, {PLACE: 9})
        assert not consumer.engine.ready
        await consumer.on_partitions_assigned(set())
        assert consumer.engine.ready and not consumer.engine.progress()
        assert metrics.ASSIGNED.labels("lab")._value.get() == 0

    asyncio.run(test())


async def _faust_goes_on(*_: Any, **__: Any) -> None:
    """In the place of what Faust does besides."""


def test_what_is_committed_beyond_the_end_says_nothing(tmp_path: Path) -> None:
    class Group:
        async def read_told(self, partitions: Collection[TP]) -> dict[TP, int]:
            return dict.fromkeys(partitions, 15)

    async def test(republish: bool, drained: bool = False) -> dict[TP, int]:
        consumer: Any = make_app(Settings(data_dir=str(tmp_path), republish=republish)).consumer
        consumer._thread = Group()
        consumer.engine._lanes["lab", 3] = SimpleNamespace(shard=SimpleNamespace(drained=drained))
        found: dict[TP, int] = await consumer._told({PLACE: 15, TP(PLACE.topic, 4): 14})
        return found

    assert asyncio.run(test(False)) == {PLACE: 15, TP(PLACE.topic, 4): 0}
    assert asyncio.run(test(True)) == {PLACE: 0, TP(PLACE.topic, 4): 0}
    # nor does it of what follows an old outbox: whoever takes over in the middle of it has to go on telling
    assert asyncio.run(test(False, drained=True)) == {PLACE: 0, TP(PLACE.topic, 4): 0}


def test_a_commit_says_how_far_the_group_had_ever_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = TP(PLACE.topic, 4)
    kept: dict[TP, OffsetAndMetadata] = {other: OffsetAndMetadata(7, ""), TP(PLACE.topic, 5): OffsetAndMetadata(8, "x")}

    async def commit(_: Any, offsets: dict[TP, OffsetAndMetadata]) -> None:
        kept.update(offsets)

    async def fetch(_: Any, partitions: list[TP]) -> dict[TP, OffsetAndMetadata]:
        return {tp: kept[tp] for tp in partitions if tp in kept}

    async def test() -> None:
        monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "commit", commit)
        monkeypatch.setattr(GroupCoordinator, "fetch_committed_offsets", fetch)
        app = make_app(Settings(data_dir=str(tmp_path)))
        thread: Any = app.consumer._thread
        thread._consumer = thread._create_worker_consumer(app.transport)
        thread._consumer._coordinator = GroupCoordinator.__new__(GroupCoordinator)
        monkeypatch.setattr(thread, "call_thread", lambda function, *args: function(*args))
        monkeypatch.setattr(thread, "assignment", lambda: {PLACE, other})

        assert await thread.read_told([PLACE, other, TP(PLACE.topic, 5)]) == {PLACE: 0, other: 7, TP(PLACE.topic, 5): 8}
        for offset, told in ((10, 10), (3, 10), (12, 12)):
            assert await thread._commit({PLACE: offset})
            assert kept[PLACE] == OffsetAndMetadata(offset, str(told))
            thread.told = await thread.read_told([PLACE])
            assert thread.told == {PLACE: told}

    asyncio.run(test())
