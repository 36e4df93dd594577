"""Cells, counts, windows and intervals."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.structs import mirror
from services.lab_results.counts import Counts, Tally, daily_counts, day_deltas, total
from services.lab_results.cuts import Cell
from services.lab_results.domain import VerdictFacts
from services.lab_results.rates import RollingCounts, Span, rate_of, wilson, window_rate, window_span
from services.runtime.calendar import day_number
from tests.strategies_inside import concluded

MARCH = day_number(date(2026, 3, 1))


def test_wilson_interval_of_the_reference_table() -> None:
    """Row "Intervals for 3 fails of 100" of the reference outputs: the failing share's interval, turned round."""
    low, high = wilson(passed=97, failed=3)
    assert (round(1 - high, 6), round(1 - low, 6)) == (0.010255, 0.084519)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_wilson_interval_holds_the_rate(passed: int, failed: int) -> None:
    if passed + failed:
        low, high = wilson(passed, failed)
        assert 0 <= low <= passed / (passed + failed) <= high <= 1


def test_a_window_without_verdicts_is_absent() -> None:
    span = Span(date(2026, 3, 1), date(2026, 3, 7))
    assert window_rate(Counts(inconclusive=4), span) is None
    rolling = RollingCounts({MARCH: Counts(passed=9, failed=1)})
    rate = rate_of(Cell("food", "supervision", "city", "6210"), rolling, date(2026, 5, 1))
    assert set(rate.windows) == {"90d", "365d", "ytd", "all"}
    assert rate.windows["all"].rate == 0.9


@pytest.mark.parametrize(
    ("name", "first"), [("7d", date(2026, 2, 23)), ("30d", date(2026, 1, 31)), ("ytd", date(2026, 1, 1))]
)
def test_windows_end_on_the_day_asked_for(name: str, first: date) -> None:
    assert window_span(name, date(2026, 3, 1)) == Span(first, date(2026, 3, 1))


def test_total_takes_both_ends() -> None:
    daily = {MARCH + day: Counts(passed=1) for day in range(10)}
    assert total(daily, date(2026, 3, 2), date(2026, 3, 4)).passed == 3
    assert total(daily).passed == 10
    assert total({}) == Counts()


def test_counts_of_partitions_are_added_and_empty_days_left_out() -> None:
    named = [(f"{MARCH}p", 2), (f"{MARCH}p", 3), (f"{MARCH}F", 1), (f"{MARCH}f", 1), (f"{MARCH + 1}p", 1)]
    named.append((f"{MARCH + 1}p", -1))
    assert daily_counts(named) == {MARCH: Counts(passed=5, failed=1, targeted_failed=1)}


def test_day_deltas_leave_out_what_does_not_change() -> None:
    (only,) = day_deltas(Counter({f"{MARCH}p": -1, f"{MARCH}f": 1, f"{MARCH + 1}p": 0}))
    assert (only.day, only.passed, only.failed) == ("2026-03-01", -1, 1)


@given(concluded)
def test_a_verdict_counts_once_in_a_cell_and_cells_have_their_keys_back(verdict) -> None:
    facts = mirror(verdict, VerdictFacts)
    tally = Tally()
    tally.move(None, facts)
    increments = tally.increments()
    if verdict.outcome is None or verdict.counted_on is None:
        assert not increments
        return
    assert all(len(cells) == 1 for cells in increments.values())
    keys = [f"{group}|{value}" for group, cells in increments.items() for value in cells]
    assert all(Cell.parse(key).key == key for key in keys)
    assert f"{verdict.domain}|{verdict.plan}|all|all" in keys
    tally = Tally()
    tally.move(facts, facts)
    assert not any(n for cells in tally.increments().values() for counts in cells.values() for n in counts.values())


_days = st.dictionaries(
    st.integers(MARCH - 400, MARCH + 3), st.builds(Counts, *[st.integers(0, 9)] * 3).filter(any), max_size=30
)


@given(_days, _days, st.sets(st.integers(MARCH - 400, MARCH + 3), max_size=5))
def test_published_windows_are_those_of_a_recount(before: dict, after: dict, moved: set[int]) -> None:
    rolling = RollingCounts(before)
    rolling.renew(moved, after)
    daily = {day: counts for day, counts in before.items() if day not in moved}
    daily |= {day: after[day] for day in moved if day in after}
    as_of = date(2026, 3, 1)
    rate = rate_of(Cell("food", "supervision", "city", "6210"), rolling, as_of)
    for name in ("7d", "30d", "90d", "365d", "ytd"):
        span = window_span(name, as_of)
        assert rate.windows.get(name) == window_rate(total(daily, *span), span)
    everything = total(daily)
    assert (rolling.daily, rolling.sum) == (daily, everything)
    assert ("all" in rate.windows) == (everything.passed + everything.failed > 0)
