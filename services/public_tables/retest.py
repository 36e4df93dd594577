"""Whether a failure can still be answered by a retest (复检): the statutory table's periods for applying for one. Pure.

The notice is not on record, so a period is reckoned from the day on which the deciding report was issued, as the table
says; it ends no earlier than this. A retest that has been concluded is final. One that was applied for but has no
report yet is not on record, and is not waited for. A failure from before the oldest version in the table is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from functools import lru_cache

from schemas.verdicts import Verdict
from services.deadlines.reckoning import due
from services.deadlines.table import Rule, Table
from services.deadlines.working_days import WorkingDays
from services.runtime.calendar import SHANGHAI

#: The moment that starts the period: the verdict that stands was concluded as a failure.
_STARTS = "failed"


def retest_closed_by(table: Table, calendar: WorkingDays) -> Callable[[Verdict, date], bool]:
    """The question to ask of a verdict and a day: is the longest of the periods that apply over before that day?"""

    @lru_cache(maxsize=256)
    def rules_for(domain: str, plan: str, category: str) -> Sequence[Rule]:
        windows = (rule for rule in table.rules if rule.kind == "window" and rule.starts.moment == _STARTS)
        return tuple(rule for rule in windows if rule.applies_to(domain, plan, (category,)))

    def closed(verdict: Verdict, as_of: date) -> bool:
        if verdict.outcome != "fail" or verdict.retest:
            return True
        started_at = datetime.fromisoformat(str(verdict.concluded_at))
        begins = datetime.combine(as_of, time(), SHANGHAI)
        return not any(
            table.version(rule.id, started_at) is rule and due(rule, started_at, calendar).at > begins
            for rule in rules_for(verdict.domain, verdict.plan, verdict.category[0])
        )

    return closed
