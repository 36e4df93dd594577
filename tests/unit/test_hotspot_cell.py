"""A cell's visits and its detector: what is kept step by step equals a recount, and the arithmetic holds."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import exp, inf, isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerts.hotspots.cell import Case, NeedsRecount, Visit, begin, change, put, recount
from services.alerts.hotspots.detector import (
    NOTHING,
    ODDS_RATIOS,
    head_start,
    log_mean,
    log_ratios,
    log_stake,
    step,
)
from services.alerts.hotspots.levels import e_bh, level_of

probabilities = st.sampled_from((0.001, 0.02, 0.03, 0.3, 0.97))
orders = st.tuples(st.integers(0, 5), st.integers(0, 3), probabilities, st.sampled_from((True, False, None)))


@given(st.lists(orders, max_size=60))
def test_step_by_step_equals_a_recount(history: list[tuple[int, int, float, bool | None]]) -> None:
    cell, visits = begin(40), dict[int, Visit]()
    for day, (place, sample, p0, failed) in enumerate(history):
        held = visits.get(place)
        now = put(held, cell.visits, day, Case(str(sample), day, p0, failed))
        assert now is not None
        visits[place] = now
        try:
            cell = change(cell, held, now)
        except NeedsRecount:
            cell = recount(visits.values(), 40)
    expected = recount(visits.values(), 40)
    assert cell[:3] == expected[:3]
    assert cell.peak == pytest.approx(expected.peak)
    assert cell.since == expected.since and cell.run == pytest.approx(expected.run)
    assert cell.log_m == pytest.approx(expected.log_m)
    assert cell.expected == pytest.approx(expected.expected)
    assert cell.failed == sum(visit.failed for visit in visits.values())


@given(st.lists(st.tuples(st.sampled_from((Fraction(3, 100), Fraction(1, 5))), st.booleans()), max_size=40))
def test_the_statistic_equals_exact_fractions(units: list[tuple[Fraction, bool]]) -> None:
    log_m, exact = NOTHING, [Fraction(0)] * len(ODDS_RATIOS)
    for p0, failed in units:
        ratios = log_ratios(float(p0))
        log_m = step(log_m, ratios.failed if failed else ratios.passed)
        for place, ratio in enumerate(map(Fraction, ODDS_RATIOS)):
            p1 = ratio * p0 / (1 - p0 + ratio * p0)
            exact[place] = (exact[place] + 1) * (p1 / p0 if failed else (1 - p1) / (1 - p0))
    mean = sum(exact, Fraction(0)) / len(exact)
    assert log_mean(log_m) == (pytest.approx(log(mean), abs=1e-12) if mean else -inf)


def test_ten_million_units_neither_overflow_nor_drift() -> None:
    # log M_n = S_n + log sum over j of exp(-S_(j-1)), S the running sum of log L: here in 80-bit arithmetic, at once
    ratios, chance = log_ratios(0.05), np.random.default_rng(7)
    failed = chance.random(10_000_000) < 0.06
    steps = (ratios.passed, ratios.failed)
    log_m = NOTHING
    for fails in failed.tolist():
        log_m = step(log_m, steps[fails])
    for place, value in enumerate(log_m):
        sums = np.cumsum(np.where(failed, ratios.failed[place], ratios.passed[place]).astype(np.longdouble))
        before = np.concatenate(([np.longdouble(0)], sums[:-1]))
        lowest = before.min()
        exact = sums[-1] - lowest + np.log(np.exp(lowest - before).sum())
        assert isfinite(value)
        assert value == pytest.approx(float(exact), rel=1e-9, abs=1e-6)
    everything_fails = NOTHING
    for _ in range(10_000):
        everything_fails = step(everything_fails, ratios.failed)
    assert everything_fails[0] == pytest.approx(10_000 * ratios.failed[0], rel=1e-3)


@settings(max_examples=20)
@given(st.integers(1, 20), st.floats(0.001, 0.4))
def test_under_expectation_the_statistic_grows_by_one_a_unit(units: int, p0: float) -> None:
    """E[M_n] = n for every odds ratio: the exact mean over all outcomes, by the number that L averages to."""
    ratios = log_ratios(p0)
    for place in range(len(ODDS_RATIOS)):
        average = (1 - p0) * exp(ratios.passed[place]) + p0 * exp(ratios.failed[place])
        mean = 0.0
        for _ in range(units):
            mean = (mean + 1) * average
        assert mean == pytest.approx(units)


@settings(max_examples=30)
@given(st.lists(st.sampled_from((0.001, 0.03, 0.1, 0.3, 0.6)), min_size=1, max_size=9), st.floats(0.2, 1))
def test_by_chance_the_evidence_exceeds_c_with_probability_at_most_one_in_c(p0s: list[float], share: float) -> None:
    """Over every outcome of a whole quarter, at whatever moment one looks. Units fail at p0, or at a share of it that
    every failure halves: they need not be independent."""
    exceeded, mean = {(dependent, c): 0.0 for dependent in (False, True) for c in (1.5, 3.0, 20.0)}, 0.0
    for outcome in product((False, True), repeat=len(p0s)):
        log_m, peak, chance = head_start(len(p0s)), -inf, {False: 1.0, True: 1.0}
        for place, (p0, failed) in enumerate(zip(p0s, outcome, strict=True)):
            ratios = log_ratios(p0)
            log_m = step(log_m, ratios.failed if failed else ratios.passed)
            peak = max(peak, log_mean(log_m))
            for dependent, p in ((False, p0), (True, p0 * share * 0.5 ** sum(outcome[:place]))):
                chance[dependent] *= p if failed else 1 - p
        log_by_chance = log_stake(len(p0s), len(p0s))
        mean += chance[False] * exp(log_mean(log_m) - log_by_chance)
        for dependent, c in exceeded:
            exceeded[dependent, c] += chance[dependent] * (exp(peak - log_by_chance) >= c)
    assert mean == pytest.approx(1)  # the whole bet is laid, and no more
    assert all(probability <= 1 / c for (_, c), probability in exceeded.items())


@given(st.lists(st.tuples(probabilities, st.booleans()), min_size=1, max_size=60), st.integers(1, 600))
def test_the_head_start_is_a_bet_of_half_on_a_rise_from_the_first_unit(
    units: list[tuple[float, bool]], planned: int
) -> None:
    """E = (the likelihood ratio of all units + the e-detector without a head start) / 2: it costs half at most."""
    log_m, without, whole = head_start(planned), NOTHING, (0.0,) * len(ODDS_RATIOS)
    for p0, failed in units:
        log_l = log_ratios(p0).failed if failed else log_ratios(p0).passed
        log_m, without = step(log_m, log_l), step(without, log_l)
        whole = tuple(before + more for before, more in zip(whole, log_l, strict=True))
    found = exp(log_mean(log_m) - log_stake(planned, planned))
    ratio = sum(map(exp, whole)) / len(whole)
    assert found == pytest.approx((ratio + exp(log_mean(without)) / planned) / 2)


def test_samples_of_one_visit_are_one_unit() -> None:
    visit = Visit(0, 20_000, (Case("a", 1, 0.1, False), Case("b", 1, 0.2, True)))
    assert visit.failed and visit.p0 == pytest.approx(0.28)
    cell = recount([visit], 1)
    assert (cell.visits, cell.units, cell.failed) == (1, 1, 1) and cell.expected == pytest.approx(0.28)


def test_a_visit_of_so_many_samples_that_one_is_sure_to_fail_counts() -> None:
    visit = Visit(0, 20_000, tuple(Case(str(n), 1, 0.1, n == 7) for n in range(400)))
    assert 0.999 < visit.p0 < 1
    cell = recount([visit, Visit(1, 20_001, (Case("z", 1, 0.1, True),))], 1)
    assert cell.failed == 2 and all(map(isfinite, cell.log_m))


def test_an_earlier_revision_changes_nothing() -> None:
    visit = put(None, 0, 20_000, Case("a", 2, 0.1, True))
    assert visit is not None
    assert put(visit, 1, 20_000, Case("a", 1, 0.1, False)) is None
    assert put(visit, 1, 20_000, Case("a", 2, 0.1, False)) is None
    later = put(visit, 1, 20_000, Case("a", 3, 0.1, None))
    assert later is not None and not later.counts and later.place == 0


def test_the_rise_is_dated_from_where_it_began() -> None:
    days = [(day, False) for day in range(100)] + [(100, True), (101, True), (102, False), (103, True)]
    visits = [Visit(i, day, (Case("s", 1, 0.03, failed),)) for i, (day, failed) in enumerate(days)]
    cell = recount(visits, 100)
    assert cell.since == 100


def test_levels() -> None:
    assert level_of(log(200), 200) == "confirmed"
    assert level_of(log(199), 200) == "watch"
    assert level_of(log(19.9), 200) is None
    assert e_bh([-inf, log(1e6)], tests=200) == [1]
    assert e_bh([]) == []
    with pytest.raises(ValueError, match="3 e-values of 2 tests"):
        e_bh([0.0, 0.0, 0.0], tests=2)
