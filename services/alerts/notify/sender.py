"""Sends the planned messages of the partitions that this process owns, and records what became of each.

A message is taken from Redis, claimed, sent, and its outcome written to the notification log (alerts.deliveries.v1);
the deliver stage reads that and takes the message away. If the process dies between the send and the record, the claim
says so: the message is sent once more, with the same id, and after a second such end not again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import msgspec
from redis.asyncio import Redis

from schemas.alerts import AlertEvent
from schemas.notifications import ToldAlert
from schemas.structs import struct_of
from schemas.topics import DELIVERIES
from services.alerts.notify import store
from services.alerts.notify.channels import Channels, kind_of, spacing_ms
from services.alerts.notify.courier import WELL, Health, Patience, held_back
from services.alerts.notify.groups import Planned
from services.alerts.notify.live import LiveConfiguration
from services.alerts.notify.rendering import Text, render
from services.alerts.notify.stages import SERVICE, DeliveryFacts
from services.alerts.values import milliseconds_of, text_of
from services.runtime import faults, metrics
from services.runtime.messages import Message, Writer
from services.runtime.patience import PASSING, persist

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
#: How long sends that are under way may delay the end of the process.
_FINISH_SECONDS = 8.0
#: Sends that were begun and whose end is not known, after which a message is not sent again.
_MOST_CLAIMS = 2
#: Ids remembered of what this process has delivered, should Redis fall back to a time before it was recorded.
_REMEMBERED = 100_000

_CLAIM = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
"""
_Told = struct_of(ToldAlert)
_raised_at = msgspec.json.Decoder(struct_of(AlertEvent, only=("raised_at",))).decode


class Owner(Protocol):
    """Says which partitions of a stage are owned and have caught up."""

    def settled(self, stage: str) -> list[int]: ...


class Publishes(Protocol):
    """Writes messages to Kafka."""

    async def publish(self, messages: list[Message]) -> None: ...


class _Head(NamedTuple):
    """A message that waits: the earliest of a destination is sent first."""

    at: int
    number: int
    planned_id: str
    partition: int
    destination: str


class Sender:
    """Delivers, for each destination one message after the other."""

    def __init__(
        self,
        owner: Owner,
        redis: Redis,
        publisher: Publishes,
        live: LiveConfiguration,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._owner, self._redis, self._publisher, self._live = owner, redis, publisher, live
        self._clock, self._jitter = clock, jitter
        self._channels = Channels()
        self._claim = redis.register_script(_CLAIM)
        self._writer = Writer(DELIVERIES, SERVICE)
        self._heads: dict[str, _Head] = {}
        self._health: dict[str, Health] = {}
        self._failing: set[str] = set()
        #: Claims of former processes on what this one sends: its own is one, however often Redis has to be told.
        self._before: dict[str, int] = {}
        self._done: OrderedDict[str, None] = OrderedDict()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._stopping = False

    async def run(self) -> None:
        """Sends until it is cancelled."""
        try:
            while True:
                try:
                    await self._look()
                except PASSING as error:
                    logger.warning("planned messages could not be read: %s: %s", type(error).__name__, error)
                self._measure()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            # what a server is about to take is recorded, or it would be sent again
            self._stopping = True
            if under_way := [task for task in self._busy.values() if not task.done()]:
                await asyncio.wait(under_way, timeout=_FINISH_SECONDS)
            for task in under_way:
                task.cancel()

    def health(self) -> dict[str, Any]:
        """Destinations that fail, for GET /routes: failures in a row, since when, and when it is tried next."""
        return {
            destination: {
                "failures": h.failures,
                "since": text_of(h.since),
                "next_try": text_of(h.next_try),
                "dead": h.dead,
            }
            for destination, h in sorted(self._health.items())
            if h.failures
        }

    async def _look(self) -> None:
        heads: dict[str, _Head] = {}
        self._failing = set()
        partitions = self._owner.settled(store.DELIVER)
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.hkeys(store.key_of(partition, "planned"))
                pipe.hkeys(store.key_of(partition, "failing"))
            found = await pipe.execute()
        for partition, ids, failing in zip(partitions, found[::2], found[1::2], strict=True):
            names: set[str] = {name.decode() for name in ids}
            heads |= {name: self._heads[name] for name in names if name in self._heads}
            for name in names - self._heads.keys():
                if (planned := await self._planned(partition, name)) is not None:
                    heads[name] = _Head(planned.at, planned.number, name, partition, planned.destination)
            self._failing |= {name.decode() for name in failing}
        self._heads = heads
        self._before = {name: before for name, before in self._before.items() if name in heads}
        queues: dict[str, list[_Head]] = defaultdict(list)
        for head in heads.values():
            if head.planned_id not in self._done:
                queues[head.destination].append(head)
        now = self._now()
        for destination, queue in queues.items():
            task = self._busy.get(destination)
            if (task is None or task.done()) and self._health.get(destination, WELL).next_try <= now:
                self._busy[destination] = asyncio.create_task(self._work(sorted(queue)))

    async def _work(self, queue: list[_Head]) -> None:
        """Sends what waits of one destination, in order, until something fails or has to wait."""
        for head in queue:
            try:
                if not await self._deliver(head):
                    return
            except PASSING as error:
                logger.warning("a message could not be recorded: %s: %s", type(error).__name__, error)
                return
            except Exception:
                logger.exception("a message could not be sent")
                self._health[head.destination] = self._patience.failed(
                    self._health.get(head.destination, WELL), self._now(), self._jitter()
                )
                return

    async def _deliver(self, head: _Head) -> bool:
        """One attempt; returns whether the next message may follow at once."""
        if self._stopping or head.partition not in self._owner.settled(store.DELIVER):
            return False
        keys = [store.key_of(head.partition, "planned"), store.key_of(head.partition, "claims")]
        if (before := self._before.get(head.planned_id)) is None:
            before = int(await cast(Any, self._redis.hget(keys[1], head.planned_id)) or 0)
            self._before[head.planned_id] = before
        claims = before + 1
        claimed = await self._claim(keys=keys, args=[head.planned_id, claims])
        planned = await self._planned(head.partition, head.planned_id) if claimed else None
        if planned is None:
            return True  # another process has delivered it
        faults.reached("sender", "claimed")
        address = self._live.current.addresses.get(head.destination)
        if claims > _MOST_CLAIMS:
            await self._record(head, planned, "unknown", claims, "the process ended twice while it was being sent")
            return True
        if address is None:
            await self._record(head, planned, "abandoned", 0, "the routes no longer have this receiver")
            return True
        kind, timeout = kind_of(address), self._live.current.delivery.timeout
        started = time.perf_counter()
        result = await self._channels.send(address, head.planned_id, self._text(planned), timeout)
        metrics.SEND_SECONDS.labels(kind).observe(time.perf_counter() - started)
        faults.reached("sender", "sent")
        health, now = self._health.get(head.destination, WELL), self._now()
        if result.delivered:
            await self._record(head, planned, "delivered", health.failures + 1, None)
            faults.reached("sender", "recorded")
            if health.dead or head.destination in self._failing:
                await self._report(head, "recovered", health, None)
                self._failing.discard(head.destination)
            self._health[head.destination] = held_back(WELL, now + spacing_ms(address))
            return not spacing_ms(address)
        if result.hopeless:
            # the channel works, and what comes after must not wait for it
            logger.error("%s: a message is too long for the server: %s", kind, result.reason)
            await self._record(head, planned, "abandoned", health.failures + 1, result.reason)
            self._health[head.destination] = held_back(health, now + spacing_ms(address))
            return not spacing_ms(address)
        # waited for: a claim that stays would count as a process that died
        await persist(lambda: cast(Any, self._redis.hset(keys[1], head.planned_id, before)), "sender")
        self._before.pop(head.planned_id, None)
        metrics.SENT.labels(kind, "failed").inc()
        logger.warning("%s: a message failed, %d in a row: %s", kind, health.failures + 1, result.reason)
        after = self._patience.failed(health, now, self._jitter())
        self._health[head.destination] = after
        if after.dead and not health.dead and head.destination not in self._failing:
            await self._report(head, "failing", after, result.reason)
        if self._patience.gives_up(head.at, now):
            await self._record(head, planned, "abandoned", after.failures, result.reason)
        return False

    def _text(self, planned: Planned) -> Text:
        receiver = self._live.routing.receivers.get(planned.destination.rpartition("/")[0])
        try:
            return render(planned, receiver.language if receiver else "zh")
        except Exception:
            # a message that reads badly is better than none
            logger.exception("a message could not be rendered by its template")
            names = [line.item.alert_id for line in planned.lines]
            return Text(f"{len(names)} 条预警 / alerts", "\n".join(names[:100]), "Severe")

    async def _record(self, head: _Head, planned: Planned, outcome: str, attempts: int, reason: str | None) -> None:
        """Writes the outcome; once that is acknowledged, the message is never sent again."""
        alerts = tuple(
            _Told(
                alert_id=line.item.alert_id,
                sequence=line.item.sequence,
                news=line.news,
                state=cast(Any, line.item.state),
                level=cast(Any, line.item.level),
                mark=line.item.mark,
            )
            for line in planned.lines
        )
        await self._write(head, planned.planned_id, planned.group_id, planned.number, outcome, attempts, reason, alerts)
        self._channels.forget(head.planned_id)
        self._done[head.planned_id] = None
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        metrics.SENT.labels(self._kind(head.destination), outcome).inc()
        for line in planned.lines:
            if line.news == "raised" and line.item.labels.get("urgency") == "Immediate":
                raised = milliseconds_of(_raised_at(line.item.body).raised_at)
                waited = max(0, self._now() - raised) / 1000
                metrics.URGENT_SECONDS.labels(self._kind(head.destination)).observe(waited)

    async def _report(self, head: _Head, outcome: str, health: Health, reason: str | None) -> None:
        """Says that the channel fails, or works again."""
        if outcome == "failing":
            reason = f"{health.failures} failures since {text_of(health.since)}, the last: {reason}"
        logger.error("%s: a channel is %s", self._kind(head.destination), outcome)
        identity = f"{head.destination}:{outcome}:{self._now()}"[:200]
        await self._write(head, identity, "channel", 0, outcome, health.failures, reason, ())

    async def _write(
        self,
        head: _Head,
        identity: str,
        group: str,
        number: int,
        outcome: str,
        attempts: int,
        reason: str | None,
        alerts: tuple[Any, ...],
    ) -> None:
        delivery = DeliveryFacts(
            delivery_id=identity,
            destination=head.destination,
            group=group,
            number=number,
            outcome=cast(Any, outcome),
            at=text_of(self._now()),
            attempts=attempts,
            channel=self._kind(head.destination),
            reason=reason,
            alerts=alerts,
        )
        message = self._writer.message(head.partition, identity, delivery, identity)
        # waited for: what was sent and not recorded would be sent again
        await persist(lambda: self._publisher.publish([message]), "sender")

    async def _planned(self, partition: int, planned_id: str) -> Planned | None:
        packed = await cast(Any, self._redis.hget(store.key_of(partition, "planned"), planned_id))
        return store.unpack_planned(planned_id, packed) if packed is not None else None

    def _kind(self, destination: str) -> str:
        return kind_of(self._live.current.addresses.get(destination, "unknown:"))

    @property
    def _patience(self) -> Patience:
        spec = self._live.current.delivery
        return Patience(spec.dead_after_failures, int(spec.dead_after * 1000), int(spec.give_up * 1000))

    def _measure(self) -> None:
        waiting: dict[str, list[int]] = defaultdict(list)
        for head in self._heads.values():
            if head.planned_id not in self._done:
                waiting[self._kind(head.destination)].append(head.at)
        dead: dict[str, int] = defaultdict(int)
        for destination in self._failing:
            dead[self._kind(destination)] += 1
        for kind in {kind_of(address) for address in self._live.current.addresses.values()} | waiting.keys():
            metrics.URGENT_SECONDS.labels(kind)  # from zero, so that the first one is an increase
            for outcome in ("delivered", "failed", "abandoned", "unknown"):
                metrics.SENT.labels(kind, outcome)
            metrics.WAITING.labels(kind).set(len(waiting[kind]))
            oldest = min(waiting[kind], default=None)
            metrics.OLDEST_SECONDS.labels(kind).set(0 if oldest is None else (self._now() - oldest) / 1000)
            metrics.DEAD_CHANNELS.labels(kind).set(dead[kind])

    def _now(self) -> int:
        return int(self._clock() * 1000)
