"""A sample with its whole history, from the references in Redis and the records in Kafka."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis

from schemas.cloudevents import open_envelope
from schemas.topics import SAMPLING_EVENTS, VERDICTS
from services.runtime.calendar import moment_text
from services.runtime.history import RecordReader
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.sampling.domain import PEOPLE, sample_of
from services.sampling.store import load_lives

_TOPICS = {"event": SAMPLING_EVENTS.name, "verdict": VERDICTS.name}


async def history_of(redis: Redis, reader: RecordReader, sample_id: str) -> dict[str, Any] | None:
    """The sample as it stands, and every event and verdict about it in the order of arrival; None if unknown."""
    partition = home_of(sample_id.encode(), PARTITIONS)
    life = (await load_lives(redis, partition, [sample_id])).get(sample_id)
    if life is None:
        return None
    places = {reference: (_TOPICS[reference.kind], partition, reference.offset) for reference in life.history}
    records = await reader.read(places.values())
    sample = sample_of(life)
    said = {place: _event(record) for place, record in records.items()}
    # the log still has what was redacted: it is not shown
    redactions = [place[2] for place, event in said.items() if event["type"] == "SampleRedacted"]
    for place, event in said.items():
        if life.redacted and place[0] == SAMPLING_EVENTS.name and place[2] < max(redactions, default=place[2] + 1):
            said[place] = {name: it for name, it in event.items() if name not in PEOPLE.get(event["type"], ())}
    return {
        "sample_id": sample_id,
        "sample": sample and json.loads(sample.model_dump_json(exclude_none=True)),
        "history": sorted(
            (
                {
                    "arrived_at": moment_text(records[place].timestamp),
                    "topic": place[0],
                    "partition": place[1],
                    "offset": place[2],
                    "event": said[place],
                }
                for place in places.values()
                if place in records
            ),
            key=lambda entry: (entry["arrived_at"], entry["topic"], entry["offset"]),
        ),
    }


def _event(record: Any) -> dict[str, Any]:
    """What was sent, with its type, source and id, in whichever mode it came."""
    envelope = open_envelope(record.headers, record.value)
    said = {"type": envelope.type, "source": envelope.source, "event_id": envelope.event_id}
    body: dict[str, Any] = json.loads(envelope.data)
    return {name: value for name, value in said.items() if value is not None} | body
