"""Counties of Qingyang, synthetic townships, the parties that are sampled, inspectors and laboratories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.simulate.randomness import Weighted, zipf

CITY = "6210"
#: GB/T 2260 code: name, share of the samples (roughly that of the population), synthetic township codes.
#: Real division codes number streets from 001, towns from 100 and townships from 200.
_COUNTIES: tuple[tuple[str, str, float, tuple[str, ...]], ...] = (
    ("621002", "西峰区", 0.24, ("001", "002", "003", "100", "101", "102", "200")),
    ("621021", "庆城县", 0.12, ("100", "101", "102", "103", "200", "201")),
    ("621022", "环县", 0.13, ("100", "101", "102", "103", "200", "201", "202")),
    ("621023", "华池县", 0.06, ("100", "101", "102", "200", "201")),
    ("621024", "合水县", 0.07, ("100", "101", "102", "200", "201")),
    ("621025", "正宁县", 0.08, ("100", "101", "102", "200", "201")),
    ("621026", "宁县", 0.16, ("100", "101", "102", "103", "200", "201")),
    ("621027", "镇原县", 0.14, ("100", "101", "102", "103", "200", "201")),
)
COUNTY_NAMES = {code: name for code, name, _, _ in _COUNTIES}
COUNTIES = Weighted([code for code, _, _, _ in _COUNTIES], [share for _, _, share, _ in _COUNTIES])
TOWNSHIPS = {code: tuple(code + suffix for suffix in suffixes) for code, _, _, suffixes in _COUNTIES}

_PARTY_KINDS = {
    "production": ("食品厂", "生产车间", "加工坊"),
    "circulation": ("超市", "便利店", "农贸市场", "批发部"),
    "catering": ("餐馆", "学校食堂", "小吃店", "酒店"),
    "use": ("药房", "县医院", "卫生院", "诊所"),
    "online": ("网店", "网络商行"),
}
_PARTIES_PER_COUNTY = {"production": 40, "circulation": 150, "catering": 150, "use": 60, "online": 30}
_RANKS = {stage: Weighted(range(count), zipf(count, 0.8)) for stage, count in _PARTIES_PER_COUNTY.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """A party that may be sampled: its township and its description as events carry it."""

    region: str
    party: dict[str, Any]


@lru_cache(maxsize=8192)
def _place(county: str, stage: str, rank: int) -> Place:
    kinds, townships = _PARTY_KINDS[stage], TOWNSHIPS[county]
    region = townships[(rank * 5 + len(stage)) % len(townships)]
    name = f"{COUNTY_NAMES[county]}合成{rank + 1}号{kinds[rank % len(kinds)]}"
    licence = f"SYN{county}{stage[:2].upper()}{rank + 1:04}"
    return Place(
        region, {"name": name, "licence": licence, "address": f"{COUNTY_NAMES[county]}{region[6:]}号合成乡镇街道"}
    )


def place(county: str, stage: str, u: float) -> Place:
    """One of the county's parties at this stage, by Zipf's law; `u` is a uniform number."""
    return _place(county, stage, _RANKS[stage].pick(u))


_TEAM = 6


@lru_cache(maxsize=1024)
def _samplers(county: str, first: int, step: int) -> list[str]:
    name = COUNTY_NAMES[county]
    return [f"{name}抽样员{first + 1}", f"{name}抽样员{(first + step) % _TEAM + 1}"]


def samplers(county: str, u: float) -> list[str]:
    """The two inspectors of a visit; `u` is a uniform number."""
    first, step = divmod(int(u * _TEAM * (_TEAM - 1)), _TEAM - 1)
    return _samplers(county, first, step + 1)


#: Laboratories by domain, with their shares of the samples.
LABORATORIES: dict[str, Weighted[str]] = {
    "food": Weighted(("lab-qy1", "lab-qy2", "lab-qy3", "lab-qy6"), (0.45, 0.25, 0.18, 0.12)),
    "food_rapid": Weighted(("lab-qy5", "lab-qy2"), (0.8, 0.2)),
    "drug": Weighted(("lab-qy4",), (1,)),
    "medical_device": Weighted(("lab-qy4",), (1,)),
    "cosmetic": Weighted(("lab-qy4", "lab-qy3"), (0.8, 0.2)),
    "product": Weighted(("lab-qy5", "lab-qy6"), (0.7, 0.3)),
}
LABORATORY_IDS = sorted({lab for share in LABORATORIES.values() for lab in share.values})
#: This laboratory's system releases reports at night and writes its times in UTC, so that dates differ.
NIGHT_UTC_LABORATORY = "lab-qy4"
