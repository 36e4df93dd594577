"""When a failure may be published: the period for asking for a retest, by the statutory table and the calendar."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

import pytest

from schemas.structs import mirror
from schemas.verdicts import Verdict
from services.deadlines.table import Rule, Table, load_table
from services.deadlines.working_days import WorkingDays
from services.public_tables.retest import retest_closed_by
from services.public_tables.rows import VerdictFacts

CLOSED = retest_closed_by(load_table(), WorkingDays())


def failed(concluded_at: str, category: str = "糕点", **more: object) -> Verdict:
    """As the command reads it: with no more of it than the tables are made of."""
    fields: dict[str, object] = {
        "sample_id": "S",
        "revision": 2,
        "status": "concluded",
        "outcome": "fail",
        "measure": "qualification",
        "counted_on": "2024-01-01",
        "concluded_at": concluded_at,
        "items": 1,
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "category": (category,),
        "product_name": "蛋糕",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2023-12-20T09:30:00+08:00",
        "source": "lab",
    }
    return cast(Verdict, mirror(Verdict.model_validate({**fields, **more}), VerdictFacts))


@pytest.mark.parametrize(
    ("concluded_at", "last_day"),
    [
        # Friday: seven working days end on the Tuesday of the second week
        ("2024-03-01T12:00:00+08:00", date(2024, 3, 12)),
        # 0:30 on Saturday the 2nd in Shanghai
        ("2024-03-01T16:30:00Z", date(2024, 3, 12)),
        # over 劳动节, with its make-up working day on Saturday 11 May 2024
        ("2024-04-30T12:00:00+08:00", date(2024, 5, 13)),
    ],
)
def test_seven_working_days_of_the_mainland(concluded_at: str, last_day: date) -> None:
    verdict = failed(concluded_at)
    assert not CLOSED(verdict, last_day)
    assert CLOSED(verdict, last_day + timedelta(days=1))


def test_the_longer_period_counts_for_farm_produce() -> None:
    # five working days by one law, seven by another
    verdict = failed("2024-03-01T12:00:00+08:00", "食用农产品")
    assert not CLOSED(verdict, date(2024, 3, 12))
    assert CLOSED(verdict, date(2024, 3, 13))


def test_a_version_that_is_not_in_force_yet_keeps_nobody_from_waiting() -> None:
    table = load_table()
    row = next(rule for rule in table.rules if rule.id == "food_retest_application").model_dump()
    later = Rule.model_validate(row | {"in_force_from": "2027-01-01", "domains": ("drug",)})
    closed = retest_closed_by(Table(table.dated, (*table.rules, later)), WorkingDays())
    assert not closed(failed("2024-03-01T12:00:00+08:00"), date(2024, 3, 12))
    assert closed(failed("2027-03-01T12:00:00+08:00"), date(2027, 3, 2))


def test_what_no_retest_can_answer_is_closed_at_once() -> None:
    on = date(2024, 3, 2)
    assert not CLOSED(failed("2024-03-01T12:00:00+08:00"), on)
    assert CLOSED(failed("2024-03-01T12:00:00+08:00", retest=True), on)
    assert CLOSED(failed("2024-03-01T12:00:00+08:00", plan="evaluation"), on)
    assert CLOSED(failed("2024-03-01T12:00:00+08:00", outcome="pass"), on)
