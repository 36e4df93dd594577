"""By when a failed sample has to be acted upon: by the statutory table, else by the policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.alerts import Urgency, Wording
from schemas.verdicts import Verdict
from services.alerts import values
from services.alerts.escalation import Policy
from services.deadlines.reckoning import due
from services.deadlines.table import Rule, Table, load_table
from services.deadlines.working_days import WorkingDays
from services.runtime.calendar import moment_of

#: The rules of the statutory table, for failures that cannot wait and for all.
URGENT, DISPOSAL = "food_urgent_failure", "food_disposal"
_DAY_MS: Final = 86_400_000
_SHANGHAI_MS: Final = 8 * 3_600_000


class ActBy:
    """Reckons the moment; the table and the calendar are those of all deadlines."""

    def __init__(self, policy: Policy, table: Table | None = None, calendar: WorkingDays | None = None) -> None:
        self._policy = policy
        self._table = table or load_table()
        self._calendar = calendar or WorkingDays()
        self._on_day = lru_cache(maxsize=1024)(self._reckoned)
        for name in (URGENT, DISPOSAL):
            if name not in self._table.by_id:
                raise ValueError(f"the table of deadlines has no {name}")

    def of(self, verdict: Verdict, urgency: Urgency, now: int) -> Mapping[str, Any]:
        """The alert's fields that say by when to act, and on what legal basis, if it is raised at `now`.

        Of a problem sample or a suspicion the law asks nothing yet, nor has the table a row for every domain and plan.
        """
        rule = self._rule(verdict, urgency, now)
        if rule is None:
            within = self._policy.act_within.get(urgency)
            return {} if within is None else {"act_by": values.text_of(now + within)}
        if rule.unit == "hours":
            return self._reckoned(rule, now)
        # in every other unit the end depends on the day alone
        return self._on_day(rule, now - (now + _SHANGHAI_MS) % _DAY_MS)

    def _rule(self, verdict: Verdict, urgency: Urgency, now: int) -> Rule | None:
        if verdict.measure != "qualification":
            return None
        rule = self._in_force(URGENT if urgency == "Immediate" else DISPOSAL, now // _DAY_MS)
        applies = rule is not None and rule.applies_to(verdict.domain, verdict.plan, verdict.category)
        return rule if applies else None

    def _in_force(self, rule_id: str, day: int) -> Rule | None:
        return self._table.version(rule_id, moment_of(day * _DAY_MS))

    def _reckoned(self, rule: Rule, start: int) -> Mapping[str, Any]:
        end = due(rule, moment_of(start), self._calendar)
        return {
            "act_by": end.at.isoformat(),
            "act_rule": rule.id,
            "act_near_at": end.near_at.isoformat(),
            "act_by_provisional": end.provisional,
            "act_by_unconfirmed": not rule.confirmed,
            "legal_basis": legal_basis(rule.law, rule.article, rule.confirmed),
        }


def legal_basis(law: str, article: str, confirmed: bool) -> Wording:
    """A law and its article, in a mirror, with what is not certain of them said."""
    if not article.isdecimal():
        return values.Wording(zh=f"《{law}》(条款{article})", en=f"《{law}》 (article to be looked up)")
    doubt_zh, doubt_en = ("", "") if confirmed else ("(待核实)", " (unconfirmed)")
    return values.Wording(zh=f"《{law}》第{article}条{doubt_zh}", en=f"《{law}》 art. {article}{doubt_en}")
