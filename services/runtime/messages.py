"""Messages that a service writes: a value each, built by pure code and published from the outbox."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from schemas.cloudevents import Headers, binary_headers
from schemas.topics import Topic


class Message(NamedTuple):
    """One message to be written. The partition is explicit: the state that wrote it lives under the same number."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes the messages of one contract to its topic, as CloudEvents in binary mode."""

    def __init__(self, topic: Topic, service: str) -> None:
        self.topic = topic
        (contract,) = topic.contracts
        self._headers = binary_headers(type=contract.__name__, source=f"samplewatch/{service}")

    def message(self, partition: int, key: str, body: Any, event_id: str, time: Any = None) -> Message:
        """`body`, a contract or its mirror, as a message. `event_id` is deterministic: readers de-duplicate by it.

        `time` is in ISO 8601, as mirrors have it.
        """
        # asked in this order, since pydantic's own isinstance is slow
        if isinstance(body, msgspec.Struct):
            value = _encode(body)
        else:
            value = body.__pydantic_serializer__.to_json(body, by_alias=True, exclude_none=True)
        if time is None:
            headers = (*self._headers, ("ce_id", event_id.encode()))
        else:
            headers = (*self._headers, ("ce_id", event_id.encode()), ("ce_time", str(time).encode()))
        return Message(self.topic.name, partition, key.encode(), value, headers)
