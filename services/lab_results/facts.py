"""Results as the domain takes them: mirrors of the contracts, and the quick look that spares most reports the full one.

Nearly every report says that everything passed, in the plainest way. `screen` takes just these, by checks that imply
the contract's rules; whatever it does not take is read by the contract itself, which also finds the words for what is
wrong. So the screen decides nothing but speed, and a test holds it to that.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any, cast

import msgspec

from schemas.events import Event
from schemas.results import (
    BELOW_LIMIT,
    Report,
    ResultAmended,
    ResultEvent,
    ResultReported,
    ResultWithdrawn,
    RetestReported,
)
from schemas.structs import mirror, struct_of

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

_decode = msgspec.json.Decoder(ReportFacts).decode
_encode = msgspec.json.Encoder().encode
_TIMES = ResultReported.TIMES
#: 2026-03-01T08:00:00+08:00, the one form of a time that the screen takes.
_TIME_LENGTH = 25
_MOST_ITEMS = 100


def facts_of(event: ResultEvent) -> ResultFacts:
    """The event as the domain takes it."""
    return cast(ResultFacts, mirror(event, _MIRRORS[type(event)], decimals=str))


def screen(value: bytes) -> ResultReported | None:
    """The facts of a plain report in which everything passed; None for any other value, good or bad."""
    try:
        report = _decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    items = report.items
    names = f"{report.report_no}{report.sample_id}{report.lab_id}{report.source or ''}{report.event_id or ''}"
    plain = (
        report.conclusion == "pass"
        and report.revision == 1
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
    for item in items:
        if not _passes_plainly(item):
            return None
    return report


def _passes_plainly(item: Any) -> bool:
    return (
        item.verdict == "pass"
        and item.portion == "test"
        and item.lod is None
        and item.loq is None
        and item.limit_low is None
        and (item.limit_kind is None or (item.limit is not None and item.limit_kind in ("max", "min")))
        and (type(item.value) is float or item.value in BELOW_LIMIT)
        and (item.item_class is None or (item.item_class.isprintable() and " " not in item.item_class))
    )


def _is_time(text: Any) -> bool:
    if len(text) != _TIME_LENGTH or text[10] != "T" or text[19] not in "+-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def content_mark(event: ResultEvent | ResultFacts) -> bytes:
    """Eight bytes that stand for what a report says, whoever said it under whichever id.

    Numbers count as floats here: more than fifteen digits tell no two reports apart.
    """
    facts: Any = mirror(event, _MIRRORS[type(event)], decimals=float) if isinstance(event, Event) else event
    said = _encode(msgspec.structs.replace(facts, source=None, event_id=None))
    return blake2b(said, digest_size=8).digest()
