"""Short fingerprints, by which repeats are told without keeping the whole."""

from __future__ import annotations

from hashlib import blake2b

from schemas.events import Event

_ENVELOPE = set(Event.ENVELOPE)


def mark_of(source: str, event_id: str) -> bytes:
    """Eight bytes that stand for (source, event_id) among the events of one sample or alert."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=8).digest()


def content_mark(event: Event) -> bytes:
    """Eight bytes that stand for what an event says, whoever said it under whichever id."""
    said = event.__pydantic_serializer__.to_json(event, exclude=_ENVELOPE, exclude_none=True)
    return blake2b(said, digest_size=8).digest()
