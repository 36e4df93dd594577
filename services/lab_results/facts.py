"""Results as the domain takes them: mirrors of the contracts, and the quick look that spares most reports the full one.

Nearly every report says what passed and what failed in the plainest way. `screen` takes just these, by checks that
imply the contract's rules; whatever it does not take is read by the contract itself, which also finds the words for
what is wrong. So the screen decides nothing but speed, and a test holds it to that.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from typing import Any, cast, get_args

import msgspec
from msgspec.structs import replace

from schemas.results import (
    BELOW_LIMIT,
    Report,
    ResultAmended,
    ResultEvent,
    ResultReported,
    ResultWithdrawn,
    RetestReported,
)
from schemas.structs import mirror, nested_structs, struct_of

#: In these, times are text as written, and the numbers of items floats, or text where they are kept.
ReportFacts = struct_of(ResultReported, decimals=float)
AmendmentFacts = struct_of(ResultAmended, decimals=float)
RetestFacts = struct_of(RetestReported, decimals=float)
WithdrawalFacts = struct_of(ResultWithdrawn, decimals=float)
ResultFacts = Report | ResultWithdrawn
_MIRRORS = {
    ResultReported: ReportFacts,
    ResultAmended: AmendmentFacts,
    RetestReported: RetestFacts,
    ResultWithdrawn: WithdrawalFacts,
}

_ItemFacts: Any = dict(nested_structs(ReportFacts))["items"]
_decode = msgspec.json.Decoder(ReportFacts).decode
_encode = msgspec.json.Encoder().encode
_TIMES = ResultReported.TIMES
#: 2026-03-01T08:00:00+08:00, the one form of a time that the screen takes.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MOST_ITEMS = 100


def facts_of(event: ResultEvent) -> ResultFacts:
    """The event as the domain takes it."""
    return cast(ResultFacts, mirror(event, _MIRRORS[type(event)], decimals=str))


def screen(value: bytes) -> ResultReported | None:
    """The facts of a plain first report; None for any other value, good or bad."""
    try:
        report = _decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    items = report.items
    names = f"{report.report_no}{report.sample_id}{report.lab_id}{report.source or ''}{report.event_id or ''}"
    plain = (
        report.revision == 1
        and len(items) <= _MOST_ITEMS
        # no control characters and no space: this implies the form that identifiers must have
        and names.isprintable()
        and " " not in names
        and _is_time(report.issued_at)
        and (report.received_at is None or _is_time(report.received_at))
        and (report.started_at is None or _is_time(report.started_at))
        and (report.finished_at is None or _is_time(report.finished_at))
    )
    if not plain or len({item.item for item in items}) < len(items):
        return None
    failed = False
    for item in items:
        if not _is_plain(item):
            return None
        failed = failed or item.verdict == "fail"
    if report.conclusion != ("fail" if failed else "pass"):
        return None
    return _with_texts(report) if failed else report


def _is_plain(item: Any) -> bool:
    return (
        item.verdict in ("pass", "fail")
        and item.portion == "test"
        and item.lod is None
        and item.loq is None
        and item.limit_low is None
        and (item.limit_kind is None or (item.limit is not None and item.limit_kind in ("max", "min")))
        and (type(item.value) is float or item.value in BELOW_LIMIT)
        and (item.item_class is None or (item.item_class.isprintable() and " " not in item.item_class))
    )


def _with_texts(report: Any) -> Any:
    """The report with numbers as text, as the contract's facts have them: of what failed they are kept. None where it
    takes the contract to tell which text."""
    items = []
    for item in report.items:
        value, limit = _text_of(item.value), _text_of(item.limit)
        if value is None or (limit is None) != (item.limit is None):
            return None
        items.append(replace(item, value=value, limit=limit))
    return replace(report, items=tuple(items))


def _text_of(number: Any) -> str | None:
    """A number as the contract writes it, where that is plain; a text as it is."""
    if type(number) is not float:
        return cast(str | None, number)
    if number == 0 or not 1e-4 <= abs(number) < 1e15:
        return None
    return str(int(number)) if number.is_integer() else repr(number)


@lru_cache(maxsize=8192)
def _is_time(text: str) -> bool:
    # fromisoformat takes weeks and odd offsets too
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def content_mark(event: ResultEvent | ResultFacts) -> bytes:
    """Eight bytes that stand for what a report says, whoever said it under whichever id.

    Numbers count as floats here, however they were written: 0.1, "0.1" and "0.10" are the same, and more than fifteen
    digits tell no two reports apart.
    """
    facts: Any = event if isinstance(event, msgspec.Struct) else facts_of(cast(ResultEvent, event))
    items = getattr(facts, "items", ())
    # what the screen took has floats throughout
    if items and not any(type(item.value) is float or type(item.limit) is float for item in items):
        facts = replace(facts, items=tuple(map(_with_floats, items)))
    return _fingerprint(facts)


def mark_as_written(facts: ResultFacts) -> bytes:
    """The fingerprint by which numbers written otherwise were told apart, as dossiers of before have it."""
    return _fingerprint(facts)


def _fingerprint(facts: Any) -> bytes:
    said = _encode(replace(facts, source=None, event_id=None))
    return blake2b(said, digest_size=8).digest()


_NUMBERS = [field.name for field in msgspec.structs.fields(_ItemFacts) if float in get_args(field.type)]


def _with_floats(item: Any) -> Any:
    texts = {name: text for name in _NUMBERS if type(text := getattr(item, name)) is str}
    return replace(item, **{name: _float_of(text) for name, text in texts.items()}) if texts else item


def _float_of(text: str) -> float | str:
    """A number as a float; words, and what no float comes near, as they are."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) and (number or not Decimal(text)) else text
