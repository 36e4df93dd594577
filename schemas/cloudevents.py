"""CloudEvents 1.0 on Kafka: binary mode (``ce_*`` headers), structured mode (one envelope), and plain JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Headers = tuple[tuple[str, bytes], ...]

STRUCTURED = b"application/cloudevents+json"
_SPECVERSION = b"1.0"


class NotAnEvent(ValueError):
    """The message cannot be read as an event; `field` and `reason` say why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the message says of itself, before its body is validated. None where it does not say."""

    type: str | None
    source: str | None
    event_id: str | None
    data: bytes | dict[str, Any]


def binary_headers(*, type: str, source: str, event_id: str | None = None, time: datetime | None = None) -> Headers:
    """The headers of binary mode for a JSON value; without event_id and time, those that a source's events share."""
    headers: Headers = (
        ("ce_specversion", _SPECVERSION),
        ("ce_type", type.encode()),
        ("ce_source", source.encode()),
        ("content-type", b"application/json"),
    )
    if event_id is not None:
        headers = (*headers, ("ce_id", event_id.encode()))
    if time is not None:
        headers = (*headers, ("ce_time", time.astimezone(UTC).isoformat().encode()))
    return headers


def _text(headers: Mapping[str, bytes | None], name: str) -> str | None:
    value = headers.get(name)
    if not value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NotAnEvent(name, "is not UTF-8") from None


def _member(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    # JSON can spell half a surrogate pair, which is no character and cannot be sent on
    return value.encode(errors="replace").decode() if isinstance(value, str) and value else None


def parse_object(value: bytes) -> dict[str, Any]:
    """The JSON object in `value`; raises NotAnEvent for anything else."""
    try:
        body = json.loads(value)
    except UnicodeDecodeError:
        raise NotAnEvent("value", "is not UTF-8") from None
    except RecursionError:
        raise NotAnEvent("value", "is nested too deeply") from None
    except ValueError as error:
        raise NotAnEvent("value", f"is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise NotAnEvent("value", f"is a JSON {type(body).__name__}, not an object")
    return body


def open_envelope(headers: Iterable[tuple[str, bytes | None]], value: bytes) -> Envelope:
    """Reads an event in whichever of the three modes it was sent.

    Plain JSON bodies carry type, source and event_id (or id) themselves. Raises NotAnEvent.
    """
    named = dict(headers)
    if "ce_specversion" in named or "ce_type" in named:
        return Envelope(_text(named, "ce_type"), _text(named, "ce_source"), _text(named, "ce_id"), value)
    structured = (named.get("content-type") or b"").startswith(STRUCTURED)
    if not structured and b'"specversion"' not in value:
        return Envelope(None, None, None, value)
    body = parse_object(value)
    if not structured and "specversion" not in body:
        return Envelope(None, None, None, value)
    if not isinstance(body.get("data"), dict):
        raise NotAnEvent("data", "is missing from the CloudEvents envelope, or is not an object")
    return Envelope(_member(body, "type"), _member(body, "source"), _member(body, "id"), body["data"])


def claimed_identity(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> tuple[str | None, str | None]:
    """(source, event_id) that a message claims, as far as anything can be made of it: for the answer to a bad one."""
    named = dict(headers)
    identity = [(named.get(name) or b"").decode(errors="replace") or None for name in ("ce_source", "ce_id")]
    if value and None in identity:
        try:
            body = parse_object(value)
        except NotAnEvent:
            body = {}
        for place, names in enumerate((("source",), ("event_id", "id"))):
            if identity[place] is None:
                identity[place] = next((found for name in names if (found := _member(body, name))), None)
    return identity[0], identity[1]
