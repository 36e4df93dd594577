"""Which clocks run for a sample, since when, until when. Pure.

A clock starts at the event that its rule names, runs under the version of the rule that is in force then, and does not
start again because a record was edited: its start and stop are moments of the record as a whole (`Moments`).
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
    """A rule that the sampling service watches, with the places in Moments of what starts and what stops its clock."""

    id: str
    starts: int
    stops: tuple[int, ...]


def clocks_of(
    table: Table, moments: Moments, domain: str, category: Sequence[str], calendar: WorkingDays
) -> list[Clock]:
    """Every clock that has begun for a sample, of the rules that the sampling service watches."""
    watched = (clock_of(table, rule, moments, calendar) for rule in watched_rules(table, domain, category[0]))
    return [clock for clock in watched if clock is not None]


def clock_of(table: Table, rule: WatchedRule, moments: Moments, calendar: WorkingDays) -> Clock | None:
    """The clock of a rule, from a sample's moments; None where it has not begun, or no version is in force."""
    started_at = moments[rule.starts]
    if started_at is None or (clock := clock_for(table, rule.id, started_at, calendar)) is None:
        return None
    stopped = [at for stop in rule.stops if (at := moments[stop]) is not None]
    return clock._replace(stopped_at=min(stopped)) if stopped else clock


@lru_cache(maxsize=4096)
def watched_rules(table: Table, domain: str, category: str, notified: bool = False) -> tuple[WatchedRule, ...]:
    """The rules that the sampling service watches for such samples; only those whose phases are published, if asked."""
    newest = (versions[-1] for versions in table.by_id.values())
    return tuple(
        WatchedRule(rule.id, _place(rule.starts), tuple(_place(stop) for stop in rule.stops if stop.moment))
        for rule in newest
        if rule.watched_by == "sampling" and rule.applies_to(domain, (category,)) and (rule.notify or not notified)
    )


def _place(trigger: Trigger) -> int:
    assert trigger.moment is not None, "the table has checked it"
    return Moments._fields.index(trigger.moment)
