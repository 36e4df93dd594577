"""Messages that a service writes: a value each, built by pure code and published from the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from schemas.cloudevents import Headers, binary_headers
from schemas.topics import Topic


class Message(NamedTuple):
    """One message to be written. The partition is explicit: the state that wrote it lives under the same number."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def event_message(
    topic: Topic,
    partition: int,
    key: str,
    body: BaseModel,
    *,
    event_id: str,
    service: str,
    time: datetime | None = None,
) -> Message:
    """`body` as a CloudEvents message in binary mode. `event_id` is deterministic: readers de-duplicate by it."""
    headers = binary_headers(type=type(body).__name__, source=f"samplewatch/{service}", event_id=event_id, time=time)
    value = body.__pydantic_serializer__.to_json(body, by_alias=True, exclude_none=True)
    return Message(topic.name, partition, key.encode(), value, headers)
