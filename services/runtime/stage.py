"""What a service plugs into the runtime: how a batch is read, what state it needs, and what follows from both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

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

    put, delete: hash key -> fields. add: hash key -> field -> code of a daily count -> increment, or those packed; a
    field holds its counts as `packed_counts` describes, and goes when they are all zero. counted: how far each metric,
    a counter with its labels, goes up once the batch is applied. observed: what each histogram with its labels then
    observes. newest: the moment, in seconds since the epoch, that a gauge is then set to. rejected: how many records of
    each source became dead letters. timers: when each timer of the partition is due, in milliseconds since the epoch;
    None removes it. quiet: the messages that the batch leads to have been published and counted before, and are left
    out.
    """

    put: dict[str, dict[str | bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    delete: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    add: dict[str, dict[str | bytes, dict[int, int] | bytes]] = field(default_factory=lambda: defaultdict(dict))
    messages: list[Message] = field(default_factory=list)
    counted: Counter[tuple[Any, tuple[str, ...]]] = field(default_factory=Counter)
    observed: list[tuple[Any, tuple[str, ...], float]] = field(default_factory=list)
    newest: dict[Any, float] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    timers: dict[str, int | None] = field(default_factory=dict)
    quiet: bool = False


class Replay(Enum):
    """In which order a partition's topics are applied until each has reached the end that it had when reading began.

    ANY: as they are fetched. TURN: what there is of a topic before any of those that the stage names after it.
    ARRIVAL: merged by their times of arrival, which cuts batches to a few records where topics grew side by side.
    """

    ANY = "any"
    TURN = "turn"
    ARRIVAL = "arrival"


class Stage(Protocol, Generic[I, S]):
    """One consuming step. Its state lives under `state_key(name, partition, ...)`; all but `load` is pure."""

    @property
    def name(self) -> str: ...
    @property
    def topics(self) -> tuple[str, ...]: ...
    @property
    def replay(self) -> Replay:
        """In which order the topics are read while they catch up."""
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


@runtime_checkable
class TimedStage(Protocol, Generic[S]):
    """What a stage has besides, whose changes set timers: what is due is folded like a batch, and so takes effect once,
    whatever ends meanwhile.

    Nothing is due before the partition has caught up with its topics, so that what removes a timer comes first.
    """

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> S:
        """Reads the state that the timers are about."""
        ...

    def fold_due(self, state: S, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """What follows from timers that were due by `now`, in milliseconds since the epoch. Removes each of them, or
        sets it to a later moment. Pure, as `fold`."""
        ...


@runtime_checkable
class QuietStage(Protocol):
    """What a stage has besides, whose messages say how things stand after the inputs, in whatever order those came: a
    rebuild comes to what it has said before, and keeps quiet."""

    def fold_quietly(self, state: Any, partition: int, inputs: Sequence[Any], version: int) -> Changes:
        """As `fold`, for inputs whose messages have been published, as those of all inputs before them: the changes to
        the state alone, and messages that do not follow from the inputs alone."""
        ...


@runtime_checkable
class BackgroundStage(Protocol):
    """A stage whose results may wait while others have something to do, and rest on theirs: it begins once those of the
    process have caught up. Between steps of a few milliseconds it calls `give_way`, which the engine sets."""

    give_way: Callable[[], Awaitable[None]]


#: The keys of all stages, as a pattern of Redis.
STATE_KEYS = "sw:*"


def state_key(stage: str, partition: int, *parts: str) -> str:
    """A Redis key of a stage's partition. The braces keep a partition's keys on one node of a Redis Cluster."""
    return ":".join((f"sw:{{{stage}:{partition}}}", *parts))
