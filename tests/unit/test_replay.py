"""What waits for a partition: the order of a replay, and that nothing is lost, doubled or waited for in vain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import replay
from services.runtime.batch import Batch
from services.runtime.replay import Inbox
from services.runtime.stage import Replay
from tests.memory import FakeRecord

TOPICS = ("verdicts", "commands")


def records(topic: str, times: Sequence[int], first: int = 0) -> list[FakeRecord]:
    return [FakeRecord(topic, first + n, None, None, timestamp=time) for n, time in enumerate(times)]


def batch(topic: str, times: Sequence[int], first: int = 0) -> Batch:
    return Batch(topic, 0, first, first + len(times), records(topic, times, first))


def ignore() -> None:
    """An acknowledgement that nobody looks at."""


def inbox(order: Replay = Replay.ARRIVAL, **targets: int) -> Inbox:
    made = Inbox(TOPICS, replay=order)
    for topic in TOPICS:
        made.begin(topic, 0, targets.get(topic, 0))
    return made


def drain(box: Inbox) -> list[Batch]:
    taken = []
    while (waiting := box.take()) is not None:
        waiting.done()
        taken.append(waiting.batch)
    return taken


def test_a_command_waits_for_the_verdict_that_came_before_it() -> None:
    box = inbox(verdicts=2, commands=1)
    box.add(batch("commands", [15]), ignore)
    assert box.take() is None
    box.add(batch("verdicts", [10, 20]), ignore)
    assert [(one.topic, one.start, one.end) for one in drain(box)] == [
        ("verdicts", 0, 1),
        ("commands", 0, 1),
        ("verdicts", 1, 2),
    ]


def test_in_turn_whatever_there_is_of_the_first_topic_comes_first() -> None:
    box = inbox(Replay.TURN, verdicts=3, commands=2)
    box.add(batch("commands", [5, 6]), ignore)
    assert box.is_empty and box.waits("commands") and not box.waits("verdicts")
    box.add(batch("verdicts", [10, 20]), ignore)
    assert [(one.topic, one.end) for one in drain(box)] == [("verdicts", 2)]
    assert box.waits("commands")
    box.add(batch("verdicts", [30], first=2), ignore)
    box.add(batch("verdicts", [40], first=3), ignore)
    # what goes beyond its end of then comes first too, while commands catch up
    assert [(one.topic, one.end) for one in drain(box)] == [("verdicts", 4), ("commands", 2)]
    assert not box.waits("commands")
    box.add(batch("commands", [50], first=2), ignore)
    box.add(batch("verdicts", [45], first=4), ignore)
    assert [one.topic for one in drain(box)] == ["commands", "verdicts"], "live: as they come"


def test_a_paused_topic_has_no_turn() -> None:
    box = inbox(Replay.TURN, verdicts=3, commands=1)
    box.add(batch("commands", [5]), ignore)
    box.stop("verdicts")
    assert [one.topic for one in drain(box)] == ["commands"]


def test_what_has_its_turn_or_is_awaited_does_not_wait() -> None:
    box = inbox(verdicts=2, commands=1)
    assert not box.waits("verdicts") and not box.waits("commands")
    box.add(batch("commands", [15]), ignore)
    assert box.waits("commands") and not box.waits("verdicts")
    box.add(batch("verdicts", [20, 30]), ignore)
    assert box.waits("verdicts") and not box.waits("commands")
    drain(box)
    box.add(batch("commands", [40], first=1), ignore)
    assert not box.waits("commands")


def test_at_the_same_moment_the_first_topic_comes_first() -> None:
    box = inbox(verdicts=1, commands=1)
    box.add(batch("commands", [10]), ignore)
    box.add(batch("verdicts", [10]), ignore)
    assert [one.topic for one in drain(box)] == ["verdicts", "commands"]


def test_a_batch_is_acknowledged_once_with_its_last_part() -> None:
    box, done = inbox(verdicts=3, commands=2), []
    box.add(batch("verdicts", [10, 20, 30]), lambda: done.append("verdicts"))
    box.add(batch("commands", [15, 25]), lambda: done.append("commands"))
    seen = []
    while (waiting := box.take()) is not None:
        waiting.done()
        seen.append((waiting.batch.topic, list(done)))
    assert seen == [
        ("verdicts", []),
        ("commands", []),
        ("verdicts", []),
        ("commands", ["commands"]),
        ("verdicts", ["commands", "verdicts"]),
    ]


def test_offsets_that_hold_nothing_bring_a_topic_to_its_target() -> None:
    box = inbox(verdicts=5, commands=1)
    box.add(batch("commands", [15]), ignore)
    box.add(Batch("verdicts", 0, 0, 5, ()), ignore)
    assert [one.topic for one in drain(box)] == ["verdicts", "commands"]


def test_live_batches_come_as_they_came_whole() -> None:
    for box in (inbox(), inbox(Replay.ANY, verdicts=9, commands=9)):
        box.add(batch("commands", [30, 31]), ignore)
        box.add(batch("verdicts", [10, 40]), ignore)
        assert [(one.topic, one.end) for one in drain(box)] == [("commands", 2), ("verdicts", 2)]


def test_what_was_fetched_before_a_seek_is_dropped() -> None:
    box = inbox()
    box.add(batch("verdicts", [1, 2, 3]), ignore)
    box.clear()
    box.add(batch("verdicts", [4, 5], 3), ignore)
    assert not drain(box)
    box.begin("verdicts", 1, 5)
    box.add(batch("verdicts", [4, 5], 3), ignore)
    assert not drain(box)
    box.add(batch("verdicts", [1, 2, 3]), ignore)  # stands for what goes on from 1 too
    box.add(batch("verdicts", [4, 5], 3), ignore)
    assert [one.end for one in drain(box)] == [3, 5]


def test_a_topic_is_held_while_enough_of_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_ROOM_BYTES", 100)
    told: list[tuple[str, str]] = []
    box = Inbox(
        TOPICS,
        replay=Replay.ANY,
        hold=lambda topic: told.append(("hold", topic)),
        resume=lambda topic: told.append(("resume", topic)),
    )
    for topic in TOPICS:
        box.begin(topic, 0, 0)

    def add(topic: str, offset: int) -> None:
        record = FakeRecord(topic, offset, None, b"x" * 50)
        box.add(Batch(topic, 0, offset, offset + 1, [record]), ignore)

    add("verdicts", 0)
    add("commands", 0)
    assert told == []
    add("verdicts", 1)
    assert told == [("hold", "verdicts")]
    box.take()  # the verdict before the command
    assert told == [("hold", "verdicts"), ("resume", "verdicts")]
    for ending in (box.clear, lambda: box.stop("commands"), lambda: box.begin("commands", 0, 0)):
        box.begin("commands", 0, 0)
        told.clear()
        add("commands", 0)
        add("commands", 1)
        assert told == [("hold", "commands")]
        ending()
        assert told == [("hold", "commands"), ("resume", "commands")]


def test_what_waits_of_one_topic_is_taken_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_JOINED_RECORDS", 3)
    box, done = inbox(Replay.ANY), []

    def add(topic: str, size: int, first: int) -> None:
        box.add(batch(topic, [0] * size, first), lambda: done.append((topic, first)))

    add("verdicts", 1, 0)
    add("verdicts", 1, 1)
    add("commands", 4, 0)
    add("verdicts", 2, 2)
    add("verdicts", 1, 4)
    add("verdicts", 1, 5)
    box.add(batch("verdicts", [0, 0], 5), lambda: done.append(("verdicts", 55)))  # fetched again, from before a seek
    taken = []
    while (waiting := box.take()) is not None:
        waiting.done()
        taken.append((waiting.batch.topic, waiting.batch.start, waiting.batch.end, len(waiting.batch.records)))
    assert taken == [
        ("verdicts", 0, 2, 2),
        ("commands", 0, 4, 4),
        ("verdicts", 2, 5, 3),
        ("verdicts", 5, 6, 1),
        ("verdicts", 5, 7, 2),
    ]
    assert done == [
        ("verdicts", 0),
        ("verdicts", 1),
        ("commands", 0),
        ("verdicts", 2),
        ("verdicts", 4),
        ("verdicts", 5),
        ("verdicts", 55),
    ]


topic_times = st.lists(st.integers(0, 50), max_size=20).map(sorted)
cuts = st.lists(st.integers(0, 20), max_size=6)


def batches(topic: str, times: Sequence[int], at: Sequence[int]) -> list[Batch]:
    borders = sorted({0, len(times), *(cut for cut in at if cut < len(times))})
    return [batch(topic, times[start:end], start) for start, end in pairwise(borders)]


def delivered(box: Inbox, waiting: dict[str, list[Batch]], data: st.DataObject) -> tuple[list[Batch], list[Batch]]:
    """What is taken when the topics' batches come mixed in any way, and what is acknowledged."""
    taken: list[Batch] = []
    acknowledged: list[Batch] = []
    while any(waiting.values()):
        topic = data.draw(st.sampled_from([topic for topic in TOPICS if waiting[topic]]))
        one = waiting[topic].pop(0)
        box.add(one, lambda one=one: acknowledged.append(one))  # type: ignore[misc]
        if data.draw(st.booleans()):
            taken += drain(box)
    return taken + drain(box), acknowledged


@given(topic_times, topic_times, cuts, cuts, st.data())
def test_any_batches_of_a_replay_give_one_order(
    verdicts: list[int], commands: list[int], some: list[int], others: list[int], data: st.DataObject
) -> None:
    box = inbox(verdicts=len(verdicts), commands=len(commands))
    waiting = {"verdicts": batches("verdicts", verdicts, some), "commands": batches("commands", commands, others)}
    parts, acknowledged = delivered(box, waiting, data)
    taken: list[Any] = [record for part in parts for record in part.records]
    everything = records("verdicts", verdicts) + records("commands", commands)
    assert taken == sorted(everything, key=lambda record: (record.timestamp, TOPICS.index(record.topic)))
    assert len(acknowledged) == len(set(map(id, acknowledged)))
    assert sum(len(one.records) for one in acknowledged) == len(everything)


def test_a_paused_topic_is_dropped_and_not_waited_for() -> None:
    box = inbox(verdicts=2, commands=5)
    box.add(batch("verdicts", [10, 20]), ignore)
    box.add(batch("commands", [5]), ignore)
    box.stop("commands")
    box.add(batch("commands", [6], first=1), ignore)
    assert [(one.topic, one.start, one.end) for one in drain(box)] == [("verdicts", 0, 2)]
    box.begin("commands", 0, 5)
    box.add(batch("commands", [5, 6]), ignore)
    assert [(one.topic, one.start, one.end) for one in drain(box)] == [("commands", 0, 2)]


@pytest.mark.parametrize("order", [Replay.ANY, Replay.TURN])
def test_nothing_beyond_what_was_told_comes_before_all_of_that(order: Replay) -> None:
    box = Inbox(TOPICS, replay=order)
    box.begin("verdicts", 0, 4, told=3)
    box.begin("commands", 0, 2, told=1)
    box.add(batch("commands", [5, 6]), ignore)
    if order is Replay.ANY:
        assert [(one.topic, one.end) for one in drain(box)] == [("commands", 1)]
    assert box.is_empty and box.waits("commands")
    box.add(batch("verdicts", [10, 20]), ignore)
    box.add(batch("verdicts", [30, 40], first=2), ignore)
    ends = [(one.topic, one.start, one.end) for one in drain(box)]
    told = [("verdicts", 0, 2), ("verdicts", 2, 3)]
    if order is Replay.ANY:
        assert ends == [*told, ("commands", 1, 2), ("verdicts", 3, 4)]
    else:
        assert ends == [*told, ("commands", 0, 1), ("verdicts", 3, 4), ("commands", 1, 2)]


@pytest.mark.parametrize("order", [Replay.ANY, Replay.TURN])
def test_while_a_topic_is_paused_the_others_go_as_far_as_they_were_told(order: Replay) -> None:
    box = Inbox(TOPICS, replay=order)
    box.begin("verdicts", 0, 4, told=3)
    box.begin("commands", 0, 2, told=1)
    box.add(batch("commands", [5, 6]), ignore)
    box.stop("verdicts")
    assert [one.end for one in drain(box)] == [1]
    assert box.is_empty and box.waits("commands")
    box.begin("verdicts", 0, 4, told=3)
    box.add(batch("verdicts", [10, 20, 30, 40]), ignore)
    assert {(one.topic, one.end) for one in drain(box)} >= {("verdicts", 4), ("commands", 2)}


@given(
    st.sampled_from([Replay.ANY, Replay.TURN]),
    st.lists(st.integers(0, 25), min_size=2, max_size=2),
    st.lists(st.integers(0, 25), min_size=2, max_size=2),
    cuts,
    cuts,
    st.data(),
)
def test_any_batches_give_all_that_was_told_first_and_everything_once(
    order: Replay, sizes: list[int], wanted: list[int], some: list[int], others: list[int], data: st.DataObject
) -> None:
    told = {topic: min(size, most) for topic, size, most in zip(TOPICS, sizes, wanted, strict=True)}
    box = Inbox(TOPICS, replay=order)
    waiting = {}
    for topic, size, at in zip(TOPICS, sizes, (some, others), strict=True):
        box.begin(topic, 0, size, told[topic])
        waiting[topic] = batches(topic, [0] * size, at) if size else []
    taken, acknowledged = delivered(box, waiting, data)
    beyond = [one.end > told[one.topic] for one in taken]
    assert beyond == sorted(beyond), "what was told comes first"
    assert not [one for one in taken if one.start < told[one.topic] < one.end], "and by itself"
    for topic, size in zip(TOPICS, sizes, strict=True):
        offsets = [record.offset for one in taken if one.topic == topic for record in one.records]
        assert offsets == list(range(size))
    assert len(acknowledged) == len(set(map(id, acknowledged)))
    assert sum(len(one.records) for one in acknowledged) == sum(sizes)
