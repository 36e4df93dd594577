"""The lab stage: results and samples in; verdicts, counts, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis

from schemas.results import RESULT_EVENT
from schemas.topics import LAB_RESULTS, SAMPLES, VERDICTS
from schemas.verdicts import Verdict
from services.lab_results import counts_store, cut_filling, deltas, domain, retelling, store
from services.lab_results.cut_filling import CutKeeper, Filling
from services.lab_results.deltas import Deltas, Moved
from services.lab_results.domain import EMPTY, Dossier, SampleFacts
from services.lab_results.facts import content_mark, facts_of, screen
from services.runtime import metrics
from services.runtime.answers import Answer, rejected
from services.runtime.blocks import Held
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.marks import mark_of
from services.runtime.messages import Writer
from services.runtime.signatures import Registry
from services.runtime.stage import Changes, Record, Replay
from services.runtime.tracing import trace_of, traced

SERVICE = "lab_results"
Dossiers = Held[Dossier]


class Due(NamedTuple):
    """What timers are about; None: not due."""

    filling: Filling | None
    moved: Moved | None
    retold: retelling.Slices | None


class LabStage:
    """Joins results to samples, concludes verdicts, and moves the counts of the cells."""

    name = store.STAGE
    topics = (SAMPLES.name, LAB_RESULTS.name)
    #: A failure that was overturned is told again only if its sample is known when it comes.
    replay = Replay.TURN
    pause_seconds = 0.0

    def __init__(
        self, cuts: CutKeeper | None = None, laboratories: Registry | None = None, daily: Collection[str] = ()
    ) -> None:
        """daily: the laboratories whose results are counted by name."""
        reading = Reading(RESULT_EVENT, screen=screen, facts=facts_of, laboratories=laboratories)
        self._intake = Intake(LAB_RESULTS, SERVICE, reading)
        self._signed = laboratories is not None
        self._samples = InnerTopic(SAMPLES, SampleFacts, SERVICE)
        self._verdicts = Writer(VERDICTS, SERVICE)
        self._deltas = Deltas(SERVICE)
        self._cuts = cuts or CutKeeper()
        self._daily = frozenset(daily)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads results from outside, or samples."""
        reader = self._intake if records[0].topic == LAB_RESULTS.name else self._samples
        return reader.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Dossiers:
        """The dossiers of the samples that the inputs are about."""
        await self._cuts.load(redis, partition)
        return await store.load_dossiers(
            redis, partition, (item.event.sample_id for item in inputs if isinstance(item, Taken))
        )

    def fold(self, state: Dossiers, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Adds each input to its sample's dossier; publishes verdicts that changed and moves what they count."""
        return self._fold(Changes(), state, partition, inputs, version)

    def fold_quietly(self, state: Dossiers, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """As `fold`, without verdicts and answers. Rates are told once more, after everything."""
        return self._fold(Changes(quiet=True), state, partition, inputs, version)

    def _fold(
        self, changes: Changes, state: Dossiers, partition: int, inputs: Sequence[Input], version: int
    ) -> Changes:
        dossiers = dict(state)
        tally = self._cuts.tally(partition)

        def settle(item: Taken, before: Dossier, after: Dossier) -> None:
            sample_id = item.event.sample_id
            if after is before:
                return
            was, now = domain.verdict_of(before), domain.verdict_of(after)
            if now is not None and not same_verdict(was, now):
                changes.newest[metrics.NEWEST_VERDICT] = item.record.timestamp / 1000
                tally.move(was, now)
                tally.arrive(was, now, item.record.timestamp)
                if not changes.quiet:
                    changes.counted[metrics.VERDICTS, (now.domain, now.plan, now.outcome or "none")] += 1
                    event_id = f"{sample_id}:{now.revision}"
                    message = self._verdicts.message(partition, sample_id, now, event_id, now.concluded_at)
                    changes.messages.append(traced(message, trace_of(item.record)))
            # last, so that what can't be settled leaves no trace
            dossiers[sample_id] = after

        def take(item: Taken) -> Answer:
            event = item.event
            before = dossiers.get(event.sample_id, EMPTY)
            if self._signed and domain.is_anothers(before, event):
                return rejected("report_no", "is that of another laboratory's report on this sample")
            mark = mark_of(item.source, item.event_id)
            after, answer = domain.take(before, event, item.source, mark, content_mark(event))
            settle(item, before, after)
            if answer.outcome in ("accepted", "parked") and not changes.quiet:
                lab_id = event.lab_id if event.lab_id in self._daily else "other"
                changes.counted[metrics.LABORATORY_RESULTS, (lab_id,)] += 1
            return answer

        def register(item: Taken) -> None:
            sample = item.event
            before = dossiers.get(sample.sample_id, EMPTY)
            settle(item, before, domain.register(before, sample))

        if inputs and inputs[0].record.topic == LAB_RESULTS.name:
            fold_intake(self._intake, changes, inputs, take)
        else:
            self._samples.fold(changes, inputs, register)
        store.DOSSIERS.put(changes, store.dossiers_key(partition), state, dossiers)
        if changes.quiet:
            packed = tally.packed()
            counts_store.add_counts(changes, partition, packed)
            retelling.note(changes, partition, packed)
        else:
            increments = tally.increments()
            counts_store.add_counts(changes, partition, increments)
            self._deltas.add(changes, partition, version, increments, len(inputs))
        counts_store.add_delays(changes, partition, tally.delays)
        self._cuts.note(changes, partition)
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Due:
        """What brings the partition's cuts to the configured ones, and what is to be told of its cells."""
        filling = await self._cuts.load_due(redis, partition) if cut_filling.TIMER in members else None
        moved = await deltas.load_moved(redis, partition) if deltas.TIMER in members else None
        retold = await retelling.load_slices(redis, partition) if retelling.TIMER in members else None
        return Due(filling, moved, retold)

    def fold_due(self, state: Due, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """Fills and drops cuts, and tells of the cells that have moved."""
        changes = Changes()
        if state.retold is not None:
            retelling.tell(changes, self._deltas, partition, version, state.retold, now)
        if state.moved is not None:
            self._deltas.tell(changes, partition, version, state.moved, now)
        if state.filling is not None:
            self._cuts.fold_due(changes, state.filling, partition)
            changes.messages.extend(self._deltas.messages(partition, version, state.filling.increments))
            changes.messages.extend(self._deltas.touched(partition, version, cut_filling.emptied(state.filling)))
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches but the cuts that a partition counts in."""
        self._cuts.forget(partition)


def same_verdict(was: Verdict | None, now: Verdict) -> bool:
    """Whether two verdicts say the same, but for the number of events that led to them."""
    return was is not None and msgspec.structs.replace(was, revision=now.revision) == now  # type: ignore[type-var]
