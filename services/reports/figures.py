"""Figures: every number in a report, with the cell, the days and the counts that it follows from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from services.lab_results.cuts import Cell
from services.lab_results.rates import Span

#: taken: samples taken on the days, voided ones left out. concluded: passed or failed. Failures are 不合格 only in a
#: cell whose measure is `qualification`; there alone is a rate. *_change: against the year before.
Kind = Literal[
    "taken",
    "taken_change",
    "concluded",
    "inconclusive",
    "failed",
    "rate",
    "rate_before",
    "rate_change",
    "failed_before",
]
Source = Literal["sampling.samples.v1", "/rates"]


class Verdicts(NamedTuple):
    """How many verdicts count in a cell over the days of a year, by outcome."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0

    @property
    def concluded(self) -> int:
        """Those that are in a rate's denominator."""
        return self.passed + self.failed

    @property
    def rate(self) -> float | None:
        """The share that passed; None where there are none."""
        return self.passed / self.concluded if self.concluded else None


@dataclass(frozen=True, slots=True)
class Part:
    """What a figure follows from: the counts of one cell over one span of days."""

    span: Span
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report. value: None where the record has nothing; a rate is a share, its change is in points.

    parts: the counts behind it, those of the year first; a change has those of the year before too.
    """

    kind: Kind
    cell: Cell
    value: float | int | None
    source: Source
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """What tells it from the others of a report."""
        return f"{self.cell.key}|{self.kind}"

    def as_dict(self) -> dict[str, Any]:
        """The figure as a JSON object; days are in ISO 8601, rates and their changes are shares, not percent."""
        return {
            "name": self.name,
            "kind": self.kind,
            "value": self.value,
            "cell": self.cell.key,
            "measure": self.cell.measure,
            "source": self.source,
            "behind": [
                {"from": part.span.first.isoformat(), "to": part.span.last.isoformat(), **part.counts}
                for part in self.parts
            ],
        }
