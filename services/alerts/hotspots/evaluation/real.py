"""The methods on real records: how many cells each of them alarms, quarter by quarter. Nobody knows the truth. Pure.

In each quarter p0 is what the service would have estimated on its first day, from the 365 days before it less the
guard, and a cell's planned units are as many as came in the quarter before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from services.alerts.hotspots.evaluation.methods import METHODS
from services.alerts.hotspots.evaluation.world import Quarter
from services.alerts.hotspots.expected import GUARD_DAYS, TRAILING_DAYS, Model, Path, Tally, fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observation:
    """One unit: its day, its stratum, the cell that it counts in, and whether it failed."""

    day: date
    path: Path
    cell: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Alarms:
    """What a method alarmed in one quarter: of how many cells, which ones."""

    method: str
    quarter: date
    active: int
    cells: tuple[str, ...]


def quarters(observations: Sequence[Observation]) -> Iterator[date]:
    """The first days of the whole quarters that have a year and a guard of records before them."""
    first = min(seen.day for seen in observations) + timedelta(days=TRAILING_DAYS)
    last = max(seen.day for seen in observations)
    start = date(first.year, 1, 1)
    while _next_quarter(start) <= last + timedelta(days=1):
        if start >= first:
            yield start
        start = _next_quarter(start)


def evaluate(observations: Iterable[Observation], least: int = 10) -> Iterator[Alarms]:
    """The alarms of every method in every quarter, over the cells of at least `least` planned units."""
    seen = sorted(observations, key=lambda one: one.day)
    for start in quarters(seen):
        end = _next_quarter(start)
        trailing = [
            one for one in seen if start - timedelta(days=TRAILING_DAYS) <= one.day < start - timedelta(days=GUARD_DAYS)
        ]
        before = Counter(one.cell for one in seen if _previous_quarter(start) <= one.day < start)
        cells = sorted(cell for cell, units in before.items() if units >= least)
        by_cell: dict[str, list[Observation]] = defaultdict(list)
        for one in seen:
            if start <= one.day < end and before[one.cell] >= least:
                by_cell[one.cell].append(one)
        model = fit(_strata(trailing), start.isoformat())
        # beyond its plan the detector guarantees nothing, so units beyond it are left out
        units = {cell: by_cell[cell][: before[cell]] for cell in cells}
        quarter, p0 = _arrays([units[cell] for cell in cells], [before[cell] for cell in cells], start, model)
        for name, method in METHODS.items():
            alarmed = np.isfinite(method(quarter, p0))
            yield Alarms(name, start, len(cells), tuple(cell for cell, hit in zip(cells, alarmed, strict=True) if hit))


def _arrays(
    units: Sequence[Sequence[Observation]], planned: Sequence[int], start: date, model: Model
) -> tuple[Quarter, Floats]:
    """The quarter as the methods take it, and p0 of each unit. What a method may look at ends with the units that came;
    what they are compared with is the plan."""
    most = max((len(of_cell) for of_cell in units), default=0)
    day = np.full((len(units), most), np.inf)
    failed = np.zeros((len(units), most), dtype=np.bool_)
    p0 = np.full((len(units), most), 0.5)
    for row, of_cell in enumerate(units):
        for place, one in enumerate(of_cell):
            day[row, place] = (one.day - start).days
            failed[row, place] = one.failed
            p0[row, place] = model.expect(one.path).p0
    came = np.array([len(of_cell) for of_cell in units], dtype=np.int64)
    return Quarter(day, failed, came, np.array(planned, dtype=np.int64)), p0


def _strata(observations: Iterable[Observation]) -> dict[Path, Tally]:
    counts: dict[Path, list[int]] = defaultdict(lambda: [0, 0])
    for one in observations:
        counts[one.path][0] += 1
        counts[one.path][1] += one.failed
    return {path: Tally(*pair) for path, pair in counts.items()}


def _next_quarter(start: date) -> date:
    return date(start.year + (start.month == 10), (start.month + 2) % 12 + 1, 1)


def _previous_quarter(start: date) -> date:
    return date(start.year - (start.month == 1), (start.month + 8) % 12 + 1, 1)
