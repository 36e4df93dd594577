"""Cells, counts, windows and intervals."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

import pytest
from hypothesis import example as tried
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.structs import mirror
from schemas.verdicts import Verdict
from services.lab_results.counts import Counts, Tally, daily_counts, day_deltas, total
from services.lab_results.cuts import Cell
from services.lab_results.domain import VerdictFacts
from services.lab_results.rates import (
    WINDOW_NAMES,
    RunningSums,
    Span,
    rate_of,
    spans_of,
    wilson,
    window_rate,
    window_span,
)
from services.lab_results.running_sums import running_sums
from services.runtime.calendar import day_from_number, day_number
from services.runtime.packed_counts import LAST_DAY, add_packed, arrays_of, pack_increments, pack_sums
from tests.memory import added
from tests.strategies_inside import concluded

MARCH = day_number(date(2026, 3, 1))


def example(**more: Any) -> Verdict:
    """A verdict of food supervision that passed."""
    fields: dict[str, Any] = {
        "sample_id": "S",
        "revision": 2,
        "status": "concluded",
        "outcome": "pass",
        "measure": "qualification",
        "counted_on": "2026-03-01",
        "items": 1,
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "category": ("a",),
        "product_name": "p",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2026-02-20T09:30:00+08:00",
        "source": "s",
    }
    return Verdict.model_validate({**fields, **more})


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
    rate = rate_of(CELL, RunningSums({MARCH: Counts(passed=9, failed=1)}), date(2026, 5, 1))
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
    first, second = MARCH << 3, MARCH + 1 << 3
    parts = [{first: 2, second: 1}, {first: 3, first + 4: 1, first + 1: 1}, {second: -1}]
    packed = [added(b"", part) for part in parts]
    assert daily_counts([*packed, None]) == {MARCH: Counts(passed=5, failed=1, targeted_failed=1)}


@given(st.dictionaries(st.integers(0, LAST_DAY << 3 | 7), st.integers(-(2**31), 2**31 - 1).filter(bool), max_size=90))
def test_packed_counts_are_read_in_both_ways(counts: dict[int, int]) -> None:
    packed = added(b"", counts)
    one_by_one: dict[int, int] = {}
    for start in range(2, len(packed), 7):
        if packed.startswith(b"\xff\xff"):
            add_packed(packed[:2] + packed[start : start + 7], one_by_one)
    found: dict[int, int] = {}
    add_packed(packed, found)
    assert found == counts
    assert not one_by_one or one_by_one == counts
    if packed:
        codes, numbers = arrays_of(packed)
        assert dict(zip(codes.tolist(), numbers.tolist(), strict=True)) == counts


def test_day_deltas_leave_out_what_does_not_change() -> None:
    (only,) = day_deltas({MARCH << 3: -1, MARCH << 3 | 1: 1, MARCH + 1 << 3: 0})
    assert (only.day, only.passed, only.failed) == ("2026-03-01", -1, 1)


@pytest.mark.parametrize("day", ["1969-12-31", "2149-06-06", "9999-12-31"])
def test_days_beyond_what_can_be_kept_are_counted_on_the_first_or_last(day: str) -> None:
    tally = Tally()
    tally.move(None, mirror(example(counted_on=day), VerdictFacts))
    (counter,) = tally.increments()["food|supervision|all"].values()
    assert set(counter) == {0 if day < "1970" else LAST_DAY << 3}
    assert arrays_of(added(b"", counter))[0].tolist() == sorted(counter)
    assert len(pack_increments(counter)) == 3
    assert arrays_of(pack_increments(counter))[0].tolist() == sorted(counter)


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


_codes = st.sampled_from([0, 1, 8, MARCH << 3, (MARCH << 3) + 1, LAST_DAY << 3 | 7])
_added = st.integers(-3, 3) | st.sampled_from([31, 32, -31, 10_000])


@given(st.lists(st.tuples(st.lists(st.integers(0, 4), max_size=5), st.dictionaries(_codes, _added, max_size=3))))
@tried([([], {8: 1})])
@tried([([0], {8: 1}), ([0], {8: -1})])
@settings(max_examples=500)
def test_sums_packed_at_once_are_those_packed_one_by_one(groups: list[tuple[list[int], dict[int, int]]]) -> None:
    wanted: dict[int, Counter[int]] = defaultdict(Counter)
    for names, increments in groups:
        for name in names:
            for code, n in increments.items():
                wanted[name][code] += n
    found = list(pack_sums(groups))
    assert len(found) == len(dict(found))
    packed = {name: pack_increments(counter) for name, counter in wanted.items()}
    assert {name: len(sums) for name, sums in found} == {name: len(sums) for name, sums in packed.items() if sums}
    assert all(unpacked(sums) == unpacked(packed[name]) for name, sums in found)


@given(st.lists(st.tuples(concluded, concluded | st.none()), max_size=4), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_increments_packed_at_once_are_those_packed_one_by_one(moves: list[tuple[Any, Any]], times: int) -> None:
    tallies = Tally(), Tally()
    for tally in tallies:
        for before, after in moves:
            for _ in range(times):
                tally.move(mirror(before, VerdictFacts), after and mirror(after, VerdictFacts))
    wanted = {
        (group, value): {code: n for code, n in counter.items() if n}
        for group, cells in tallies[0].increments().items()
        for value, counter in cells.items()
        if any(counter.values())
    }
    packed = {(group, value): sums for group, cells in tallies[1].packed().items() for value, sums in cells.items()}
    assert {cell: unpacked(sums) for cell, sums in packed.items()} == wanted
    assert {cell: len(sums) for cell, sums in packed.items()} == {
        cell: len(pack_increments(counter)) for cell, counter in wanted.items()
    }


def unpacked(packed: bytes) -> dict[int, int]:
    counter: dict[int, int] = {}
    add_packed(packed, counter)
    return counter


_counts = st.builds(
    lambda routine, targeted, inconclusive, revised: Counts(
        routine[0] + targeted[0], routine[1] + targeted[1], inconclusive, *targeted, revised
    ),
    *[st.tuples(st.integers(0, 9), st.integers(0, 9))] * 2,
    *[st.integers(0, 9)] * 2,
)
_days = st.dictionaries(st.integers(MARCH - 800, MARCH + 3), _counts.filter(any), max_size=30)
AS_OF = date(2026, 3, 1)
CELL = Cell("food", "supervision", "city", "6210")


@given(_days)
def test_windows_are_those_of_a_recount(daily: dict[int, Counts]) -> None:
    rate = rate_of(CELL, RunningSums(daily), AS_OF)
    for name in WINDOW_NAMES:
        spans = spans_of(name, AS_OF)
        counts = total(daily, *spans.now)
        window = rate.windows.get(name)
        assert (window is not None) == (counts.passed + counts.failed > 0)
        if window is None:
            continue
        assert (window.passed, window.failed, window.inconclusive, window.revised) == (
            counts.passed,
            counts.failed,
            counts.inconclusive,
            counts.revised,
        )
        for earlier, span in ((window.before, spans.before), (window.year_before, spans.year_before)):
            then = total(daily, *span) if span else Counts()
            assert (earlier and (earlier.passed, earlier.failed)) == (
                (then.passed, then.failed) if then.passed + then.failed else None
            )
            assert earlier is None or (earlier.from_, earlier.to) == tuple(map(str, span or ()))
    everything = total(daily)
    assert ("all" in rate.windows) == (everything.passed + everything.failed > 0)


@settings(max_examples=30)
@given(_days, st.integers(0, 900))
def test_a_rate_holds_until_the_day_it_says(daily: dict[int, Counts], later: int) -> None:
    """The counts of every window, and of those before it, are the same on each day until then."""
    sums, as_of = RunningSums(daily), date.fromordinal(AS_OF.toordinal() - 300 + later)
    until = rate_of(CELL, sums, as_of).holds_until
    last = date.fromisoformat(str(until)) if until else date.fromordinal(as_of.toordinal() + 1100)
    first = numbers_in(sums, as_of)
    for day in range(as_of.toordinal(), last.toordinal() + 1):
        assert numbers_in(sums, date.fromordinal(day)) == first


def numbers_in(sums: RunningSums, as_of: date) -> list[Counts]:
    return [sums.over(span) for name in WINDOW_NAMES for span in spans_of(name, as_of) if span]


def test_a_cell_of_one_sample_changes_when_it_leaves_a_window() -> None:
    sums = RunningSums({MARCH: Counts(passed=1)})
    assert sums.next_change(AS_OF) == date(2026, 3, 8)
    assert sums.next_change(date(2026, 3, 8)) == date(2026, 3, 15)  # it leaves the seven days before
    assert sums.next_change(date(2030, 1, 1)) is None
    assert RunningSums({}).next_change(AS_OF) is None


def test_the_spans_that_a_window_is_compared_with() -> None:
    assert spans_of("7d", date(2024, 3, 6)) == (
        Span(date(2024, 2, 29), date(2024, 3, 6)),
        Span(date(2024, 2, 22), date(2024, 2, 28)),
        Span(date(2023, 2, 28), date(2023, 3, 6)),
    )
    assert spans_of("ytd", AS_OF) == (Span(date(2026, 1, 1), AS_OF), None, Span(date(2025, 1, 1), date(2025, 3, 1)))


def test_routine_and_targeted_sampling_are_told_apart() -> None:
    counts = Counts(passed=90, failed=10, targeted_passed=2, targeted_failed=8)
    window = window_rate(counts, Span(AS_OF, AS_OF))
    assert window and window.routine and window.targeted
    assert (window.routine.passed, window.routine.failed, window.targeted.rate) == (88, 2, 0.2)
    none = window_rate(Counts(passed=1), Span(AS_OF, AS_OF))
    assert none and none.routine is None and none.targeted is None


@given(
    st.lists(
        st.dictionaries(
            st.tuples(st.integers(19_900, 20_400), st.integers(0, 5)),
            st.one_of(st.integers(-3, 40), st.integers(1, 31)),
            max_size=150,
        ),
        max_size=12,
    )
)
def test_sums_of_packed_parts_are_those_of_the_daily_counts(parts: list[dict[tuple[int, int], int]]) -> None:
    packed = [added(b"", {day << 3 | kind: n for (day, kind), n in part.items()}) for part in parts]
    sums, expected = running_sums([*packed, None]), RunningSums(daily_counts(packed))
    assert sums.days == expected.days
    for first, last in zip([*sums.days[:1], *sums.days], sums.days, strict=False):
        span = Span(day_from_number(first), day_from_number(last))
        assert sums.over(span) == expected.over(span)
