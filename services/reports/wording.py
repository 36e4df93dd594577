"""How figures, cells and regions are written in either language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from schemas.mappings import SAMR_OF_DOMAIN
from services.lab_results.cuts import Cell
from services.reports.figures import Figure, Part
from services.reports.regions import region_name

Lang = Literal["zh", "en"]
#: What is said where the record has nothing.
ABSENT: Final[Mapping[Lang, str]] = {"zh": "无记录", "en": "no records"}
_WORDS: Final[Mapping[Lang, Mapping[str, str]]] = {
    "zh": {
        **{str(domain): name for domain, name in SAMR_OF_DOMAIN.items()},
        "supervision": "监督抽检",
        "risk_monitoring": "风险监测",
        "evaluation": "评价性抽检",
        "special": "专项抽检",
        "production": "生产环节",
        "circulation": "流通环节",
        "catering": "餐饮环节",
        "use": "使用环节",
        "online": "网络环节",
        "qualification": "不合格",
        "problem": "问题样品",
        "suspicion": "可疑",
        "up": "提高",
        "down": "下降",
        "more": "增加",
        "fewer": "减少",
        "same": "持平",
        "county": "县区",
        "stage": "环节",
        "category_1": "类别",
        "taken": "抽检批次",
        "taken_change": "抽检批次较上年",
        "concluded": "合格与不合格批次",
        "inconclusive": "不判定批次",
        "failed": "不合格、问题或可疑批次",
        "failed_before": "上年不合格、问题或可疑批次",
        "rate": "合格率",
        "rate_before": "上年合格率",
        "rate_change": "合格率较上年",
        "pass": "合格",
        "fail": "不合格",
    },
    "en": {
        "food": "food",
        "food_rapid": "rapid food tests",
        "drug": "drugs",
        "medical_device": "medical devices",
        "cosmetic": "cosmetics",
        "product": "industrial products",
        "supervision": "supervision sampling",
        "risk_monitoring": "risk monitoring",
        "evaluation": "evaluation sampling",
        "special": "special sampling",
        "use": "pharmacies and medical institutions",
        "qualification": "failed",
        "problem": "problem samples",
        "suspicion": "suspicions",
        "up": "up",
        "down": "down",
        "more": "more",
        "fewer": "fewer",
        "same": "unchanged",
        "county": "County",
        "stage": "Stage",
        "category_1": "Category",
        "taken": "samples taken",
        "taken_change": "samples taken, against the year before",
        "concluded": "passed or failed",
        "failed_before": "failed, the year before",
        "rate": "qualification rate",
        "rate_before": "qualification rate, the year before",
        "rate_change": "qualification rate, against the year before",
    },
}
_ESCAPED = re.compile(r"\\([\\>×])")
_LEAST_DECIMALS, _MOST_DECIMALS = 2, 6


def word(name: str, lang: Lang) -> str:
    """The word for a domain, plan, stage, kind or direction; the name itself where there is none."""
    return _WORDS[lang].get(name, name)


def cell_name(cell: Cell, lang: Lang) -> str:
    """What a row of a table is called: a county by its name, the rest by its word or by itself."""
    if cell.cut == "county":
        return region_name(cell.value)
    # a category's own > and × are escaped in a cell's name
    return _ESCAPED.sub(r"\1", cell.value) if cell.cut == "category_1" else word(cell.value, lang)


def written(figure: Figure, lang: Lang, signed: bool = False) -> str:
    """The figure as text: counts, percent, or percentage points; a change without its sign unless `signed`."""
    value = figure.value
    if value is None:
        return ABSENT[lang]
    if figure.kind in ("rate", "rate_before"):
        return _percent(_share(figure.parts[0]))
    if figure.kind == "rate_change":
        points = _points(figure)
        return f"{points:+}" if signed and points else str(abs(points))
    count = int(value) if signed else abs(int(value))
    sign = "+" if signed and figure.kind == "taken_change" else ""
    return f"{count:{sign},}" if lang == "en" else f"{count:{sign}}"


def direction(figure: Figure, lang: Lang) -> str:
    """Up or down of a rate, more or fewer of samples; the same where the text would show no difference."""
    value: Decimal | float = figure.value or 0
    if figure.kind == "rate_change":
        value = _points(figure) if value else value
        return word("same" if value == 0 else "up" if value > 0 else "down", lang)
    return word("same" if value == 0 else "more" if value > 0 else "fewer", lang)


def _share(part: Part) -> Fraction:
    """The rate of a part, exactly: no binary fraction is 98.125 %, which 四舍五入 makes 98.13 %."""
    return Fraction(part.counts["pass"], part.counts["pass"] + part.counts["fail"])


def _points(change: Figure) -> Decimal:
    """Percentage points between the rates of both years, as they are written."""
    now, before = map(_share, change.parts)
    return _rounded(100 * (now - before), _LEAST_DECIMALS)


def _rounded(value: Fraction, decimals: int) -> Decimal:
    """Half away from zero."""
    scaled = abs(value) * 10**decimals
    digits = int(scaled + Fraction(1, 2))
    return Decimal(digits if value > 0 else -digits).scaleb(-decimals)


def _percent(share: Fraction) -> str:
    """With two decimals, or as many as it takes: 100 % and 0 % are said only where they are exact."""
    for decimals in range(_LEAST_DECIMALS, _MOST_DECIMALS + 1):
        percent = _rounded(100 * share, decimals)
        if share in (0, 1) or 0 < percent < 100:
            break
    return f"{percent:f}%"
