"""Cells: what a verdict counts in. A cell is a (domain, plan) and the value of one cut; the cuts are this table."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from schemas.regions import roll_up
from schemas.values import Domain, Measure, Plan, measure_of
from schemas.verdicts import Verdict

#: Joins the levels of a category, and the two values of a crossed cut.
LEVEL, CROSS = " > ", " × "


class Cut(NamedTuple):
    """One way to divide the verdicts. `value` gives the cell's value, None where a verdict has none.

    `published`: whether qualification.rates.v1 carries its cells. Cuts by enterprise are asked for one at a time and
    have as many cells as there are enterprises, so they are served on request alone.
    """

    name: str
    value: Callable[[Any], str | None]
    published: bool = True


class Place(NamedTuple):
    """What a verdict shares with many others: the values from which most cuts follow."""

    domain: str
    plan: str
    region: str
    category: tuple[str, ...]
    stage: str


def _category(depth: int) -> Callable[[Place], str | None]:
    return lambda place: LEVEL.join(place.category[:depth]) if len(place.category) >= depth else None


def _county_category(place: Place) -> str | None:
    county = roll_up(place.region).county
    return f"{county}{CROSS}{place.category[0]}" if county else None


#: Cuts by place. They are worked out once for each place, not for each verdict.
PLACE_CUTS = (
    Cut("all", lambda place: "all"),
    Cut("province", lambda place: roll_up(place.region).province),
    Cut("city", lambda place: roll_up(place.region).city),
    Cut("county", lambda place: roll_up(place.region).county),
    Cut("township", lambda place: roll_up(place.region).township),
    Cut("category_1", _category(1)),
    Cut("category_2", _category(2)),
    Cut("category_3", _category(3)),
    Cut("category_4", _category(4)),
    Cut("stage", lambda place: place.stage),
    Cut("county_category", _county_category),
    Cut("stage_category", lambda place: f"{place.stage}{CROSS}{place.category[0]}"),
)
#: Cuts by who: the laboratory and the enterprises of a verdict.
WHO_CUTS = (
    Cut("laboratory", lambda verdict: verdict.lab_id),
    Cut("producer", lambda verdict: _identity(verdict.producer), published=False),
    Cut("sampled_party", lambda verdict: _identity(verdict.sampled_party), published=False),
)
CUTS = (*PLACE_CUTS, *WHO_CUTS)
CUT_NAMES = tuple(cut.name for cut in CUTS)
PUBLISHED = frozenset(cut.name for cut in CUTS if cut.published)


def _identity(party: Any) -> str | None:
    return (party.licence or party.name) if party else None


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
        return group_key(self.domain, self.plan, self.cut)

    @property
    def measure(self) -> Measure:
        """What a failure in this cell is called."""
        return measure_of(self.domain, self.plan)

    @classmethod
    def parse(cls, key: str) -> Cell:
        """The inverse of `key`; raises ValueError for what is no cell's key."""
        domain, plan, cut, value = key.split("|", 3)
        if domain not in get_args(Domain) or plan not in get_args(Plan) or cut not in CUT_NAMES or not value:
            raise ValueError(f"{key!r} is no cell")
        return cls(domain, plan, cut, value)


def place_of(verdict: Verdict) -> Place:
    """The verdict's place."""
    return Place(verdict.domain, verdict.plan, verdict.region, verdict.category, verdict.stage)


@lru_cache(maxsize=4096)
def group_key(domain: str, plan: str, cut: str) -> str:
    """domain|plan|cut: what the cells of one table have in common."""
    return f"{domain}|{plan}|{cut}"


@lru_cache(maxsize=65536)
def cells_of_place(place: Place) -> tuple[tuple[str, str], ...]:
    """The group and the value of each cell that every verdict of the place counts in."""
    values = ((cut.name, cut.value(place)) for cut in PLACE_CUTS)
    return tuple((group_key(place.domain, place.plan, name), value) for name, value in values if value)
