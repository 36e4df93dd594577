"""Cells: what a verdict counts in. Each is a (domain, plan) and the value of one cut. Pure but for the file of cuts."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from schemas.regions import roll_up
from schemas.values import Domain, Measure, Plan, measure_of
from schemas.verdicts import Verdict
from services.lab_results.cut_config import WHO_ATTRIBUTES, Cut, read_cuts

#: Joins the levels of a category, and the values of a cut by several attributes. In what they join, the sign alone is
#: escaped by a backslash, so that no two cells share a name.
LEVEL, CROSS = " > ", " × "
_ESCAPES = str.maketrans({"\\": "\\\\", ">": "\\>", "×": "\\×"})

CUTS: tuple[Cut, ...] = read_cuts()
CUT_NAMES = tuple(cut.name for cut in CUTS)
PUBLISHED = frozenset(cut.name for cut in CUTS if cut.published)


class Place(NamedTuple):
    """What a verdict shares with many others: the values from which most cuts follow."""

    domain: str
    plan: str
    region: str
    category: tuple[str, ...]
    stage: str
    targeting: str


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
        """The inverse of `key`; raises ValueError for what is no cell's key. The cut may be one of another time."""
        domain, plan, cut, value = key.split("|", 3)
        if domain not in get_args(Domain) or plan not in get_args(Plan) or not cut or not value:
            raise ValueError(f"{key!r} is no cell")
        return cls(domain, plan, cut, value)


class Cells:
    """The cells of verdicts in some cuts."""

    def __init__(self, cuts: Collection[Cut]) -> None:
        self._place_cuts = [cut for cut in cuts if not set(cut.by) & set(WHO_ATTRIBUTES)]
        self._who_cuts = [cut for cut in cuts if set(cut.by) & set(WHO_ATTRIBUTES)]
        self._who_and_place = any(len(cut.by) > 1 for cut in self._who_cuts)
        self.of_place = lru_cache(maxsize=16384)(self._of_place)

    def _of_place(self, place: Place) -> tuple[tuple[str, str], ...]:
        """The group and the value of each cell that every verdict of the place counts in."""
        values = _values_of_place(place)
        named = ((cut.name, _value(cut.by, values)) for cut in self._place_cuts)
        return tuple((group_key(place.domain, place.plan, name), value) for name, value in named if value)

    def of_who(self, verdict: Verdict, place: Place) -> list[tuple[str, str]]:
        """The group and the value of each cell that the verdict counts in by its laboratory or an enterprise."""
        values = {
            "laboratory": verdict.lab_id,
            "producer": _identity(verdict.producer),
            "sampled_party": _identity(verdict.sampled_party),
        }
        if self._who_and_place:
            values |= _values_of_place(place)
        domain, plan, _, _, _, _ = place
        return [
            (group_key(domain, plan, cut.name), value) for cut in self._who_cuts if (value := _value(cut.by, values))
        ]


def _value(by: tuple[str, ...], values: dict[str, str | None]) -> str | None:
    if len(by) == 1:
        return values[by[0]]
    if not by:
        return "all"
    parts = [values[attribute] for attribute in by]
    if not all(parts):
        return None
    # a category's levels are escaped already
    return CROSS.join(
        part if name.startswith("category_") else escaped(part) for name, part in zip(by, parts, strict=True) if part
    )


def escaped(text: str) -> str:
    """The text as it stands in the name of a cell that joins several."""
    return text.translate(_ESCAPES) if "\\" in text or ">" in text or "×" in text else text


def _values_of_place(place: Place) -> dict[str, str | None]:
    return {
        **_values_of_region(place.region),
        **_values_of_category(place.category),
        "stage": place.stage,
        "targeting": place.targeting,
    }


@lru_cache(maxsize=16384)
def _values_of_region(region: str) -> dict[str, str | None]:
    return roll_up(region)._asdict()


@lru_cache(maxsize=16384)
def _values_of_category(category: tuple[str, ...]) -> dict[str, str | None]:
    levels = [escaped(level) for level in category]
    return {f"category_{depth}": LEVEL.join(levels[:depth]) if len(levels) >= depth else None for depth in (1, 2, 3, 4)}


def _identity(party: Any) -> str | None:
    return (party.licence or party.name) if party else None


def place_of(verdict: Verdict) -> Place:
    """The verdict's place."""
    return Place(verdict.domain, verdict.plan, verdict.region, verdict.category, verdict.stage, verdict.targeting)


#: The cells of all cuts.
CELLS = Cells(CUTS)


@lru_cache(maxsize=4096)
def group_key(domain: str, plan: str, cut: str) -> str:
    """domain|plan|cut: what the cells of one table have in common."""
    return f"{domain}|{plan}|{cut}"
