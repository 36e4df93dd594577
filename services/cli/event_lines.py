"""Lines of a JSON Lines file as events to publish: defaults filled in, and checked strictly before anything is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.cloudevents import NotAnEvent, parse_object
from schemas.events import Event
from schemas.paths import ROOTS
from schemas.timing import implausible_time
from schemas.topics import MAX_EVENT_BYTES, Topic
from services.cli.outgoing import Outgoing, outgoing

#: What is left out of the digest of a line: it says where the event came from, not what happened.
_ENVELOPE = Event.ENVELOPE - {"type"} | {"id"}


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not sent, with the first field that is wrong and what is."""

    line: int
    field: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The refusal in the shape of the answers from the services."""
        return {"line": self.line, "outcome": "rejected", "field": self.field, "reason": f"not sent: {self.reason}"}


def read_lines(
    lines: Iterable[bytes], topic: Topic, contract: TypeAdapter[Any] | None, default_type: str, source: str
) -> Iterator[Outgoing | BadLine]:
    """Each line that is not blank as an event to send, or as what is wrong with it.

    Without a contract nothing is checked, and every line is sent as it is.
    """
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix(b"\xef\xbb\xbf")
        if not line:
            continue
        if contract is None:
            yield _unchecked(line, number, topic, default_type, source)
            continue
        try:
            yield _checked(line, number, contract, default_type, source)
        except NotAnEvent as error:
            yield BadLine(number, error.field, error.reason)
        except ValidationError as error:
            yield BadLine(number, *_first(error))


def content_digest(body: dict[str, Any]) -> str:
    """An event_id that follows from what an event says, however its fields are ordered and spaced."""
    content = {name: value for name, value in body.items() if name not in _ENVELOPE}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _digest(canonical.encode(errors="surrogatepass"))


def _digest(content: bytes) -> str:
    return f"sha256-{hashlib.sha256(content).hexdigest()[:32]}"


def _checked(line: bytes, number: int, contract: TypeAdapter[Any], default_type: str, source: str) -> Outgoing:
    body = parse_object(line)
    defaults = {"type": default_type, "source": source}
    # `id` is another name for event_id
    if body.get("id") is None:
        defaults["event_id"] = content_digest({"type": default_type, **body})
    missing = {name: value for name, value in defaults.items() if body.get(name) is None}
    # the line itself is validated, not what Python made of it: it is then read just as the services read it
    whole = line[:-1] + b"," * bool(body and missing) + json.dumps(missing).encode()[1:] if missing else line
    event = contract.validate_json(whole, extra="forbid")
    wrong = implausible_time(event, event.source, datetime.now(UTC))
    if wrong:
        raise NotAnEvent(*wrong)
    message = outgoing(event, number)
    if len(message.value) > MAX_EVENT_BYTES:
        raise NotAnEvent("value", f"has {len(message.value):,} bytes; an event has at most {MAX_EVENT_BYTES:,}")
    return message


def _unchecked(line: bytes, number: int, topic: Topic, default_type: str, source: str) -> Outgoing:
    try:
        body = parse_object(line)
    except NotAnEvent:
        body = {}

    def member(*names: str) -> str | None:
        return next((found for name in names if isinstance(found := body.get(name), str) and found), None)

    key = member(topic.key)
    return Outgoing(
        topic=topic.name,
        key=key.encode(errors="replace") if key else None,
        value=line,
        type=member("type") or default_type,
        source=member("source") or source,
        event_id=member("event_id", "id")
        or (content_digest({"type": default_type, **body}) if body else _digest(line)),
        line=number,
    )


def _first(error: ValidationError) -> tuple[str, str]:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    # an unknown field is most often a misspelt one, and explains the one that is then missing
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"]]
    # pydantic puts the contract that the type chose in front; the line has no such field
    if len(path) > 1 and path[0] in ROOTS:
        path = path[1:]
    unknown = first["type"] == "extra_forbidden"
    reason = "is not a field of this contract" if unknown else first["msg"].removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ".".join(path) or "type", reason + more
