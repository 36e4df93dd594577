"""What the record has of a year and of the year before it, and the figures of any cell that follow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from services.lab_results.cuts import Cell
from services.lab_results.rates import Span, a_year_before
from services.reports.figures import Figure, Kind, Part, Source, Verdicts

#: The cuts that a report divides by.
CUTS = ("all", "county", "stage", "category_1")
_NONE = Verdicts()


@dataclass(slots=True)
class YearCounts:
    """The counts of one year: samples taken, and verdicts, by the cell's key. Cells without any are absent.

    until: the last day that counts; None: the whole year.
    """

    year: int
    taken: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdicts] = field(default_factory=dict)
    synthetic: bool = False
    until: date | None = None

    @property
    def span(self) -> Span:
        """The days of the year that count."""
        return Span(date(self.year, 1, 1), self.until or date(self.year, 12, 31))


class CellFigures:
    """The figures of one cell."""

    def __init__(self, cell: Cell, now: YearCounts, before: YearCounts) -> None:
        self.cell = cell
        self._now, self._before = now, before
        self._taken, self._taken_before = now.taken.get(cell.key), before.taken.get(cell.key)
        self._verdicts = now.verdicts.get(cell.key, _NONE)
        self._verdicts_before = before.verdicts.get(cell.key, _NONE)

    @property
    def any(self) -> bool:
        """Whether the record has anything of this cell in the year."""
        return self._taken is not None or any(self._verdicts)

    @property
    def taken(self) -> Figure:
        """Samples taken in the year, by the day of sampling, voided ones left out."""
        return self._of_samples("taken", self._taken, self._part_taken(self._now))

    @property
    def taken_change(self) -> Figure:
        """By how many samples it is more than the year before."""
        known = self._taken is not None and self._taken_before is not None
        change = (self._taken or 0) - (self._taken_before or 0) if known else None
        return self._of_samples("taken_change", change, self._part_taken(self._now), self._part_taken(self._before))

    @property
    def concluded(self) -> Figure:
        """Verdicts that passed or failed, by the day they count on: the denominator of the rate."""
        found = self._verdicts.concluded if any(self._verdicts) else None
        return self._of_verdicts("concluded", found, self._now)

    @property
    def inconclusive(self) -> Figure:
        """Verdicts that neither passed nor failed; they are in no rate."""
        found = self._verdicts.inconclusive if any(self._verdicts) else None
        return self._of_verdicts("inconclusive", found, self._now)

    @property
    def failed(self) -> Figure:
        """Failures: 不合格, 问题样品 of risk monitoring, or 可疑 of rapid tests, as the cell's measure says."""
        found = self._verdicts.failed if any(self._verdicts) else None
        return self._of_verdicts("failed", found, self._now)

    @property
    def failed_before(self) -> Figure:
        """The same of the year before."""
        found = self._verdicts_before.failed if any(self._verdicts_before) else None
        return self._of_verdicts("failed_before", found, self._before)

    @property
    def rate(self) -> Figure:
        """The qualification rate. Raises ValueError in a cell whose failures are none of its denominator."""
        self._qualifies()
        return self._of_verdicts("rate", self._verdicts.rate, self._now)

    @property
    def rate_before(self) -> Figure:
        """The same of the year before."""
        self._qualifies()
        return self._of_verdicts("rate_before", self._verdicts_before.rate, self._before)

    @property
    def rate_change(self) -> Figure:
        """The rate less that of the year before: of 0.01 and more one says percentage points."""
        self._qualifies()
        now, before = self._verdicts.rate, self._verdicts_before.rate
        change = None if now is None or before is None else now - before
        return self._of_verdicts("rate_change", change, self._now, self._before)

    def _qualifies(self) -> None:
        if self.cell.measure != "qualification":
            raise ValueError(f"{self.cell.key} has no qualification rate: its failures are called {self.cell.measure}")

    def _of_samples(self, kind: Kind, value: int | None, *parts: Part) -> Figure:
        return self._figure(kind, value, "sampling.samples.v1", parts)

    def _of_verdicts(self, kind: Kind, value: float | int | None, *years: YearCounts) -> Figure:
        return self._figure(kind, value, "/rates", tuple(map(self._part_of_verdicts, years)))

    def _figure(self, kind: Kind, value: float | int | None, source: Source, parts: tuple[Part, ...]) -> Figure:
        return Figure(kind, self.cell, value, source, parts)

    def _part_taken(self, year: YearCounts) -> Part:
        return Part(year.span, {"taken": year.taken.get(self.cell.key, 0)})

    def _part_of_verdicts(self, year: YearCounts) -> Part:
        found = year.verdicts.get(self.cell.key, _NONE)
        return Part(year.span, {"pass": found.passed, "fail": found.failed, "inconclusive": found.inconclusive})


@dataclass(frozen=True, slots=True)
class Comparison:
    """A year beside the year before."""

    now: YearCounts
    before: YearCounts

    @classmethod
    def of(cls, year: int, today: date) -> Comparison:
        """Nothing counted yet. Of a year that is not over, and of the one before, the days up to today's count."""
        if today.year != year or (today.month, today.day) == (12, 31):
            return cls(YearCounts(year), YearCounts(year - 1))
        return cls(YearCounts(year, until=today), YearCounts(year - 1, until=a_year_before(today)))

    def at(self, domain: str, plan: str, cut: str = "all", value: str = "all") -> CellFigures:
        """The figures of a cell."""
        return CellFigures(Cell(domain, plan, cut, value), self.now, self.before)

    def within(self, domain: str, plan: str, cut: str) -> list[CellFigures]:
        """Those of every cell of a cut that the record has anything of in the year, most samples first."""
        values = {cell.value for cell in _cells(self.now) if cell[:3] == (domain, plan, cut)}
        found = [self.at(domain, plan, cut, value) for value in values]
        return sorted(found, key=lambda figures: (-(figures.taken.value or 0), figures.cell.value))


def _cells(counts: YearCounts) -> Iterable[Cell]:
    return map(Cell.parse, {**counts.taken, **counts.verdicts})


def verdicts_of(rows: Iterable[Mapping[str, object]]) -> dict[str, Verdicts]:
    """By the cell's key, the counts in rows of the rates API."""
    found = {}
    for row in rows:
        cell = Cell(str(row["domain"]), str(row["plan"]), str(row["cut"]), str(row["cell"]))
        counts = [row["pass"], row["fail"], row["inconclusive"]]
        found[cell.key] = Verdicts(*(int(str(count)) for count in counts))
    return found
