"""The contracts of alerts as the service holds them: mirrors, with times as ISO 8601 and decimals as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, cast, get_args

import msgspec

from schemas import alerts, findings, verdicts
from schemas.deadlines import DeadlineEvent
from schemas.structs import struct_of
from services.runtime.calendar import moment_text

T = TypeVar("T")

Alert = struct_of(alerts.AlertEvent, in_full=True)
Finding = struct_of(findings.Finding, in_full=True)
VerdictFacts = struct_of(verdicts.Verdict)
decode_verdict = msgspec.json.Decoder(VerdictFacts).decode
DeadlineFacts = struct_of(DeadlineEvent)


def _within(struct: Any, field: str) -> Any:
    """The mirror that a field of a mirror holds."""
    [kind] = [found.type for found in msgspec.structs.fields(struct) if found.name == field]
    while get_args(kind):
        kind = get_args(kind)[0]
    return kind


Wording = cast(type[alerts.Wording], _within(Alert, "headline"))
Item = cast(type[verdicts.FailedItem], _within(Alert, "items"))
Deadline = cast(type[alerts.DeadlineFacts], _within(Alert, "deadline"))
Evidence = cast(type[alerts.Evidence], _within(Alert, "evidence"))


def replaced(value: T, **fields: Any) -> T:
    """A mirror with other values in some fields."""
    return cast(T, msgspec.structs.replace(cast(Any, value), **fields))


def text_of(milliseconds: int) -> Any:
    """A moment as the mirrors hold it."""
    return moment_text(milliseconds)


def milliseconds_of(text: Any) -> int:
    """The inverse of `text_of`, for any offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def tie_of(alert_id: str) -> int:
    """What orders alerts that changed in the same millisecond, alike in every worker."""
    return int(alert_id[3:18], 16) if alert_id[3:18].isalnum() else 0
