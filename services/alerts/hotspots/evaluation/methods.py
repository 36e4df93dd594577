"""When each method raises its alarm: the detector and three baselines, over all cells of a quarter at once. Pure.

Every function returns the day of the first alarm of each cell, infinity where there is none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from services.alerts.hotspots.detector import ODDS_RATIOS
from services.alerts.hotspots.evaluation.world import DAYS, Quarter
from services.alerts.hotspots.funnel import WINSORISED
from services.alerts.hotspots.levels import WATCH_EVIDENCE, confirmation_threshold

Floats = npt.NDArray[np.float64]
#: A quarter and the p0 of each of its units -> the day of each cell's first alarm.
Method = Callable[[Quarter, Floats], Floats]

#: So far M may grow; an alarm comes long before.
_ENOUGH = 1e300
_WEEK = 7


def detector(quarter: Quarter, p0: Floats, threshold: float | None = None) -> Floats:
    """The mixture detector: E >= threshold, by default that of the confirmed level."""
    cells = len(quarter.planned)
    bound = (confirmation_threshold(cells) if threshold is None else threshold) * 2 * quarter.planned
    alarm = np.full(cells, np.inf)
    m = np.tile(quarter.planned.astype(np.float64), (len(ODDS_RATIOS), 1))  # the head start
    ratios = np.array(ODDS_RATIOS)[:, None]
    for place in range(p0.shape[1]):
        here, p = quarter.failed[:, place], p0[:, place]
        base = 1 - p + ratios * p  # p1 / p0 = R / base, (1 - p1) / (1 - p0) = 1 / base
        m = np.minimum((m + 1) * np.where(here, ratios, 1.0) / base, _ENOUGH)
        crossed = (m.mean(axis=0) >= bound) & (place < quarter.came) & np.isinf(alarm)
        alarm[crossed] = quarter.day[crossed, place]
    return alarm


def watch(quarter: Quarter, p0: Floats) -> Floats:
    """The detector's watch level, E >= 20, which is not corrected for the number of cells."""
    return detector(quarter, p0, threshold=WATCH_EVIDENCE)


def cusum(quarter: Quarter, p0: Floats, odds_ratio: float = 2.0, h: float = 4.0) -> Floats:
    """A Bernoulli CUSUM of each cell with an h that is often used; it does not know how many cells there are."""
    alarm = np.full(len(quarter.planned), np.inf)
    s = np.zeros(len(quarter.planned))
    for place in range(p0.shape[1]):
        base = np.log1p((odds_ratio - 1) * p0[:, place])
        s = np.maximum(0.0, s + np.where(quarter.failed[:, place], np.log(odds_ratio), 0.0) - base)
        crossed = (s > h) & (place < quarter.came) & np.isinf(alarm)
        alarm[crossed] = quarter.day[crossed, place]
    return alarm


def _weekly(quarter: Quarter, p0: Floats) -> list[tuple[float, Floats, Floats, Floats]]:
    """At the end of each week: the day, and the units, failures and expected failures of each cell so far."""
    exists = np.arange(p0.shape[1]) < quarter.came[:, None]
    looks = []
    for day in [*range(_WEEK, DAYS, _WEEK), DAYS]:
        seen = exists & (quarter.day < day)
        looks.append(
            (
                float(day),
                seen.sum(axis=1).astype(np.float64),
                (seen & quarter.failed).sum(axis=1).astype(np.float64),
                np.where(seen, p0, 0.0).sum(axis=1),
            )
        )
    return looks


def funnel(quarter: Quarter, p0: Floats, sigmas: float = 3.0, least: int = 5) -> Floats:
    """Looked at every week: z above three sigmas of an overdispersed funnel, in cells of at least five units."""
    alarm = np.full(len(quarter.planned), np.inf)
    for day, units, failed, expected in _weekly(quarter, p0):
        enough = units >= least
        variance = np.maximum(expected * (1 - expected / np.maximum(units, 1)), 1e-12)
        z = np.where(enough, (failed - expected) / np.sqrt(variance), 0.0)
        low, high = np.quantile(z[enough], [WINSORISED, 1 - WINSORISED]) if enough.any() else (0.0, 0.0)
        phi = max(1.0, float(np.mean(np.clip(z[enough], low, high) ** 2))) if enough.any() else 1.0
        alarm[(z > sigmas * np.sqrt(phi)) & np.isinf(alarm)] = day
    return alarm


def fixed_threshold(quarter: Quarter, p0: Floats, rate: float = 0.10, least: int = 20) -> Floats:
    """Looked at every week: a failure rate above 10 % in a cell of at least twenty units, whatever was sampled."""
    alarm = np.full(len(quarter.planned), np.inf)
    for day, units, failed, _ in _weekly(quarter, p0):
        alarm[(units >= least) & (failed > rate * units) & np.isinf(alarm)] = day
    return alarm


METHODS: dict[str, Method] = {
    "detector, confirmed": detector,
    "detector, watch": watch,
    "overdispersed funnel, 3 sigma, weekly": funnel,
    "Bernoulli CUSUM, R = 2, h = 4": cusum,
    "failure rate above 10 %, weekly": fixed_threshold,
}
