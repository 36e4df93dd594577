"""How the clocks of a sample are watched: what is published of them, and when to look at it again. Pure.

A sample has one timer, for the next thing to say about any of its clocks. Nearing and passing are said by timers alone,
which rest until the partition has caught up; that a clock was met or is void is said with the record that did it, where
anything may have been said of it before. A revision follows from the phase, so a replay repeats and never contradicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from schemas.deadlines import DeadlineEvent, DeadlinePhase
from schemas.sampling import SampleTaken
from services.deadlines.clocks import Begun, Clock, Versions, begun, clock_of, clocks_of, watched_rules
from services.deadlines.moments import Moments
from services.deadlines.table import Table
from services.deadlines.working_days import WorkingDays
from services.runtime.calendar import SHANGHAI, moment_of
from services.sampling.domain import Life, Watch

#: The order of phases. What was said with an end that was provisional is said again once it is certain.
NEAR_PROVISIONAL, NEAR, PASSED_PROVISIONAL, PASSED, MET, VOID = range(1, 7)
#: A clock that begins anew, because a verdict turned and turned again, has revisions above those of the earlier ones.
REVISIONS: Final = 10
_PHASES: Final[Mapping[int, DeadlinePhase]] = {
    NEAR_PROVISIONAL: "near",
    NEAR: "near",
    PASSED_PROVISIONAL: "passed",
    PASSED: "passed",
    MET: "met",
    VOID: "void",
}
_MINUTE: Final = 60_000
_DAY: Final = 24 * 60 * _MINUTE
#: A timer may fire a little before what came in earlier is taken: so much before it is due, its end is said anyway.
_MARGIN: Final = 15 * _MINUTE
#: An end that is provisional is reckoned anew every day, from so long before on: working days that are made up move it
#: forward by less.
_UNSURE: Final = 10 * _DAY
_UNWATCHED = Watch()


class Watched(NamedTuple):
    """A life with its clocks noted, what to publish, and when to look again: in ms since the epoch, or never."""

    life: Life
    events: list[DeadlineEvent]
    timer: int | None


class Watcher:
    """Watches clocks by one table and one calendar."""

    def __init__(self, table: Table, calendar: WorkingDays) -> None:
        self.table = table
        self.calendar = calendar

    def clocks(self, life: Life) -> list[Clock]:
        """Every clock that has begun for a sample, those that are only shown too."""
        if life.taken is None or life.voided is not None:
            return []
        taken = life.taken
        return clocks_of(self.table, moments_of(life), taken.domain, taken.plan, taken.category, self.calendar)

    def record(self, before: Life, after: Life, now: int) -> Watched | None:
        """What a change of the record means for the clocks; None where it means nothing.

        `now` is when it came in, in ms since the epoch.
        """
        was, is_ = moments_of(before), moments_of(after)
        taken, voided = after.taken, after.voided is not None
        if taken is None or (was == is_ and before.taken is not None and voided == (before.voided is not None)):
            return None
        if before.taken is None:
            was = Moments()
        now = max(now, after.judged.arrived * 1000, _ms(after.voided.voided_at) if after.voided else 0)
        watches, events, running = dict(after.watches), list[DeadlineEvent](), list[tuple[Clock, Watch]]()
        for versions in self._rules(taken):
            began, begins = begun(self.table, versions, was), begun(self.table, versions, is_)
            goes_on = began is not None and began == begins
            if began is not None and (not goes_on or (voided and before.voided is None)):
                watch = watches.pop(began.version.rule.id, _UNWATCHED)
                self._void(events, before, began, was, watch, now)
            if begins is None or (began is not None and goes_on and began.stopped_at(was) is not None):
                continue
            if voided:
                # in a rebuild the sample may be voided before the verdict is known of whose clocks was spoken
                if not goes_on:
                    self._void(events, after, begins, is_, _UNWATCHED, now)
                continue
            clock = clock_of(begins, is_, self.calendar)
            watch = watches.pop(clock.rule.id, _UNWATCHED)
            if not goes_on:
                watch = Watch(seen=now // 1000 if now > _ms(clock.due.at) else 0)
            if clock.stopped_at is None:
                running.append((clock, watch))
                if watch != _UNWATCHED:
                    watches[clock.rule.id] = watch
            elif self._was_told(clock, watch, now) or (clock.late and not self._historic(clock, watch)):
                events.append(event_of(after, clock, MET, clock.stopped_at, self._historic(clock, watch)))
        life = replace(after, watches=watches) if watches != after.watches else after
        return Watched(life, events, self._next(running, now))

    def _void(
        self, events: list[DeadlineEvent], life: Life, began: Begun, moments: Moments, watch: Watch, now: int
    ) -> None:
        clock = clock_of(began, moments, self.calendar)
        if self._was_told(clock, watch, now):
            events.append(event_of(life, clock, VOID, moment_of(now), self._historic(clock, watch)))

    def time(self, life: Life, now: int) -> Watched:
        """What time means for the clocks: `now` in ms since the epoch. The timer lies after `now`."""
        watches, events, running = dict(life.watches), list[DeadlineEvent](), list[tuple[Clock, Watch]]()
        for clock in self._open(life):
            watch = watches.get(clock.rule.id, _UNWATCHED)
            reached = [revision for moment, revision in self._moments(clock, watch) if moment <= now]
            if reached and max(reached) > watch.fired:
                phase = max(reached)
                at = clock.due.near_at if phase < PASSED_PROVISIONAL else clock.due.at
                events.append(event_of(life, clock, phase, at, self._historic(clock, watch)))
                watches[clock.rule.id] = watch = watch._replace(fired=phase)
            running.append((clock, watch))
        life = replace(life, watches=watches) if watches != life.watches else life
        return Watched(life, events, self._next(running, now, after=now))

    def told(self, life: Life) -> Iterator[DeadlineEvent]:
        """What was last said of each running clock that is near or passed, as it would be said now."""
        for clock in self._open(life):
            if phase := life.watches.get(clock.rule.id, _UNWATCHED).fired:
                at = clock.due.near_at if phase < PASSED_PROVISIONAL else clock.due.at
                yield event_of(life, clock, phase, at, self._historic(clock, life.watches[clock.rule.id]))

    def _rules(self, taken: SampleTaken) -> tuple[Versions, ...]:
        return watched_rules(self.table, taken.domain, taken.plan, taken.category[0], notified=True)

    def _open(self, life: Life) -> Iterator[Clock]:
        if life.taken is None or life.voided is not None:
            return
        moments = moments_of(life)
        for versions in self._rules(life.taken):
            one = begun(self.table, versions, moments)
            if one is not None and one.stopped_at(moments) is None:
                yield clock_of(one, moments, self.calendar)

    def _moments(self, clock: Clock, watch: Watch) -> list[tuple[int, int]]:
        """When each phase of an open clock is to be said, in ms, with its revision."""
        provisional = clock.due.provisional
        passed = PASSED_PROVISIONAL if provisional else PASSED
        if watch.seen and clock.rule.kind != "deadline":
            return []  # a right that had ended before its beginning was known
        if watch.seen:
            return [(watch.seen * 1000 + self._settling(clock, watch), passed)]
        # the end itself is in time
        found = [(_ms(clock.due.at) + 1, passed)]
        if clock.rule.warn_before is not None:
            found.append((_ms(clock.due.near_at), NEAR_PROVISIONAL if provisional else NEAR))
        return found

    def _next(self, running: Iterable[tuple[Clock, Watch]], now: int, after: int = -1) -> int | None:
        """When the next thing is to be said of the running clocks, later than `after`; None if there is nothing."""
        found = []
        for clock, watch in running:
            moments = self._moments(clock, watch)
            found += [moment for moment, revision in moments if revision > watch.fired and moment > after]
            if clock.due.provisional and moments:
                found.append(max(now + _DAY, min(moment for moment, _ in moments) - _UNSURE))
        return min(found, default=None)

    def _was_told(self, clock: Clock, watch: Watch, now: int) -> bool:
        """Whether nearing or passing may have been published of a clock, in this life of the service or another."""
        return watch.fired > 0 or any(now >= moment - _MARGIN for moment, _ in self._moments(clock, watch))

    def _historic(self, clock: Clock, watch: Watch) -> bool:
        return watch.seen * 1000 > _ms(clock.due.at) + self.table.imports.historic_after_days * _DAY

    def _settling(self, clock: Clock, watch: Watch) -> int:
        imports = self.table.imports
        minutes = imports.settle_hours_historic * 60 if self._historic(clock, watch) else imports.settle_minutes
        return minutes * _MINUTE


def moments_of(life: Life) -> Moments:
    """When what happened, by a sample's record."""
    judged = life.judged
    return Moments(
        taken=life.taken.sampled_at if life.taken else None,
        received=life.received.received_at if life.received else None,
        reported=_moment(judged.reported),
        arrived=_moment(judged.arrived),
        passed=_moment(judged.since) if judged.outcome == "pass" else None,
        failed=_moment(judged.since) if judged.outcome == "fail" else None,
        retested=_moment(judged.retested),
    )


def event_of(life: Life, clock: Clock, revision: int, at: datetime, historic: bool) -> DeadlineEvent:
    """What is said of a clock that has reached a phase, told by its revision."""
    taken, rule = life.taken, clock.rule
    assert taken is not None
    turns = life.judged.turns if clock.rule.starts.outcome is not None else 0
    number = turns * REVISIONS + revision
    deadline_id = f"{taken.sample_id}:{rule.id}"
    return DeadlineEvent(
        event_id=f"{deadline_id}:{number}",
        deadline_id=deadline_id,
        sample_id=taken.sample_id,
        revision=number,
        phase=_PHASES[revision],
        at=at,
        rule=rule.id,
        rule_version=rule.in_force_from,
        kind=rule.kind,
        started_at=clock.started_at,
        due_at=clock.due.at,
        near_at=clock.due.near_at,
        amount=rule.amount,
        unit=rule.unit,
        provisional=clock.due.provisional,
        confirmed=rule.confirmed,
        late=clock.late and revision == MET,
        historic=historic,
        title_zh=rule.title_zh,
        title_en=rule.title_en,
        law=rule.law,
        article=rule.article,
        liable=rule.liable,
        domain=taken.domain,
        plan=taken.plan,
        targeting=taken.targeting,
        region=taken.region,
        stage=taken.stage,
        category=taken.category,
        product_name=taken.product_name,
        producer=taken.producer,
        sampled_party=taken.sampled_party,
        lab_id=life.received.lab_id if life.received else None,
        sampled_at=taken.sampled_at,
        sampled_by=taken.sampled_by,
        note_zh=rule.note_zh,
        note_en=rule.note_en,
        source=life.taken_from,
    )


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, SHANGHAI) if seconds else None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
