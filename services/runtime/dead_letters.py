"""Dead letters: what could not be taken, kept as it came, with the reason."""

from __future__ import annotations

from schemas.receipts import DeadLetter
from schemas.topics import MAX_MESSAGE_BYTES, Topic
from services.runtime import metrics
from services.runtime.calendar import moment_of
from services.runtime.messages import Message
from services.runtime.stage import Changes, Record

_REASON_LENGTH = 500
#: How much is kept of a value that is too large for any topic.
_CUT_BYTES = 1024 * 1024


def bury(
    changes: Changes, topic: Topic, record: Record, service: str, field: str, reason: str, source: str = ""
) -> None:
    """Puts the record untouched into the topic's dead letters, with headers that say where it lay and why.

    Only of a record that was larger than any topic takes, before it was compressed, no more than the beginning is kept.
    """
    if changes.quiet:
        return
    letter = DeadLetter(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        field=field,
        reason=shortened(reason),
        service=service,
        arrived_at=moment_of(record.timestamp),
    )
    changes.rejected[source] += 1
    changes.counted[metrics.DEAD_LETTERS, (topic.name, field.partition(".")[0])] += 1
    why = tuple((f"dlq_{name}", str(value).encode()) for name, value in letter.model_dump(mode="json").items())
    key, value, headers = record.key, record.value, (*record.headers, *why)
    if (size := size_of(record)) > MAX_MESSAGE_BYTES:
        # only compressed could it come in, and compressed otherwise it might never go out
        key, value = (part and part[:_CUT_BYTES] for part in (key, value))
        headers = (*why, ("dlq_cut_from", b"%d" % size))
    changes.messages.append(Message(topic.dead_letters, record.partition, key, value, headers))


def size_of(record: Record) -> int:
    """The record's bytes, before compression."""
    headers = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def shortened(reason: str) -> str:
    """A reason may quote what was sent, which may be of any size."""
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"
