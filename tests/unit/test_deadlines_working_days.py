"""Working days, and when periods end, over the holidays that the State Council announced for 2021 to 2026.

The expected days are counted by hand from the announcements, which each test names, not by the package.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deadlines import Rule, WorkingDays, due, load_working_days
from services.deadlines.reckoning import end_of
from services.deadlines.table import Period
from services.deadlines.working_days import CalendarError
from services.runtime.calendar import SHANGHAI

CALENDAR = load_working_days()
WEEKENDS = WorkingDays(frozenset())


def rule(amount: int, unit: str, **more: object) -> Rule:
    in_days = unit in ("months", "calendar_days")
    row = {
        "id": "rule",
        "domains": ["food"],
        "title_zh": "规定",
        "title_en": "Rule",
        "starts": {"field": "SampleTaken.sampled_at"},
        "amount": amount,
        "unit": unit,
        "ends_on_rest_day": "extends" if in_days else None,
        "law": "办法",
        "article": "1",
        "in_force_from": "2000-01-01",
        "confirmed": True,
        "liable": "sampler",
        "watched_by": "sampling",
    }
    return Rule.model_validate(row | more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def last_day(of: Rule, start: str, calendar: WorkingDays = CALENDAR) -> str:
    return (due(of, at(f"{start}T15:00"), calendar).at - timedelta(days=1)).date().isoformat()


DELIVERY = rule(5, "working_days")


@pytest.mark.parametrize(
    ("start", "last"),
    [
        # 国办发明电〔2020〕27号: rest Feb 11 to 17, work Feb 7 and 20; rest Oct 1 to 7, work Sep 26 and Oct 9
        ("2021-02-05", "2021-02-18"),
        ("2021-02-10", "2021-02-23"),
        ("2021-09-24", "2021-09-30"),
        ("2021-09-27", "2021-10-09"),
        # 国办发明电〔2021〕11号: rest Jan 31 to Feb 6, work Jan 29 and 30; rest Oct 1 to 7, work Oct 8 and 9
        ("2022-01-27", "2022-02-08"),
        ("2022-09-29", "2022-10-11"),
        # 国办发明电〔2022〕16号: rest Jan 21 to 27, work Jan 28 and 29; rest Sep 29 to Oct 6, work Oct 7 and 8
        ("2023-01-19", "2023-01-31"),
        ("2023-09-27", "2023-10-10"),
        # 国办发明电〔2023〕7号: rest Feb 10 to 17, work Feb 4 and 18; rest Oct 1 to 7, work Sep 29 and Oct 12
        ("2024-02-02", "2024-02-08"),
        ("2024-02-07", "2024-02-20"),
        ("2024-09-27", "2024-10-10"),
        ("2024-10-08", "2024-10-14"),
        # 国办发明电〔2024〕12号: rest Jan 28 to Feb 4, work Jan 26 and Feb 8; rest Oct 1 to 8, work Sep 28 and Oct 11
        ("2025-01-24", "2025-02-07"),
        ("2025-02-05", "2025-02-11"),
        ("2025-09-26", "2025-10-10"),
        ("2025-10-09", "2025-10-15"),
        # 国办发明电〔2025〕7号: rest Feb 15 to 23, work Feb 14 and 28; rest Oct 1 to 7, work Sep 20 and Oct 10
        ("2026-02-12", "2026-02-26"),
        ("2026-02-24", "2026-03-02"),
        ("2026-09-18", "2026-09-24"),
        ("2026-09-29", "2026-10-12"),
    ],
)
def test_five_working_days_over_spring_festival_and_national_day(start: str, last: str) -> None:
    assert last_day(DELIVERY, start) == last
    assert not due(DELIVERY, at(start), CALENDAR).provisional


@pytest.mark.parametrize(("start", "last"), [("2026-02-10", "2026-03-16"), ("2021-09-24", "2021-10-27")])
def test_twenty_working_days_over_holidays(start: str, last: str) -> None:
    assert last_day(rule(20, "working_days"), start) == last


def test_a_sample_taken_on_a_make_up_day_or_on_a_holiday() -> None:
    assert last_day(DELIVERY, "2026-02-14") == "2026-02-28"  # a Saturday that is worked: 24, 25, 26, 27, 28
    assert last_day(DELIVERY, "2026-02-18") == "2026-02-28"


def test_the_day_of_the_event_does_not_count_and_the_last_day_ends_at_24_oclock() -> None:
    for hour in ("00:00:00", "23:59:59"):
        assert due(DELIVERY, at(f"2026-03-02T{hour}"), CALENDAR).at == at("2026-03-10T00:00")


def test_days_are_those_of_shanghai() -> None:
    late_in_utc = datetime.fromisoformat("2026-03-02T17:00:00+00:00")  # March 3 in Shanghai
    assert due(DELIVERY, late_in_utc, CALENDAR).at == at("2026-03-11T00:00")


def test_no_amount_ends_with_the_day_itself() -> None:
    assert last_day(rule(0, "working_days"), "2026-03-02") == "2026-03-02"


def test_a_deadline_that_reaches_into_a_year_not_announced_is_provisional_and_moves_once_it_is(tmp_path: Path) -> None:
    found = due(DELIVERY, at("2026-12-28T09:00"), CALENDAR)
    assert (found.at, found.provisional) == (at("2027-01-05T00:00"), True)  # 29, 30, 31, January 1 and 4
    announced = tmp_path / "announced.yaml"
    announced.write_text("announced_years: [2027]\ndays: {2027-01-01: rest, 2027-01-03: working}\n", "utf-8")
    known = due(DELIVERY, at("2026-12-28T09:00"), load_working_days(announced))
    assert (known.at, known.provisional) == (at("2027-01-05T00:00"), False)  # 29, 30, 31, January 3 (made up) and 4
    announced.write_text("announced_years: [2027]\ndays: {2027-01-01: rest}\n", "utf-8")
    assert due(DELIVERY, at("2026-12-28T09:00"), load_working_days(announced)).at == at("2027-01-06T00:00")


def test_what_stays_within_the_announced_year_is_not_provisional() -> None:
    assert not due(DELIVERY, at("2026-12-24T09:00"), CALENDAR).provisional


def test_an_override_corrects_an_announced_year(tmp_path: Path) -> None:
    typhoon = tmp_path / "typhoon.yaml"
    typhoon.write_text("days: {2026-03-04: rest}\n", "utf-8")
    assert last_day(DELIVERY, "2026-03-02", load_working_days(typhoon)) == "2026-03-10"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("days: {2026-13-01: rest}", "days.2026-13-01"),
        ("days: {2026-03-04: holiday}", "days.2026-03-04"),
        ("day: {}", "day"),
        ("announced_years: [soon]", "announced_years"),
        ("a: [", "not YAML"),
    ],
)
def test_a_broken_override_file_is_refused_by_its_field(tmp_path: Path, text: str, says: str) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(text, "utf-8")
    with pytest.raises(CalendarError, match=says):
        load_working_days(broken)


def test_hours_run_to_the_minute_whatever_the_day() -> None:
    found = due(rule(4, "hours"), at("2026-10-01T22:30:00"), CALENDAR)
    assert (found.at, found.provisional) == (at("2026-10-02T02:30"), False)
    assert due(rule(4, "hours"), at("2026-10-01T22:30:01"), CALENDAR).at == at("2026-10-02T02:31")


@pytest.mark.parametrize(
    ("amount", "unit", "start", "extends", "stays"),
    [
        (7, "calendar_days", "2026-09-24", "2026-10-08", "2026-10-01"),
        (7, "calendar_days", "2026-02-07", "2026-02-14", "2026-02-14"),  # a Saturday that is worked
        (15, "calendar_days", "2025-01-17", "2025-02-05", "2025-02-01"),
        (3, "months", "2026-07-01", "2026-10-08", "2026-10-01"),
        (3, "months", "2023-11-30", "2024-02-29", "2024-02-29"),  # no February 30
        (6, "months", "2025-08-31", "2026-02-28", "2026-02-28"),  # a Saturday that is worked
        (24, "months", "2024-02-29", "2026-02-28", "2026-02-28"),
    ],
)
def test_days_and_months_that_end_on_a_rest_day(amount: int, unit: str, start: str, extends: str, stays: str) -> None:
    assert last_day(rule(amount, unit), start) == extends
    assert last_day(rule(amount, unit, ends_on_rest_day="stays"), start) == stays


def test_months_into_a_year_not_announced_are_provisional_only_if_rest_days_matter() -> None:
    assert due(rule(3, "months"), at("2026-11-02T09:00"), CALENDAR).provisional
    assert not due(rule(3, "months", ends_on_rest_day="stays"), at("2026-11-02T09:00"), CALENDAR).provisional


@pytest.mark.parametrize(
    ("amount", "unit", "before", "near"),
    [
        (5, "working_days", {"amount": 1, "unit": "working_days"}, "2026-10-12T00:00"),
        (5, "working_days", {"amount": 3, "unit": "working_days"}, "2026-10-09T00:00"),
        (5, "working_days", {"amount": 9, "unit": "working_days"}, "2026-09-29T15:00"),
        (24, "hours", {"amount": 4, "unit": "hours"}, "2026-09-30T11:00"),
        (7, "calendar_days", {"amount": 2, "unit": "calendar_days"}, "2026-10-07T00:00"),
    ],
)
def test_the_warning_comes_before_the_end_and_never_before_the_start(
    amount: int, unit: str, before: dict[str, object], near: str
) -> None:
    assert due(rule(amount, unit, warn_before=before), at("2026-09-29T15:00"), CALENDAR).near_at == at(near)


RULES = st.builds(
    lambda amount, unit, rest: rule(
        amount, unit, ends_on_rest_day=rest if unit in ("months", "calendar_days") else None
    ),
    st.integers(0, 60),
    st.sampled_from(["hours", "calendar_days", "working_days", "months"]),
    st.sampled_from(["extends", "stays"]),
)
MOMENTS = st.datetimes(datetime(2003, 6, 1), datetime(2028, 6, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=SHANGHAI)
)
CALENDARS = st.sampled_from([CALENDAR, WEEKENDS])


@given(RULES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=400)), CALENDARS)
def test_who_starts_later_is_never_due_earlier(of: Rule, start: datetime, later: timedelta, days: WorkingDays) -> None:
    assert due(of, start, days).at <= due(of, start + later, days).at


@given(RULES, MOMENTS, CALENDARS, st.sampled_from(["hours", "calendar_days", "working_days"]), st.integers(1, 30))
def test_a_period_never_ends_or_warns_before_it_starts(
    of: Rule, start: datetime, days: WorkingDays, unit: str, before: int
) -> None:
    warned = of.model_copy(update={"warn_before": Period.model_validate({"amount": before, "unit": unit})})
    found = due(warned, start, days)
    assert start <= found.near_at <= found.at


@given(st.integers(0, 60), MOMENTS)
def test_without_holidays_working_days_are_the_days_from_monday_to_friday(amount: int, start: datetime) -> None:
    day = start.date()
    for _ in range(amount):
        day += timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
    assert due(rule(amount, "working_days"), start, WEEKENDS).at == end_of(day)


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)), st.integers(1, 40))
def test_as_many_working_days_lie_between_as_were_asked_for(day: date, amount: int) -> None:
    last, _ = CALENDAR.after(day, amount)
    between = [day + timedelta(days=number) for number in range(1, (last - day).days + 1)]
    assert sum(map(CALENDAR.works, between)) == amount
    assert CALENDAR.works(last)
