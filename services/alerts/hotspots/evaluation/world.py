"""Simulated quarters whose truth is known: strata with their failure probabilities, cells with their case mix.

Pure: the random generator is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.alerts.hotspots.expected import Path, Tally

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Days of a quarter.
DAYS = 91
_STAGES = ("production", "circulation", "catering")
_CATEGORIES = 20


@dataclass(frozen=True, slots=True)
class World:
    """paths, probabilities: of each stratum. mix: (cells, strata), the chance that a unit of a cell is of a stratum.
    planned: units of each cell in a quarter, which is also how many come."""

    paths: tuple[Path, ...]
    probabilities: Floats
    mix: Floats
    planned: Ints


@dataclass(frozen=True, slots=True)
class Quarter:
    """Units by cell in the order of their days: (cells, most units of any cell), of which those at and beyond `came`
    do not exist. day: from 0. planned: the units of each cell that were foreseen."""

    day: Floats
    failed: npt.NDArray[np.bool_]
    came: Ints
    planned: Ints


def make_world(random: np.random.Generator, cells: int, mean: float, least: int = 30, most: int = 600) -> World:
    """Strata whose failure probabilities vary widely (by a factor of about 30 between the 5 % and the 95 % point)
    around `mean`, and cells of `least` to `most` units a quarter, evenly on a logarithmic scale."""
    paths = tuple(
        ("food", "supervision", "routine", stage, f"category {number}")
        for stage in _STAGES
        for number in range(_CATEGORIES)
    )
    spread = random.lognormal(0.0, 1.0, len(paths))
    mix = random.dirichlet(np.full(len(paths), 0.3), cells)
    probabilities = np.minimum(spread * mean / float((mix.mean(axis=0) * spread).sum()), 0.5)
    planned = np.exp(random.uniform(np.log(least), np.log(most), cells)).astype(np.int64)
    return World(paths, probabilities, mix, planned)


def play(
    random: np.random.Generator,
    world: World,
    odds_ratio: npt.ArrayLike = 1.0,
    onset: float = 0.0,
    cell_odds: npt.ArrayLike = 1.0,
) -> tuple[Quarter, Ints]:
    """One quarter in which as many units come as planned, and the stratum of each.

    From day `onset` the odds of failing are those of the stratum times `odds_ratio`, one for all cells or one each;
    `cell_odds` multiplies them on every day: how much cells differ by themselves.
    """
    cells, units = len(world.planned), int(world.planned.max())
    cumulative = np.cumsum(world.mix, axis=1)
    draws = random.random((cells, units))
    stratum = np.empty((cells, units), dtype=np.int64)
    for cell in range(cells):
        stratum[cell] = np.searchsorted(cumulative[cell], draws[cell])
    stratum = np.minimum(stratum, len(world.paths) - 1)
    exists = np.arange(units) < world.planned[:, None]
    day = np.sort(np.where(exists, random.uniform(0, DAYS, (cells, units)), np.inf), axis=1)
    p = world.probabilities[stratum]
    odds = p / (1 - p) * np.asarray(cell_odds, dtype=np.float64).reshape(-1, 1)
    odds = np.where(day >= onset, odds * np.asarray(odds_ratio, dtype=np.float64).reshape(-1, 1), odds)
    failed = (random.random((cells, units)) < odds / (1 + odds)) & exists
    return Quarter(day, failed, world.planned, world.planned), stratum


def history(random: np.random.Generator, world: World, quarters: float) -> dict[Path, Tally]:
    """Units and failures of each stratum over some quarters (or parts of one) in which nothing happened."""
    units = random.poisson(quarters * (world.mix * world.planned[:, None]).sum(axis=0))
    failed = random.binomial(units, world.probabilities)
    return {path: Tally(int(n), int(y)) for path, n, y in zip(world.paths, units, failed, strict=True) if n}
