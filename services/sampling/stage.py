"""The sampling stage: sampling events and verdicts in; samples, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from schemas.sampling import SAMPLING_EVENT
from schemas.structs import struct_of
from schemas.topics import DEADLINES, SAMPLES, SAMPLING_EVENTS, VERDICTS
from schemas.verdicts import Verdict
from services.deadlines.table import Table, load_table
from services.deadlines.working_days import WorkingDays, load_working_days
from services.runtime import metrics
from services.runtime.answers import Answer
from services.runtime.blocks import Held
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.marks import mark_of
from services.runtime.messages import Writer
from services.runtime.stage import Changes, Record, Replay
from services.sampling import domain, store
from services.sampling.domain import UNKNOWN, Life
from services.sampling.watching import Watched, Watcher

SERVICE = "sampling"
Lives = Held[Life]
#: What starts and stops clocks, and tells a verdict from those before it.
VerdictHead = struct_of(Verdict, only=("sample_id", "revision", "outcome", "concluded_at", "retest"))


class SamplingStage:
    """Keeps each sample's life, and watches its deadlines."""

    name = store.STAGE
    topics = (SAMPLING_EVENTS.name, VERDICTS.name)
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, table: Table | None = None, calendar: WorkingDays | None = None) -> None:
        """Without a table or a calendar, those that come with the program."""
        self.watcher = Watcher(table or load_table(), calendar or load_working_days())
        self._intake = Intake(SAMPLING_EVENTS, SERVICE, Reading(SAMPLING_EVENT))
        self._verdicts = InnerTopic(VERDICTS, VerdictHead, SERVICE)
        self._samples = Writer(SAMPLES, SERVICE)
        self._deadlines = Writer(DEADLINES, SERVICE)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads events from outside, or verdicts."""
        reader = self._intake if records[0].topic == SAMPLING_EVENTS.name else self._verdicts
        return reader.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Lives:
        """The lives of the samples that the inputs are about."""
        return await store.load_lives(
            redis, partition, (item.event.sample_id for item in inputs if isinstance(item, Taken))
        )

    def fold(self, state: Lives, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Adds each input to its sample's life and publishes the samples that changed."""
        return self._fold(Changes(), state, partition, inputs)

    def fold_quietly(self, state: Lives, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """As `fold`, without samples, deadlines and answers."""
        return self._fold(Changes(quiet=True), state, partition, inputs)

    def _fold(self, changes: Changes, state: Lives, partition: int, inputs: Sequence[Input]) -> Changes:
        before, lives, arrived = state, dict(state), dict[str, int]()

        def take(item: Taken) -> Answer:
            event = item.event
            mark = mark_of(item.source, item.event_id)
            arrived[event.sample_id] = item.record.timestamp
            life = lives.get(event.sample_id, UNKNOWN)
            lives[event.sample_id], answer = domain.take(life, event, item.source, mark, item.record.offset)
            return answer

        def conclude(item: Taken) -> None:
            sample_id, record = item.event.sample_id, item.record
            arrived[sample_id] = record.timestamp
            lives[sample_id] = domain.conclude(
                lives.get(sample_id, UNKNOWN), item.event, record.offset, record.timestamp
            )

        if inputs and inputs[0].record.topic == SAMPLING_EVENTS.name:
            fold_intake(self._intake, changes, inputs, take)
        else:
            self._verdicts.fold(changes, inputs, conclude)
        changed: dict[str, Life] = {}
        for sample_id, grown in lives.items():
            was = before.get(sample_id, UNKNOWN)
            if grown is was:
                continue
            watched = self.watcher.record(was, grown, arrived[sample_id])
            if watched is not None:
                self._watch(changes, partition, sample_id, watched)
            life = changed[sample_id] = grown if watched is None else watched.life
            if life.redacted != was.redacted:
                for event in self.watcher.told(life):
                    said = self._deadlines.message(partition, sample_id, event, event.event_id, event.at.isoformat())
                    changes.put[store.open_key(partition)][event.deadline_id] = said.value or b""
            told = changes.quiet or life.revision == was.revision
            if not told and (sample := domain.sample_of(life)) is not None:
                changes.messages.append(
                    self._samples.message(partition, sample_id, sample, f"{sample_id}:{life.revision}")
                )
        store.LIVES.put(changes, store.lives_key(partition), before, changed)
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Lives:
        """The lives of the samples whose timers are due."""
        return await store.load_lives(redis, partition, members)

    def fold_due(self, state: Lives, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """Says which deadlines near or have passed, and when each sample is to be looked at again."""
        changes, changed = Changes(), dict[str, Life]()
        for sample_id in members:
            life = state.get(sample_id, UNKNOWN)
            watched = self.watcher.time(life, now)
            self._watch(changes, partition, sample_id, watched)
            if watched.life is not life:
                changed[sample_id] = watched.life
        store.LIVES.put(changes, store.lives_key(partition), state, changed)
        return changes

    def _watch(self, changes: Changes, partition: int, sample_id: str, watched: Watched) -> None:
        changes.timers[sample_id] = watched.timer
        for event in watched.events:
            message = self._deadlines.message(partition, sample_id, event, event.event_id, event.at.isoformat())
            if not changes.quiet:
                changes.messages.append(message)
                changes.counted[metrics.DEADLINES, (event.rule, event.phase)] += 1
            if event.phase in ("near", "passed"):
                changes.put[store.open_key(partition)][event.deadline_id] = message.value or b""
            else:
                changes.delete[store.open_key(partition)].append(event.deadline_id)

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""
