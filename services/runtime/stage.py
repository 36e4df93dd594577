"""What a service plugs into the runtime: how a batch is read, what state it needs, and what follows from both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from redis.asyncio import Redis

from services.runtime.messages import Message

I = TypeVar("I")  # noqa: E741  what a record is read as
S = TypeVar("S")  # the state that a batch needs


class Record(Protocol):
    """A record as fetched: key and value are raw bytes, `timestamp` is in milliseconds."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(slots=True)
class Changes:
    """What follows from a batch: changes to the partition's state in Redis, and messages.

    put, delete: hash key -> fields. add: index key -> name -> field -> increment; the counts of a name are the hash
    ``<index key>:<name>``, and the set at the index key lists the names. counted: how far each metric, a counter with
    its labels, goes up once the batch is applied. rejected: how many records of each source became dead letters.
    """

    put: dict[str, dict[str | bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    delete: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    add: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    )
    messages: list[Message] = field(default_factory=list)
    counted: Counter[tuple[Any, tuple[str, ...]]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


class Stage(Protocol, Generic[I, S]):
    """One consuming step. Its state lives under `state_key(name, partition, ...)`; all but `load` is pure."""

    @property
    def name(self) -> str: ...
    @property
    def topics(self) -> tuple[str, ...]: ...
    @property
    def ordered(self) -> bool:
        """Whether what follows depends on the order of the topics, so that a replay has to keep it."""
        ...

    @property
    def pause_seconds(self) -> float:
        """How long a partition rests after each batch, so that more comes together for the next one."""
        ...

    def decode(self, records: Sequence[Record]) -> list[I]:
        """Reads the records of one partition of one topic. Never raises for what a producer sent."""
        ...

    async def load(self, redis: Redis, partition: int, inputs: Sequence[I]) -> S:
        """Reads the state that the inputs touch."""
        ...

    def fold(self, state: S, partition: int, inputs: Sequence[I], version: int) -> Changes:
        """What follows. May be called again with fresher state, so it changes nothing but what it returns."""
        ...

    def forget(self, partition: int) -> None:
        """Drops what is remembered of a partition's state: another worker, or a rollback, may have changed it."""
        ...


def state_key(stage: str, partition: int, *parts: str) -> str:
    """A Redis key of a stage's partition. The braces keep a partition's keys on one node of a Redis Cluster."""
    return ":".join((f"sw:{{{stage}:{partition}}}", *parts))
