"""Reads dead letters, and sends them once more to where they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import TopicPartition

from schemas.cloudevents import claimed_identity
from schemas.topics import DEAD_LETTERS
from services.runtime.topic_reading import offsets_since, partitions_of, reading_consumer, records_to_end
from services.runtime.topic_writing import Writer

_CLIENT = "samplewatch-dlq"
#: Headers that the services added: the reason for the dead letter, and the place where a forwarded event first lay.
#: That place must not go along: the answer would be taken for a repeat of the first one.
_ADDED = ("dlq_", "sw_")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. partition and offset say where it lies; `why` holds its dlq_* headers, without the prefix.

    cut: it holds no more than the beginning of its message, and none of its headers.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    why: dict[str, str]
    cut: bool = False

    @property
    def origin(self) -> str:
        """The topic it came from."""
        return self.why.get("topic") or self.topic.removesuffix(".dlq")

    def as_dict(self) -> dict[str, Any]:
        """The letter's row in a list, as a JSON object."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "when": self.why.get("arrived_at"),
            "field": self.why.get("field"),
            "reason": self.why.get("reason"),
            "source": claimed_identity(self.headers, self.value)[0],
        }


class Replayed(NamedTuple):
    """How many messages were sent, how many repeats left out, and the letters that do not hold their whole message."""

    sent: int
    repeats: int
    cut: list[Letter]


def letter_of(record: Any) -> Letter:
    """A record of a dead-letter topic, with its own headers and the added ones told apart."""
    why = {name.removeprefix("dlq_"): (content or b"").decode(errors="replace") for name, content in record.headers}
    return Letter(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple((name, content) for name, content in record.headers if not name.startswith(_ADDED)),
        {name: text for name, text in why.items() if f"dlq_{name}" in dict(record.headers)},
        # the last one is always a service's own
        cut=bool(record.headers) and record.headers[-1][0] == "dlq_cut_from",
    )


def dead_letter_topic(name: str) -> str:
    """The dead-letter topic that is meant by its own name or that of its topic. Raises ValueError."""
    names = [topic.name for topic in DEAD_LETTERS]
    for candidate in (name, f"{name}.dlq"):
        if candidate in names:
            return candidate
    raise ValueError(f"{name} is not a topic with dead letters; those are {', '.join(names)}")


def read_letters(bootstrap: str, topics: Iterable[str]) -> Iterator[Letter]:
    """Every letter that lies in the topics now, those of a partition in order of arrival. Raises NoSuchTopic."""
    with closing(reading_consumer(bootstrap, _CLIENT)) as consumer:
        places = [place for topic in topics for place in partitions_of(consumer, topic)]
        yield from map(letter_of, records_to_end(consumer, offsets_since(consumer, places)))


def read_letter(bootstrap: str, topic: str, partition: int, offset: int) -> Letter | None:
    """The letter at one place, or None where there is none (any more). Raises NoSuchTopic."""
    with closing(reading_consumer(bootstrap, _CLIENT)) as consumer:
        place = TopicPartition(topic, partition)
        if place not in partitions_of(consumer, topic) or offset < 0:
            return None
        found = next(records_to_end(consumer, {place: offset}), None)
        return letter_of(found) if found is not None and found.offset == offset else None


def replay_letters(bootstrap: str, letters: Iterable[Letter]) -> Replayed:
    """Sends each letter's message to the topic it came from.

    Left out are repeats of the same message, which earlier replays may have left behind, and letters that were cut.
    """
    seen: set[bytes] = set()
    sent, repeats = 0, 0
    cut: list[Letter] = []
    with Writer(bootstrap, _CLIENT) as writer:
        for letter in letters:
            if letter.cut:
                cut.append(letter)
                continue
            # a digest of the message, since letters can be very large
            message = hashlib.sha256(repr((letter.origin, letter.key, letter.headers, letter.value is None)).encode())
            message.update(letter.value or b"")
            if message.digest() in seen:
                repeats += 1
                continue
            seen.add(message.digest())
            writer.send(letter.origin, letter.key, letter.value, letter.headers)
            sent += 1
        writer.settle()
    return Replayed(sent, repeats, cut)
