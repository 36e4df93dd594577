"""Cells: what a verdict counts in. Each is a (domain, plan) and the value of one cut. Pure but for the file of cuts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, get_args

from schemas.regions import roll_up
from schemas.values import Domain, Measure, Plan, measure_of
from schemas.verdicts import Verdict
from services.lab_results.cut_config import CATEGORY_ATTRIBUTES, REGION_ATTRIBUTES, WHO_ATTRIBUTES, Cut, read_cuts

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


#: The cuts by region or category alone, as the attributes that they combine; without any it is one cell for all.
_REGION_ALONE = {(), *((name,) for name in REGION_ATTRIBUTES)}
_CATEGORY_ALONE = {(name,) for name in CATEGORY_ATTRIBUTES}
#: Reads a cut's value of a cell from the attributes' values.
_Reader = Callable[[Mapping[str, str | None]], str | None]


class Cells:
    """The cells of verdicts in some cuts."""

    def __init__(self, cuts: Collection[Cut]) -> None:
        who = [cut for cut in cuts if set(cut.by) & set(WHO_ATTRIBUTES)]
        where = [cut for cut in cuts if cut.by in _REGION_ALONE]
        what = [cut for cut in cuts if cut.by in _CATEGORY_ALONE]
        rest = [cut for cut in cuts if cut not in who and cut not in where and cut not in what]
        self._who, self._where, self._what, self._rest = map(_Readers, (who, where, what, rest))
        self._who_and_place = any(len(cut.by) > 1 for cut in who)
        # a country has more places than can be remembered, and far fewer regions and categories
        self._of_region = lru_cache(maxsize=16384)(self._read_region)
        self._of_category = lru_cache(maxsize=16384)(self._read_category)
        self.of_place = lru_cache(maxsize=16384)(self._of_place)

    def _of_place(self, place: Place) -> tuple[tuple[str, str], ...]:
        """The group and the value of each cell that every verdict of the place counts in."""
        domain, plan, region, category, _, _ = place
        rest = self._rest.read(domain, plan, _values_of_place(place))
        return self._of_region(domain, plan, region) + self._of_category(domain, plan, category) + tuple(rest)

    def _read_region(self, domain: str, plan: str, region: str) -> tuple[tuple[str, str], ...]:
        return tuple(self._where.read(domain, plan, _values_of_region(region)))

    def _read_category(self, domain: str, plan: str, category: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        return tuple(self._what.read(domain, plan, _values_of_category(category)))

    def of_who(self, verdict: Verdict, place: Place) -> list[tuple[str, str]]:
        """The group and the value of each cell that the verdict counts in by its laboratory or an enterprise."""
        values = {
            "laboratory": verdict.lab_id,
            "producer": _identity(verdict.producer),
            "sampled_party": _identity(verdict.sampled_party),
        }
        if self._who_and_place:
            values |= _values_of_place(place)
        return self._who.read(place.domain, place.plan, values)


class _Readers:
    """How the values of some cuts' cells are read."""

    def __init__(self, cuts: Iterable[Cut]) -> None:
        self._readers = [(cut.name, _reader(cut.by)) for cut in cuts]
        self._by_group = lru_cache(maxsize=64)(self._find)

    def read(self, domain: str, plan: str, values: Mapping[str, str | None]) -> list[tuple[str, str]]:
        """The group and the value of each cell."""
        return [(group, value) for group, read in self._by_group(domain, plan) if (value := read(values))]

    def _find(self, domain: str, plan: str) -> list[tuple[str, _Reader]]:
        return [(group_key(domain, plan, name), read) for name, read in self._readers]


def _reader(by: tuple[str, ...]) -> _Reader:
    """How the value of a cut's cell is read; None where one of its attributes has no value."""
    if not by:
        return lambda values: "all"
    if len(by) == 1:
        return itemgetter(*by)
    parts_of, by_who = itemgetter(*by), [name in WHO_ATTRIBUTES for name in by]

    def joined(values: Mapping[str, str | None]) -> str | None:
        parts = parts_of(values)
        return CROSS.join(parts) if all(parts) else None

    def joined_with_who(values: Mapping[str, str | None]) -> str | None:
        parts = parts_of(values)
        if not all(parts):
            return None
        return CROSS.join([escaped(part) if who else part for who, part in zip(by_who, parts, strict=True)])

    return joined_with_who if any(by_who) else joined


def escaped(text: str) -> str:
    """The text as it stands in the name of a cell that joins several."""
    return text.translate(_ESCAPES) if "\\" in text or ">" in text or "×" in text else text


def _values_of_place(place: Place) -> dict[str, str | None]:
    """As they stand in the name of a cell that joins several; the last two come from short lists and need no escape."""
    return {
        **_joinable_of_region(place.region),
        **_values_of_category(place.category),
        "stage": place.stage,
        "targeting": place.targeting,
    }


def _values_of_region(region: str) -> dict[str, str | None]:
    return roll_up(region)._asdict()


@lru_cache(maxsize=16384)
def _joinable_of_region(region: str) -> dict[str, str | None]:
    return {name: code and escaped(code) for name, code in _values_of_region(region).items()}


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
