"""What an item's value is beside its limit, in words: decimals throughout, so that 0.3 of 0.1 is 3 times, not 2.9999.

The ratio is value / limit. "超标 n 倍" is not used: some mean the ratio by it and others the ratio less one.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

from schemas.results import BELOW_LIMIT
from schemas.verdicts import FailedItem

_THREE_DIGITS = Context(prec=3)
#: The longest that a name or a value is given at, a number in digits.
_LENGTH = 120
_READABLE = Context(prec=_LENGTH, Emax=MAX_EMAX, Emin=MIN_EMIN)


def describe(item: FailedItem) -> tuple[str, str]:
    """The item with its value and limit, in Chinese and English: 铅 0.31 mg/kg(限量 ≤0.2 mg/kg,为限量的 1.55 倍)."""
    name = item.item[:_LENGTH]
    if item.value is None:
        return name, name
    value, limit, low = _number(item.value), _number(item.limit), _number(item.limit_low)
    unit = "" if item.unit is None else f" {item.unit[:_LENGTH]}"
    shown = f"{_plain(value)}{unit}" if value is not None else _text(str(item.value), unit)
    if str(item.value).strip() in BELOW_LIMIT:
        zh, en = f"{name} 低于检出限({item.value})", f"{name} below the detection limit ({item.value})"
    else:
        zh = en = f"{name} {shown}"
    told_zh, told_en = _limit(item.limit_kind, value, limit, low, unit)
    return f"{zh}({told_zh})" if told_zh else zh, f"{en} ({told_en})" if told_en else en


def listed(told: Sequence[tuple[str, str]], items: int) -> tuple[str, str]:
    """Items as `describe` tells them, in a row, and how many of all `items` there are besides: Chinese, English."""
    left = items - len(told)
    more_zh, more_en = (f"等{items}项", f" and {left} more") if left else ("", "")
    return "、".join([zh for zh, _ in told]) + more_zh, ", ".join([en for _, en in told]) + more_en


def ratio_of(value: Decimal, limit: Decimal, times: int = 1) -> str | None:
    """value / limit to three digits, or so many times that; None where there is no sense in it."""
    if limit <= 0 or value < 0:
        return None
    try:
        return _plain(_THREE_DIGITS.divide(value * times, limit))
    except ArithmeticError:  # larger than any number
        return None


def _limit(
    kind: str | None, value: Decimal | None, limit: Decimal | None, low: Decimal | None, unit: str
) -> tuple[str, str]:
    if kind == "absent":
        return "不得检出或使用", "must be absent"
    if kind == "range" and limit is not None and low is not None:
        return f"应为 {_plain(low)}~{_plain(limit)}{unit}", f"must be {_plain(low)} to {_plain(limit)}{unit}"
    if limit is None:
        return "", ""
    if kind == "min":
        zh, en = f"应 ≥{_plain(limit)}{unit}", f"must be ≥ {_plain(limit)}{unit}"
        if value is not None and value < limit and (percent := ratio_of(value, limit, 100)) is not None:
            return f"{zh},为其 {percent}%", f"{en}, is {percent} % of it"
        return zh, en
    zh, en = f"限量 ≤{_plain(limit)}{unit}", f"limit ≤ {_plain(limit)}{unit}"
    if value is not None and value > limit and (ratio := ratio_of(value, limit)) is not None:
        return f"{zh},为限量的 {ratio} 倍", f"{en}, {ratio} times the limit"
    return zh, en


def _number(value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def _plain(number: Decimal) -> str:
    """Without an exponent, but for numbers too long to read; what has more digits is rounded."""
    number = _READABLE.plus(number)
    return f"{number:f}" if -12 < number.adjusted() < 15 else str(number)


def _text(value: str, unit: str) -> str:
    """Words, with the unit where it says of how much: 检出 /25g."""
    return f"{value[:_LENGTH]}{unit}" if unit.startswith(" /") else value[:_LENGTH]
