"""Which clocks run for a sample, since when, until when. Pure.

A clock starts at the event that its rule names, runs under the version of the rule that is in force then, in all that
the row says, and does not start again because a record was edited: its start and stop are moments of the record as a
whole (`Moments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from services.deadlines.moments import Moments
from services.deadlines.reckoning import Due, due
from services.deadlines.table import Rule, Table, Trigger
from services.deadlines.working_days import WorkingDays

ClockState = Literal["running", "near", "passed", "met"]


class Clock(NamedTuple):
    """One period that has begun. stopped_at: when what the rule asks for was done; None while it has not been."""

    rule: Rule
    started_at: datetime
    due: Due
    stopped_at: datetime | None = None

    @property
    def late(self) -> bool:
        """Whether what the rule asks for was done after the end; at the end itself is in time.

        Of a right, and of a duty to keep something, nobody is late.
        """
        return self.rule.kind == "deadline" and self.stopped_at is not None and self.stopped_at > self.due.at

    def state(self, now: datetime) -> ClockState:
        """Where the clock stands at a moment."""
        if self.stopped_at is not None:
            return "met"
        if now > self.due.at:
            return "passed"
        return "near" if now >= self.due.near_at and self.rule.warn_before is not None else "running"


def clock_for(table: Table, rule_id: str, started_at: datetime, calendar: WorkingDays) -> Clock | None:
    """The clock of a rule that starts at a moment; None where no version of the rule is in force then.

    Raises KeyError for a rule that the table does not have.
    """
    rule = table.version(rule_id, started_at)
    return None if rule is None else Clock(rule, started_at, due(rule, started_at, calendar))


class WatchedRule(NamedTuple):
    """A version of a rule that the sampling service watches, with the places in Moments of what starts and what stops
    its clock."""

    rule: Rule
    starts: int
    stops: tuple[int, ...]


Versions = tuple[WatchedRule, ...]


class Begun(NamedTuple):
    """The version under which a clock began, and when."""

    version: WatchedRule
    at: datetime

    def stopped_at(self, moments: Moments) -> datetime | None:
        """When what the rule asks for was done; None while it has not been."""
        return min([at for stop in self.version.stops if (at := moments[stop]) is not None], default=None)


def clocks_of(
    table: Table, moments: Moments, domain: str, plan: str, category: Sequence[str], calendar: WorkingDays
) -> list[Clock]:
    """Every clock that has begun for a sample, of the rules that the sampling service watches."""
    found = (begun(table, versions, moments) for versions in watched_rules(table, domain, plan, category[0]))
    return [clock_of(one, moments, calendar) for one in found if one is not None]


def begun(table: Table, versions: Versions, moments: Moments) -> Begun | None:
    """What has begun of a rule, by a sample's moments; None where nothing has, or no version of these is in force."""
    for version in versions:
        at = moments[version.starts]
        if at is not None and table.version(version.rule.id, at) is version.rule:
            return Begun(version, at)
    return None


def clock_of(one: Begun, moments: Moments, calendar: WorkingDays) -> Clock:
    """The clock of what has begun."""
    rule = one.version.rule
    return Clock(rule, one.at, due(rule, one.at, calendar), one.stopped_at(moments))


@lru_cache(maxsize=4096)
def watched_rules(table: Table, domain: str, plan: str, category: str, notified: bool = False) -> tuple[Versions, ...]:
    """The rules that the sampling service watches for such samples, each in its versions that are for them, the oldest
    first; only those whose phases are published, if asked."""
    found = (
        tuple(
            WatchedRule(rule, _place(rule.starts), tuple(_place(stop) for stop in rule.stops if stop.moment))
            for rule in versions
            if rule.watched_by == "sampling"
            and rule.applies_to(domain, plan, (category,))
            and (rule.notify or not notified)
        )
        for versions in table.by_id.values()
    )
    return tuple(versions for versions in found if versions)


def _place(trigger: Trigger) -> int:
    assert trigger.moment is not None, "the table has checked it"
    return Moments._fields.index(trigger.moment)
