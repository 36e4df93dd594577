"""The sampling stage: sampling events and verdicts in; samples, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from schemas.sampling import SAMPLING_EVENT
from schemas.structs import struct_of
from schemas.topics import SAMPLES, SAMPLING_EVENTS, VERDICTS
from schemas.verdicts import Verdict
from services.runtime.answers import Answer
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.marks import mark_of
from services.runtime.messages import Writer
from services.runtime.stage import Changes, Record
from services.sampling import domain, store
from services.sampling.domain import UNKNOWN, Life

SERVICE = "sampling"
Lives = dict[str, Life]


class SamplingStage:
    """Keeps each sample's life."""

    name = store.STAGE
    topics = (SAMPLING_EVENTS.name, VERDICTS.name)
    ordered = False
    pause_seconds = 0.0

    def __init__(self) -> None:
        self._intake = Intake(SAMPLING_EVENTS, SERVICE, Reading(SAMPLING_EVENT))
        self._verdicts = InnerTopic(VERDICTS, struct_of(Verdict, only=("sample_id", "revision")), SERVICE)
        self._samples = Writer(SAMPLES, SERVICE)

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
        before, lives = state, dict(state)
        changes = Changes()

        def take(item: Taken) -> Answer:
            event = item.event
            mark = mark_of(item.source, item.event_id)
            life = lives.get(event.sample_id, UNKNOWN)
            lives[event.sample_id], answer = domain.take(life, event, item.source, mark, item.record.offset)
            return answer

        def conclude(item: Taken) -> None:
            life = lives.get(item.event.sample_id, UNKNOWN)
            lives[item.event.sample_id] = domain.conclude(life, item.event, item.record.offset)

        if inputs and inputs[0].record.topic == SAMPLING_EVENTS.name:
            fold_intake(self._intake, changes, inputs, take)
        else:
            self._verdicts.fold(changes, inputs, conclude)
        for sample_id, life in lives.items():
            was = before.get(sample_id, UNKNOWN)
            if life is was:
                continue
            changes.put[store.lives_key(partition)][sample_id] = store.pack_life(life)
            sample = domain.sample_of(life)
            if sample is not None and life.revision != was.revision:
                changes.messages.append(
                    self._samples.message(partition, sample_id, sample, f"{sample_id}:{life.revision}")
                )
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""
