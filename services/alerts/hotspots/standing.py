"""Where a cell stands in its quarter: its evidence, its level, and the finding that follows when either moves. Pure.

A level once reached stays for the quarter: the guarantee is about the highest that the evidence has been. Only a
correction of the record can take it back, by taking the peak back.
"""

from __future__ import annotations

from itertools import takewhile
from math import inf
from typing import NamedTuple

from schemas.regions import INTERPROVINCIAL
from services.alerts.hotspots.cell import Cell
from services.alerts.hotspots.detector import log_mean, log_stake
from services.alerts.hotspots.levels import Level, level_of
from services.alerts.hotspots.quarters import number_of_quarter

#: Room in a finding's revision for what happens to a cell at night, between one case and the next.
_NIGHT = 8
#: Room below the quarter; with it a revision stays below 2**53, which any reader of JSON takes for whole.
_QUARTER_BITS = 32
_RANKS: dict[Level | None, int] = {None: 0, "watch": 1, "confirmed": 2, "high_confidence": 3}


class Standing(NamedTuple):
    """A cell's quarter with what was said of it.

    planned: units foreseen. cases: how many were taken. level, said_failed, said_peak: what was said last, and of how
    much evidence. high: e-BH has rejected the cell on some night. ended: the quarter takes no more verdicts.
    area: the smallest region that holds all its samples. model: of the last case; assumed: units without history.
    """

    cell: Cell
    planned: int
    cases: int = 0
    level: Level | None = None
    said_failed: int = 0
    said_peak: float = -inf
    high: bool = False
    ended: bool = False
    area: str = ""
    model: str = ""
    assumed: int = 0

    @property
    def foreseen(self) -> int:
        """The number of units that the evidence is spread over: more than planned, where more have come."""
        return max(self.planned, self.cell.units)

    @property
    def log_evidence(self) -> float:
        """log E at this moment."""
        return log_mean(self.cell.log_m) - log_stake(self.planned, self.foreseen)

    @property
    def peak_evidence(self) -> float:
        """log E at its highest."""
        return self.cell.peak - log_stake(self.planned, self.foreseen)

    def revision(self, quarter: str) -> int:
        """Of its findings: follows from the cases and the level, so that a replay says the same again. The cases are
        counted anew each quarter and readers hold one revision of the cell, so the quarter comes first."""
        step = _NIGHT - 1 if self.ended else _RANKS[self.level]
        return number_of_quarter(quarter) << _QUARTER_BITS | (self.cases * _NIGHT + step + 1)


def reached(standing: Standing, active_cells: int) -> Level | None:
    """The level that the cell has reached in its quarter.

    More cells, or more units than planned, do not take back what was said of the same evidence.
    """
    level: Level | None = level_of(standing.peak_evidence, active_cells)
    if level == "confirmed" and standing.high:
        level = "high_confidence"
    if _RANKS[level] < _RANKS[standing.level] and standing.cell.peak >= standing.said_peak:
        return standing.level
    return level


def said(standing: Standing, level: Level | None) -> Standing:
    """The standing after a finding has said how things are now."""
    return standing._replace(level=level, said_failed=standing.cell.failed, said_peak=standing.cell.peak)


def common_area(one: str, other: str) -> str:
    """The smallest region that holds both: a mainland code is cut back to city or province, a path to its beginning.
    Where that is no region, nor will be with whatever comes after, several provinces."""
    if not one or one == other:
        return other
    if one.isdigit() and other.isdigit():
        for length in (9, 6):
            if len(one) >= length and one[:length] == other[:length]:
                return one[:length]
        return _city_or_province(one, other)
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return "/".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)) or INTERPROVINCIAL


def _city_or_province(one: str, other: str) -> str:
    """Codes of six digits that end in zeros name a city, or a province."""
    if one[:4] == other[:4]:
        return f"{one[:4]}00"
    return f"{one[:2]}0000" if one[:2] == other[:2] else INTERPROVINCIAL
