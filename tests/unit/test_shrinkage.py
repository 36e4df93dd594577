"""Shrunken rates: what the prior does to cells, and that it finds the cells' own spread."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lab_results.shrinkage import fit_prior

cells = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=30).filter(
    lambda cells: any(map(sum, cells))
)


@given(cells)
def test_a_shrunken_rate_lies_between_the_own_and_the_common_rate(cells: list[tuple[int, int]]) -> None:
    prior = fit_prior(cells)
    assert 0 < prior.mean < 1
    assert 1 - 1e-9 <= prior.strength <= sum(map(sum, cells)) + 1e-9
    for passed, failed in cells:
        if passed + failed:
            rate, shrunken = passed / (passed + failed), prior.shrink(passed, failed)
            assert min(rate, prior.mean) - 1e-12 <= shrunken <= max(rate, prior.mean) + 1e-12
            weight = prior.weight(passed, failed)
            assert shrunken == pytest.approx(weight * rate + (1 - weight) * prior.mean)


@given(cells, st.randoms())
def test_the_prior_does_not_depend_on_the_order_of_the_cells(cells: list[tuple[int, int]], dice: Random) -> None:
    shuffled = dice.sample(cells, len(cells))
    one, other = fit_prior(cells), fit_prior([*shuffled, (0, 0)])
    assert (one.mean, one.strength) == pytest.approx((other.mean, other.strength))


def test_a_cell_of_two_samples_leads_neither_end() -> None:
    cells = {f"{percent} %": (5 * percent, 500 - 5 * percent) for percent in range(93, 100)}
    cells |= {"one of two failed": (1, 1), "two passed": (2, 0)}
    own = sorted(cells, key=lambda name: cells[name][0] / sum(cells[name]))
    assert (own[0], own[-1]) == ("one of two failed", "two passed")
    prior = fit_prior(list(cells.values()))
    ranked = sorted(cells, key=lambda name: prior.shrink(*cells[name]))
    assert (ranked[0], ranked[-1]) == ("93 %", "99 %")


@pytest.mark.parametrize(("a", "b"), [(19, 1), (90, 10), (40, 10)])
def test_the_prior_of_drawn_cells_is_found_again(a: float, b: float) -> None:
    dice = Random(7)
    drawn = []
    for _ in range(400):
        rate, n = dice.betavariate(a, b), dice.choice((5, 40, 400))
        passed = sum(dice.random() < rate for _ in range(n))
        drawn.append((passed, n - passed))
    prior = fit_prior(drawn)
    assert prior.mean == pytest.approx(a / (a + b), abs=0.01)
    assert prior.strength == pytest.approx(a + b, rel=0.35)


def test_cells_that_differ_by_chance_alone_are_drawn_together_and_keep_an_order() -> None:
    prior = fit_prior([(95, 5), (94, 6), (96, 4)])
    assert prior.strength == 300
    assert prior.shrink(94, 6) < prior.shrink(95, 5) < prior.shrink(96, 4)


def test_of_nothing_there_is_no_prior() -> None:
    with pytest.raises(ValueError, match="no cell"):
        fit_prior([(0, 0)])
