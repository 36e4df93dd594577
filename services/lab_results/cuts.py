"""Cells: what a verdict counts in. A cell is a (domain, plan) and the value of one cut; the cuts are this table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from schemas.regions import roll_up
from schemas.values import Measure, Party, measure_of
from schemas.verdicts import Verdict

#: Joins the levels of a category, and the two values of a crossed cut.
LEVEL, CROSS = " > ", " × "


class Cut(NamedTuple):
    """One way to divide the verdicts. `value` gives the cell's value, None where a verdict has none.

    `published`: whether qualification.rates.v1 carries its cells. Cuts by enterprise are asked for one at a time and
    have as many cells as there are enterprises, so they are served on request alone.
    """

    name: str
    value: Callable[[Verdict], str | None]
    published: bool = True


def _category(depth: int) -> Callable[[Verdict], str | None]:
    def value(verdict: Verdict) -> str | None:
        return LEVEL.join(verdict.category[:depth]) if len(verdict.category) >= depth else None

    return value


def _identity(party: Party | None) -> str | None:
    return party.identity if party else None


def _county_category(verdict: Verdict) -> str | None:
    county = roll_up(verdict.region).county
    return f"{county}{CROSS}{verdict.category[0]}" if county else None


CUTS = (
    Cut("all", lambda verdict: "all"),
    Cut("province", lambda verdict: roll_up(verdict.region).province),
    Cut("city", lambda verdict: roll_up(verdict.region).city),
    Cut("county", lambda verdict: roll_up(verdict.region).county),
    Cut("township", lambda verdict: roll_up(verdict.region).township),
    Cut("category_1", _category(1)),
    Cut("category_2", _category(2)),
    Cut("category_3", _category(3)),
    Cut("category_4", _category(4)),
    Cut("stage", lambda verdict: verdict.stage),
    Cut("laboratory", lambda verdict: verdict.lab_id),
    Cut("producer", lambda verdict: _identity(verdict.producer), published=False),
    Cut("sampled_party", lambda verdict: _identity(verdict.sampled_party), published=False),
    Cut("county_category", _county_category),
    Cut("stage_category", lambda verdict: f"{verdict.stage}{CROSS}{verdict.category[0]}"),
)
CUT_NAMES = tuple(cut.name for cut in CUTS)
PUBLISHED = frozenset(cut.name for cut in CUTS if cut.published)


class Cell(NamedTuple):
    """A cell. Its key on the topics and in the API joins the four by ``|``; only the value may contain one."""

    domain: str
    plan: str
    cut: str
    value: str

    @property
    def key(self) -> str:
        """domain|plan|cut|value."""
        return "|".join(self)

    @property
    def group(self) -> str:
        """domain|plan|cut: what the cells of one table have in common."""
        return f"{self.domain}|{self.plan}|{self.cut}"

    @property
    def measure(self) -> Measure:
        """What a failure in this cell is called."""
        return measure_of(self.domain, self.plan)

    @classmethod
    def parse(cls, key: str) -> Cell:
        """The inverse of `key`; raises ValueError for anything else."""
        domain, plan, cut, value = key.split("|", 3)
        return cls(domain, plan, cut, value)


def cells_of(verdict: Verdict) -> Iterator[Cell]:
    """The cells that the verdict counts in."""
    for cut in CUTS:
        value = cut.value(verdict)
        if value:
            yield Cell(verdict.domain, verdict.plan, cut.name, value)
