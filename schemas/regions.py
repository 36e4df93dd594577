"""Regions and how they roll up: township, county, city, province.

A region is either a mainland code (GB/T 2260 county of six digits, with the three digits of a township behind it where
known) or, elsewhere, a path of one to four names from the province down: ``US-IL/Chicago/60609``. Where no more is
known than the city or the province, the code has zeros for the rest, as in GB/T 2260: ``621000``, ``620000``. The first
name of a path is no number: ``62/10`` would count in the cell of the mainland's province 62.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, StringConstraints

#: The region of what lies in several provinces: a path of one name that no province has.
INTERPROVINCIAL = "interprovincial"
_MAINLAND = re.compile(r"[1-9][0-9]{5}([0-9]{3}|[0-9]{6})?")


class Rollup(NamedTuple):
    """A region's code at each level; None where the region does not go that deep."""

    province: str
    city: str | None
    county: str | None
    township: str | None


@lru_cache(maxsize=65536)
def roll_up(region: str) -> Rollup:
    """The codes of every level above and including `region`.

    >>> roll_up("621002101")
    Rollup(province='62', city='6210', county='621002', township='621002101')
    """
    if _MAINLAND.fullmatch(region):
        city = None if region[2:6] == "0000" else region[:4]
        county = None if region[4:6] == "00" else region[:6]
        return Rollup(region[:2], city, county, region[:9] if len(region) > 6 else None)
    names = region.split("/")
    levels = ["/".join(names[: depth + 1]) if depth < len(names) else None for depth in range(4)]
    return Rollup(names[0], *levels[1:])


def in_region(region: str, prefix: str) -> bool:
    """Whether a region lies in, or is, the one that begins so: mainland codes by digits, other paths by whole names.
    In "", for everywhere, lies every region.

    >>> in_region("621002101", "6210"), in_region("US-IL/Chicago Heights", "US-IL/Chicago")
    (True, False)
    """
    if not prefix or prefix.isdigit():
        return region.startswith(prefix)
    return f"{region}/".startswith(f"{prefix.removesuffix('/')}/")


def check_region(region: str) -> str:
    """Raises ValueError unless `region` has one of the two forms."""
    if region.isdigit() and not _MAINLAND.fullmatch(region):
        raise ValueError("a mainland region is a county code of 6 digits, or a township code of 9 or 12")
    if not all(name and name == name.strip() for name in region.split("/")) or region.count("/") > 3:
        raise ValueError("a region path has one to four names, none of them empty or with space around it")
    if "/" in region and region.partition("/")[0].isdigit():
        raise ValueError("a region path has a name at its beginning, not a number, as mainland codes are")
    return region


Region = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(check_region)]
