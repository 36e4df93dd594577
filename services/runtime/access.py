"""Which role may ask for which page, and for which areas. The one table of it.

A page that is not listed is refused to every token. /healthz, /readyz and /metrics are open: probes and Prometheus
ask for them; they tell counts and names of topics, nothing about samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from schemas.regions import in_region

Role = Literal["inspector", "manager", "operations", "laboratory"]
ROLES: Final = get_args(Role)
OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
#: Cuts that name neither enterprises nor laboratories: a laboratory has no business with another's.
_NAMELESS_CUTS: Final = frozenset(
    {"all", "province", "city", "county", "township", "stage", "stage_category", "county_category"}
    | {f"category_{level}" for level in range(1, 5)}
)


class Access(NamedTuple):
    """Who may ask for a page. area: how a token of some areas is held to them.

    A parameter's name: it must lie in one of the areas. A function: finds the region in the answer. None: the page
    can't be held to an area, so tokens that have areas may not ask for it. ANYWHERE: the page tells of no area.
    """

    page: re.Pattern[str]
    roles: frozenset[str]
    area: str | Callable[[Any], Any] | None


ANYWHERE: Final = ""


def _region_of_sample(answer: Any) -> Any:
    return (answer.get("sample") or {}).get("region")


def _region_of_alert(answer: Any) -> Any:
    return answer.get("area")


def _access(page: str, roles: str, area: str | Callable[[Any], Any] | None) -> Access:
    return Access(re.compile(page), frozenset(roles.split()), area)


PAGES: Final[Sequence[Access]] = (
    _access(r"/samples/[^/]+", "inspector operations", _region_of_sample),
    _access(r"/deadlines", "inspector manager operations", "region"),
    _access(r"/alerts", "inspector manager operations", "area"),
    _access(r"/alerts/[^/]+", "inspector operations", _region_of_alert),
    _access(r"/rates(/series|/ranking)?", "inspector manager operations laboratory", None),
    _access(r"/hotspots", "inspector manager operations", None),
    _access(r"/routes", "operations", None),
    _access(r"/openapi\.json", "inspector manager operations laboratory", ANYWHERE),
)


def access_to(path: str) -> Access | None:
    """The row of a page; None for one that is not listed."""
    return next((row for row in PAGES if row.page.fullmatch(path)), None)


def refusal(role: str, areas: Sequence[str], path: str, query: Mapping[str, str]) -> str | None:
    """Why a token may not ask this; None where it may, as far as that is known before the answer."""
    row = access_to(path)
    if row is None or role not in row.roles:
        return f"the role {role} may not ask for this page"
    if role == "laboratory" and (cut := query.get("cut", "all")) not in _NAMELESS_CUTS:
        return f"the role laboratory may not ask for the cut {cut}"
    if not areas or row.area == ANYWHERE or callable(row.area):
        return None
    if row.area is None:
        return "this page cannot be held to the areas of this token"
    if not within(query.get(row.area), areas):
        return f"{row.area} has to be given, and to lie in an area of this token: {', '.join(areas)}"
    return None


def may_have_areas(role: str) -> bool:
    """Whether a token of some areas could ask for anything in them."""
    return any(role in row.roles and row.area not in (None, ANYWHERE) for row in PAGES)


def region_finder(path: str) -> Callable[[Any], Any] | None:
    """What finds the region in a page's answer, where only the answer tells it."""
    row = access_to(path)
    return row.area if row is not None and callable(row.area) else None


def within(region: Any, areas: Sequence[str]) -> bool:
    """Whether a region lies in one of the areas; an unknown one lies in none."""
    return isinstance(region, str) and any(in_region(region, area) for area in areas)
