"""How many samples of what, where: a budget spread over cells by what sampling them is expected to tell. Pure.

A cell is a county, a stage and a category; its failure probability has a Beta posterior, the cell's own counts shrunk
towards its stratum. The budget goes out in three parts:

1. **floor**: samples until every county, every stage and every category that has cells is covered as often as asked,
   where least is known; where that takes more than the budget, by as few samples as can be.
2. **information**: each of half the rest goes where it is expected to lower the posterior variance most. With n more
   samples the expected variance of Beta(a, b) is its variance times (a + b) / (a + b + n), so gains shrink as n grows.
3. **risk**: the other half is spread by Thompson sampling: each sample goes to the cell whose probability, drawn from
   the posteriors, is highest. Cells that are likely the riskiest get most, unknown ones a chance.

Randomness is passed in, so a seed makes the proposal repeatable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple

import numpy as np

from services.planning.covering import fewest


class Place(NamedTuple):
    """A cell of the plan."""

    county: str
    stage: str
    category: str


class Prospect(NamedTuple):
    """A cell with its posterior Beta(a, b), and the counts behind it."""

    place: Place
    a: float
    b: float
    units: int
    failed: int

    @property
    def mean(self) -> float:
        """The expected failure probability."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        """How uncertain it is."""
        total = self.a + self.b
        return self.a * self.b / (total * total * (total + 1))


class Line(NamedTuple):
    """Samples proposed for a cell, and why: the three parts add up to `samples`."""

    prospect: Prospect
    samples: int
    floor: int
    information: int
    risk: int


class BudgetTooSmall(ValueError):
    """The budget does not cover what has to be covered; `needed` says how much would."""

    def __init__(self, needed: int, budget: int) -> None:
        super().__init__(f"covering every county, stage and category takes {needed} samples, more than {budget}")
        self.needed = needed


def allocate(prospects: Sequence[Prospect], budget: int, random: np.random.Generator, floor: int = 1) -> list[Line]:
    """The lines of a plan of exactly `budget` samples, the largest first. Raises BudgetTooSmall; ValueError without
    cells."""
    if not prospects:
        raise ValueError("there is no cell to sample")
    floors = _floors(prospects, floor)
    if floors.total() > budget:
        covers = [_covers(prospect.place) for prospect in prospects]
        floors = fewest(covers, floor, [prospect.variance for prospect in prospects])
    if floors.total() > budget:
        raise BudgetTooSmall(floors.total(), budget)
    rest = budget - floors.total()
    information = _by_information(prospects, floors, rest - rest // 2)
    risk = _by_risk(prospects, rest // 2, random)
    lines = [
        Line(prospect, floors[row] + information[row] + risk[row], floors[row], information[row], risk[row])
        for row, prospect in enumerate(prospects)
    ]
    return sorted((line for line in lines if line.samples), key=lambda line: (-line.samples, line.prospect.place))


def _floors(prospects: Sequence[Prospect], floor: int) -> Counter[int]:
    """Samples by row, so that every county, stage and category has at least `floor`. The cell that covers most of what
    is still missing comes first, of those the least known."""
    missing: Counter[tuple[str, str]] = Counter()
    for prospect in prospects:
        missing.update(dict.fromkeys(_covers(prospect.place), 0))
    for need in missing:
        missing[need] = floor
    given: Counter[int] = Counter()
    while any(missing.values()):
        row = max(
            range(len(prospects)),
            key=lambda row: (
                sum(missing[need] > 0 for need in _covers(prospects[row].place)),
                prospects[row].variance / (1 + given[row]),
                -row,
            ),
        )
        given[row] += 1
        for need in _covers(prospects[row].place):
            missing[need] = max(0, missing[need] - 1)
    return given


def _covers(place: Place) -> Iterable[tuple[str, str]]:
    return place._asdict().items()


def _by_information(prospects: Sequence[Prospect], given: Counter[int], budget: int) -> Counter[int]:
    """Greedy, and so the best: every further sample of a cell gains less than the one before."""

    def gain(row: int, already: int) -> float:
        prospect = prospects[row]
        total = prospect.a + prospect.b
        return prospect.variance * total * (1 / (total + already) - 1 / (total + already + 1))

    heap = [(-gain(row, given[row]), row, given[row]) for row in range(len(prospects))]
    heapify(heap)
    added: Counter[int] = Counter()
    for _ in range(budget):
        _, row, already = heap[0]
        added[row] += 1
        heapreplace(heap, (-gain(row, already + 1), row, already + 1))
    return added


def _by_risk(prospects: Sequence[Prospect], budget: int, random: np.random.Generator) -> Counter[int]:
    a = np.array([prospect.a for prospect in prospects])
    b = np.array([prospect.b for prospect in prospects])
    return Counter(int(random.beta(a, b).argmax()) for _ in range(budget))
