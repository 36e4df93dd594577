"""CloudEvents 1.0 on Kafka: binary mode (``ce_*`` headers), structured mode (one envelope), and plain JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from schemas.values import Identifier

Headers = tuple[tuple[str, bytes], ...]

STRUCTURED = b"application/cloudevents+json"
_SPECVERSION = b"1.0"
_IDENTIFIER = TypeAdapter(Identifier).validator
_IDENTIFIER_LENGTH = 200


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
    data: bytes


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


def _identifier(field: str, text: str | None) -> str | None:
    """`text`, which goes into what is written from this event; raises NotAnEvent where no contract takes it."""
    if text is None or _IDENTIFIER.isinstance_python(text):
        return text
    raise NotAnEvent(field, f"has to have at most {_IDENTIFIER_LENGTH} characters, no line break, no space around them")


def _made_identifier(text: str) -> str | None:
    """The nearest that can be written to what a bad message says; None where nothing is left."""
    return " ".join(text.split())[:_IDENTIFIER_LENGTH].strip() or None


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
        source, event_id = (_identifier(name, _text(named, name)) for name in ("ce_source", "ce_id"))
        return Envelope(_text(named, "ce_type"), source, event_id, value)
    structured = (named.get("content-type") or b"").startswith(STRUCTURED)
    if not structured and b'"specversion"' not in value:
        return Envelope(None, None, None, value)
    body = parse_object(value)
    if not structured and "specversion" not in body:
        return Envelope(None, None, None, value)
    if not isinstance(body.get("data"), dict):
        raise NotAnEvent("data", "is missing from the CloudEvents envelope, or is not an object")
    source, event_id = (_identifier(name, _member(body, name)) for name in ("source", "id"))
    return Envelope(_member(body, "type"), source, event_id, json.dumps(body["data"]).encode())


def claimed_identity(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> tuple[str | None, str | None]:
    """(source, event_id) that a message claims, as far as anything can be made of it: for the answer to a bad one."""
    named = dict(headers)
    identity = [_made_identifier((named.get(name) or b"").decode(errors="replace")) for name in ("ce_source", "ce_id")]
    if value and None in identity:
        try:
            body = parse_object(value)
        except NotAnEvent:
            body = {}
        for place, names in enumerate((("source",), ("event_id", "id"))):
            if identity[place] is None:
                claims = (_made_identifier(_member(body, name) or "") for name in names)
                identity[place] = next((claim for claim in claims if claim), None)
    return identity[0], identity[1]
