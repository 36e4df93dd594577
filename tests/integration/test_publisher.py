"""The publisher on a real broker: callers share batches, keep their order, and fail alone."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka.errors import KafkaError

from schemas.topics import ALERT_EVENTS, MAX_MESSAGE_BYTES, RECEIPTS
from services.runtime.messages import Message
from services.runtime.patience import PASSING
from services.runtime.publisher import Publisher, Unwritable
from tests.system import System, unique


def message(topic: str, partition: int, key: str, text: bytes) -> Message:
    return Message(topic, partition, key.encode(), text, (("h", b"x"),))


def test_callers_at_once_are_all_written_in_their_own_order(embedded_system: System) -> None:
    key = unique("p")

    async def write() -> None:
        publisher = Publisher(embedded_system.bootstrap)
        calls = ([message(RECEIPTS.name, 3, key, b"%d-%d" % (c, n)) for n in range(50)] for c in range(20))
        await asyncio.gather(*map(publisher.publish, calls))
        await publisher.stop()

    asyncio.run(write())
    written = [record.value for record in embedded_system.records(RECEIPTS.name, key)]
    assert len(written) == 1000
    for caller in range(20):
        assert [text for text in written if text.startswith(b"%d-" % caller)] == [
            b"%d-%d" % (caller, n) for n in range(50)
        ]


def test_a_message_that_cannot_be_written_fails_its_caller_alone(embedded_system: System) -> None:
    key = unique("p")

    async def write() -> list[object]:
        publisher = Publisher(embedded_system.bootstrap)
        huge = message(ALERT_EVENTS.name, 1, key, os.urandom(MAX_MESSAGE_BYTES))
        good = message(RECEIPTS.name, 1, key, b"good")
        results = await asyncio.gather(publisher.publish([huge]), publisher.publish([good]), return_exceptions=True)
        results.append(await publisher.publish([message(RECEIPTS.name, 1, key, b"after")]))
        await publisher.stop()
        return results

    failed, written, after = asyncio.run(write())
    # no error that passes: to send it once more would do no good, and hold up its partition for ever
    assert isinstance(failed, Unwritable) and not isinstance(failed, PASSING)
    assert f"{ALERT_EVENTS.name} partition 1" in str(failed)
    assert (written, after) == (None, None)
    assert [record.value for record in embedded_system.records(RECEIPTS.name, key)] == [b"good", b"after"]


def test_without_a_broker_every_caller_is_told() -> None:
    async def write() -> None:
        publisher = Publisher("127.0.0.1:1")
        await publisher.publish([message(RECEIPTS.name, 0, "k", b"x")])

    with pytest.raises(KafkaError):
        asyncio.run(write())


def test_what_a_stopped_producer_has_not_sent_is_not_taken_for_written(
    embedded_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    async def write() -> None:
        publisher = Publisher(embedded_system.bootstrap)
        monkeypatch.setattr(publisher, "_send", cancelled)
        try:
            await publisher.publish([message(RECEIPTS.name, 0, "k", b"x")])
        finally:
            await publisher.stop()

    with pytest.raises(KafkaError):
        asyncio.run(write())
