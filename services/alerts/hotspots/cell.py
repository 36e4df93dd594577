"""A cell within one quarter: its visits in the order in which they came, and the detector over them. Pure.

One unit is a visit: the samples that were taken from one party on one day are not independent of each other. It fails
if any of its samples does, which under independence has probability 1 - product of (1 - p0), and under the positive
dependence of samples of one visit at most that. So E stays an e-value.

A new visit, or a change of the last one, costs constant time. A change of an earlier visit (a verdict overturned, a
sample concluded late) needs all visits of the cell once: `recount`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import expm1, inf, log1p, nextafter
from typing import NamedTuple

from services.alerts.hotspots.detector import NOTHING, LogM, head_start, log_mean, log_ratios, step

_ALMOST_CERTAIN = nextafter(1.0, 0.0)


class Case(NamedTuple):
    """A sample of a visit: the revision of its verdict, its expected failure probability, and whether it failed; None
    where it counts neither way."""

    sample: str
    revision: int
    p0: float
    failed: bool | None


class Visit(NamedTuple):
    """The samples of one visit. `place`: where it stands among the cell's; day: days since 1970-01-01."""

    place: int
    day: int
    cases: tuple[Case, ...]

    @property
    def counts(self) -> bool:
        """Whether any sample of the visit has passed or failed."""
        return any(case.failed is not None for case in self.cases)

    @property
    def p0(self) -> float:
        """The probability that at least one of the concluded samples fails, were they independent."""
        concluded = [case.p0 for case in self.cases if case.failed is not None]
        if len(concluded) == 1:
            return concluded[0]
        # of many samples it rounds to 1
        return min(-expm1(sum(log1p(-p0) for p0 in concluded)), _ALMOST_CERTAIN)

    @property
    def failed(self) -> bool:
        """Whether any of the samples failed."""
        return any(case.failed for case in self.cases)

    @property
    def failed_samples(self) -> tuple[str, ...]:
        """Which of the samples failed."""
        return tuple(case.sample for case in self.cases if case.failed)


class Cell(NamedTuple):
    """What is kept of a cell's quarter.

    visits: places given. units, failed, expected: visits that count, those that failed, and the sum of their p0.
    peak: the highest that log_mean has been. before: the detector before the last visit. run, since: the log likelihood
    ratio for odds of three since the day on which it was last below zero, when a rise most likely began.
    """

    visits: int = 0
    units: int = 0
    failed: int = 0
    expected: float = 0.0
    log_m: LogM = NOTHING
    before: LogM = NOTHING
    peak: float = -inf
    peak_before: float = -inf
    run: float = 0.0
    run_before: float = 0.0
    since: int = 0
    since_before: int = 0


#: The odds ratio by which the beginning of a rise is told: the middle one of the mixture.
_MIDDLE = 1


class NeedsRecount(Exception):
    """The change concerns a visit that is not the cell's last."""


def put(visit: Visit | None, place: int, day: int, case: Case) -> Visit | None:
    """The visit with the sample's case in the place of an earlier revision; None where there is a later one already.
    A visit that is new gets the place."""
    if visit is None:
        return Visit(place, day, (case,))
    held = next((held for held in visit.cases if held.sample == case.sample), None)
    if held is None:
        return visit._replace(cases=(*visit.cases, case))
    if held.revision >= case.revision:
        return None
    return visit._replace(cases=tuple(case if one is held else one for one in visit.cases))


def change(cell: Cell, was: Visit | None, now: Visit) -> Cell:
    """The cell after a visit has come or changed. Raises NeedsRecount where an earlier visit changed."""
    if was is None:
        return _append(cell, now)
    if was.place != cell.visits - 1:
        raise NeedsRecount
    return _append(_without_last(cell, was), now)


def begin(planned: int) -> Cell:
    """The cell at the beginning of a quarter in which so many units are planned."""
    start = head_start(planned)
    return Cell(log_m=start, before=start)


def recount(visits: Iterable[Visit], planned: int) -> Cell:
    """The cell that the visits make, in the order of their places."""
    cell = begin(planned)
    for visit in sorted(visits):
        cell = _append(cell, visit)
    return cell


def _without_last(cell: Cell, last: Visit) -> Cell:
    return Cell(
        visits=cell.visits - 1,
        units=cell.units - last.counts,
        failed=cell.failed - last.failed,
        expected=cell.expected - (last.p0 if last.counts else 0.0),
        log_m=cell.before,
        peak=cell.peak_before,
        run=cell.run_before,
        since=cell.since_before,
    )


def _append(cell: Cell, visit: Visit) -> Cell:
    visits, units, failed, expected, log_m, _, peak, _, run, _, since, _ = cell
    if len(visit.cases) == 1:
        (_, _, p0, fails), counts = visit.cases[0], visit.cases[0].failed is not None
    else:
        counts, p0, fails = visit.counts, visit.p0, visit.failed
    if not counts:
        return Cell(visits + 1, units, failed, expected, log_m, log_m, peak, peak, run, run, since, since)
    ratios = log_ratios(p0)
    log_l = ratios.failed if fails else ratios.passed
    after = step(log_m, log_l)
    return Cell(
        visits + 1,
        units + 1,
        failed + bool(fails),
        expected + p0,
        after,
        log_m,
        max(peak, log_mean(after)) if max(after) > peak else peak,  # a mean is never above the largest
        peak,
        max(0.0, run + log_l[_MIDDLE]),
        run,
        visit.day if run <= 0.0 else since,
        since,
    )
