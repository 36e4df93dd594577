"""The lab stage: results and samples in; verdicts, counts, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from redis.asyncio import Redis

from schemas.qualification import Delta
from schemas.results import RESULT_EVENT
from schemas.structs import struct_of
from schemas.topics import DELTAS, LAB_RESULTS, SAMPLES, VERDICTS
from schemas.verdicts import Verdict
from services.lab_results import counts, domain, store
from services.lab_results.counts import Increments, Tally
from services.lab_results.cuts import PUBLISHED
from services.lab_results.domain import EMPTY, Dossier, SampleFacts
from services.lab_results.facts import content_mark, facts_of, screen
from services.runtime.answers import Answer
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.marks import mark_of
from services.runtime.messages import Message, Writer
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record

SERVICE = "lab_results"
Dossiers = dict[str, Dossier]


class LabStage:
    """Joins results to samples, concludes verdicts, and moves the counts of the cells."""

    name = store.STAGE
    topics = (LAB_RESULTS.name, SAMPLES.name)
    ordered = False
    pause_seconds = 0.0

    def __init__(self) -> None:
        self._intake = Intake(LAB_RESULTS, SERVICE, Reading(RESULT_EVENT, screen=screen, facts=facts_of))
        self._samples = InnerTopic(SAMPLES, SampleFacts, SERVICE)
        self._verdicts = Writer(VERDICTS, SERVICE)
        self._deltas = Writer(DELTAS, SERVICE)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads results from outside, or samples."""
        reader = self._intake if records[0].topic == LAB_RESULTS.name else self._samples
        return reader.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Dossiers:
        """The dossiers of the samples that the inputs are about."""
        return await store.load_dossiers(
            redis, partition, (item.event.sample_id for item in inputs if isinstance(item, Taken))
        )

    def fold(self, state: Dossiers, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Adds each input to its sample's dossier; publishes verdicts that changed and moves what they count."""
        dossiers = dict(state)
        changes = Changes()
        tally = Tally()

        def settle(sample_id: str, before: Dossier, after: Dossier) -> None:
            if after is before:
                return
            was, now = domain.verdict_of(before), domain.verdict_of(after)
            if now is not None and not same_verdict(was, now):
                event_id = f"{sample_id}:{now.revision}"
                message = self._verdicts.message(partition, sample_id, now, event_id, now.concluded_at)
                tally.move(was, now)
                changes.messages.append(message)
            # last, so that what can't be settled leaves no trace
            dossiers[sample_id] = after

        def take(item: Taken) -> Answer:
            event = item.event
            before = dossiers.get(event.sample_id, EMPTY)
            mark = mark_of(item.source, item.event_id)
            after, answer = domain.take(before, event, item.source, mark, content_mark(event))
            settle(event.sample_id, before, after)
            return answer

        def register(item: Taken) -> None:
            sample = item.event
            before = dossiers.get(sample.sample_id, EMPTY)
            settle(sample.sample_id, before, domain.register(before, sample))

        if inputs and inputs[0].record.topic == LAB_RESULTS.name:
            fold_intake(self._intake, changes, inputs, take)
        else:
            self._samples.fold(changes, inputs, register)
        put = changes.put[store.dossiers_key(partition)]
        for sample_id, dossier in dossiers.items():
            if dossier is not state.get(sample_id):
                put[sample_id] = store.pack_dossier(dossier)
        increments = tally.increments()
        store.add_counts(changes, partition, increments)
        changes.messages.extend(self._delta_messages(increments, partition, version))
        return changes

    def _delta_messages(self, increments: Increments, partition: int, version: int) -> Iterator[Message]:
        for group, cells in increments.items():
            if group.rpartition("|")[2] not in PUBLISHED:
                continue
            for value, counter in cells.items():
                days = counts.day_deltas(counter)
                if days:
                    key = f"{group}|{value}"
                    delta = DeltaFacts(cell=key, partition=partition, version=version, days=days)
                    home = home_of(key.encode(), PARTITIONS)
                    yield self._deltas.message(home, key, delta, f"{key}:{partition}:{version}")

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""


DeltaFacts = struct_of(Delta, in_full=True)


def same_verdict(was: Verdict | None, now: Verdict) -> bool:
    """Whether two verdicts say the same, but for the number of events that led to them."""
    return was is not None and msgspec.structs.replace(was, revision=now.revision) == now  # type: ignore[type-var]
