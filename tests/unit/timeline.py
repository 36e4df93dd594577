"""Timelines in the manner of Alertmanager's acceptance tests: at this time, give or take, this receiver has got this.

The stages are the real ones, run in memory by a clock that tests move; only the sending is simulated: receivers take
what they get, or are down. Times are seconds since the beginning of the timeline.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.alerts import AlertEvent
from schemas.notifications import Delivery
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, DELIVERIES, NOTIFICATIONS
from services.alerts.notify import store
from services.alerts.notify.courier import WELL, Health, Patience
from services.alerts.notify.groups import Planned
from services.alerts.notify.live import LiveConfiguration
from services.alerts.notify.rendering import Text, render
from services.alerts.notify.stages import DeliverStage, DispatchStage, home_of_destination
from services.runtime.calendar import SHANGHAI, moment_of
from services.runtime.settings import PARTITIONS
from tests.memory import FakeRecord, FakeRedis, MemoryShard

#: A Monday of a working week.
START = "2026-03-09T09:00:00+08:00"
RECEIVERS = """
receivers:
  duty: {channels: {hook: json://duty.test}}
  county: {channels: {hook: json://county.test}}
  city: {channels: {hook: json://city.test}}
  desk: {channels: {hook: json://desk.test}}
  digest: {channels: {hook: json://digest.test}, digest: {hours: ["08:30", "17:00"]}}
  operations: {channels: {hook: json://operations.test}}
"""


class MemoryRedis(FakeRedis):
    """With what the stages of notification read besides."""

    async def hgetall(self, key: str) -> dict[bytes, Any]:
        return {name.encode(): value for name, value in self.hashes[key].items()}


@dataclass
class Received:
    """A message that a receiver has taken, `at` seconds after the beginning."""

    at: float
    destination: str
    lines: list[tuple[str, str]]
    planned: Planned

    def text(self, language: str = "zh") -> Text:
        """As a person reads it."""
        return render(self.planned, language)


@dataclass
class Timeline:
    """A simulated world of alerts, receivers and one clock."""

    folder: Path
    routes: str
    receivers: str = RECEIVERS
    start: str = START
    sent: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write(self.routes, self.receivers)
        self.live = LiveConfiguration(self.folder / "routes.yaml", {})
        self.began = self.now = _ms(self.start)
        self.down: set[str] = set()
        self.commands: list[dict[str, Any]] = []
        self._alerts: dict[str, dict[str, Any]] = {}
        self._logs: dict[tuple[str, int], list[FakeRecord]] = defaultdict(list)
        self._health: dict[str, Health] = {}
        self._new_process()
        self._unseen: list[Received] = []

    # the configuration

    def write(self, routes: str, receivers: str | None = None) -> None:
        """Puts other files into the folder; `reload` reads them."""
        (self.folder / "routes.yaml").write_text(routes, "utf-8")
        if receivers is not None:
            (self.folder / "receivers.yaml").write_text(receivers, "utf-8")

    def reload(self, routes: str, receivers: str | None = None) -> bool:
        """Whether the new files are in force now."""
        self.write(routes, receivers)
        return self.live.refresh(force=True)

    # alerts

    def alert(self, name: str, **fields: Any) -> None:
        """Raises an alert; fields are those of AlertEvent."""
        base: dict[str, Any] = {
            "alert_id": f"00-{name}",
            "sequence": 0,
            "kind": "failed_sample",
            "rule": "failed_sample",
            "subject": name,
            "epoch": "1",
            "state": "raised",
            "status": "Actual",
            "category": "Health",
            "event": {"zh": "样品不合格", "en": "failed sample"},
            "severity": "Severe",
            "urgency": "Expected",
            "certainty": "Observed",
            "headline": {"zh": f"{name} 不合格", "en": f"{name} failed"},
            "description": {"zh": name, "en": name},
            "instruction": {"zh": "封存", "en": "seal it"},
            "area": "621002101",
            "level": "township",
            "domain": "food",
            "plan": "supervision",
            "measure": "qualification",
            "sample_id": f"S-{name}",
            "product_name": name,
            "item_class": "heavy_metal",
            "source": "synthetic:test",
            "changed_by": "samplewatch/alerts",
            "raised_at": self.iso,
        }
        self._alerts[name] = {**base, **self._alerts.get(name, {}), "state": "raised", **fields}
        self.change(name, "raised")

    def change(self, name: str, transition: str, **fields: Any) -> None:
        """The next event of an alert's life."""
        alert = self._alerts[name]
        alert |= fields
        alert["sequence"] += 1
        kind = {"raised": "Alert", "cancelled": "Cancel"}.get(transition, "Update")
        event = AlertEvent.model_validate(
            {
                **alert,
                "event_id": f"{alert['alert_id']}:{alert['sequence']}",
                "transition": transition,
                "msg_type": kind,
                "changed_at": self.iso,
            }
        )
        self._publish(ALERT_EVENTS.name, 0, event.model_dump_json(exclude_none=True).encode())

    def level_of(self, name: str) -> str:
        """Who the alert is with."""
        return str(self._alerts[name]["level"])

    def escalate(self, name: str, level: str) -> None:
        """Nobody has acknowledged it."""
        self.change(name, "escalated", level=level)

    def acknowledge(self, name: str) -> None:
        """Somebody takes it on."""
        self.change(name, "acknowledged", state="acknowledged")

    def cancel(self, name: str) -> None:
        """The verdict is overturned."""
        self.change(name, "cancelled", state="cancelled", reason="the verdict was overturned")

    def close(self, name: str) -> None:
        """The matter is settled."""
        self.change(name, "closed", state="closed", reason="done")

    def silence(self, name: str, until: float) -> None:
        """No messages about the alert until then."""
        self.change(name, "silenced", silenced_until=moment_of(self.began + int(until * 1000)).isoformat())

    # time

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return (self.now - self.began) / 1000

    @property
    def iso(self) -> str:
        """The moment it is now."""
        return moment_of(self.now).astimezone(SHANGHAI).isoformat()

    def run(self, until: float) -> None:
        """Lets time pass: what is due is planned, what is planned is sent."""
        end = self.began + int(until * 1000)
        while True:
            self._send()
            due = self._next_due()
            if due > end:
                break
            self.now = max(self.now, int(due))
            for shard in self._deliver.values():
                self._spread(shard.fire(self.now))
        self.now = end

    def run_to(self, moment: str) -> None:
        """Lets time pass until a moment in ISO 8601."""
        self.run((_ms(moment) - self.began) / 1000)

    # what goes wrong

    def kill(self) -> None:
        """kill -9 and a restart: what the process remembered is gone, and its outbox is published once more."""
        self._health.clear()
        for topic in (ALERT_EVENTS.name, NOTIFICATIONS.name, DELIVERIES.name):
            for number in range(PARTITIONS):
                for record in list(self._logs[topic, number])[-5:]:
                    self._publish(topic, number, record.value or b"")

    def wipe(self) -> None:
        """Redis is emptied: all is read again from Kafka, each partition's topics by their time of arrival."""
        self._new_process()
        old = {place: list(records) for place, records in self._logs.items()}
        for number, shard in self._deliver.items():
            records = [
                record for topic in (NOTIFICATIONS.name, DELIVERIES.name) for record in old.get((topic, number), ())
            ]
            for record in sorted(records, key=lambda record: (record.timestamp, record.topic != NOTIFICATIONS.name)):
                shard.feed([record])
        for record in old.get((ALERT_EVENTS.name, 0), ()):
            self._spread(self._dispatch.feed([record]))

    # what receivers have got

    def got(self, receiver: str, within: tuple[float, float], *lines: tuple[str, str]) -> Received:
        """One message of these lines (news, alert), in any order, between the two times; takes it off the list."""
        for received in self._unseen:
            if received.destination.partition("/")[0] == receiver and sorted(received.lines) == sorted(lines):
                low, high = within
                assert low <= received.at <= high, f"{receiver} got {lines} at {received.at}, not from {low} to {high}"
                self._unseen.remove(received)
                return received
        raise AssertionError(f"{receiver} has not got {lines}; there is {self._told()}")

    def nothing_else(self) -> None:
        """Nobody has got anything that was not asked for."""
        assert not self._unseen, f"unexpected: {self._told()}"

    def _told(self) -> list[tuple[float, str, list[tuple[str, str]]]]:
        return [(received.at, received.destination, received.lines) for received in self._unseen]

    # the machinery

    def _new_process(self) -> None:
        self._health = {}
        self._dispatch = MemoryShard(DispatchStage(lambda: self.live.routing), 0, MemoryRedis())
        self._deliver = {
            number: MemoryShard(DeliverStage(lambda: self.live.routing), number, MemoryRedis())
            for number in range(PARTITIONS)
        }

    def _publish(self, topic: str, partition: int, value: bytes) -> None:
        log = self._logs[topic, partition]
        record = FakeRecord(topic, len(log), b"key", value, partition=partition, timestamp=self.now)
        log.append(record)
        shard = self._dispatch if topic == ALERT_EVENTS.name else self._deliver[partition]
        self._spread(shard.feed([record]))

    def _spread(self, messages: Sequence[Any]) -> None:
        for message in messages:
            if message.topic == ALERT_COMMANDS.name:
                self._take_command(msgspec.json.decode(message.value))
            else:
                assert message.topic == NOTIFICATIONS.name, message
                self._publish(message.topic, message.partition, message.value)

    def _take_command(self, command: dict[str, Any]) -> None:
        """As the alerts stage takes Notified: the first one moves the alert on."""
        self.commands.append(command)
        name = command["alert_id"].removeprefix("00-")
        if self._alerts[name]["state"] == "raised":
            self.change(name, "notified", state="notified", notified_at=command["at"])

    def _planned(self) -> dict[str, list[Planned]]:
        found: dict[str, list[Planned]] = defaultdict(list)
        for number, shard in self._deliver.items():
            for name, packed in shard.redis.hashes[store.key_of(number, "planned")].items():
                planned = store.unpack_planned(name, packed)
                found[planned.destination].append(planned)
        return {name: sorted(queue, key=lambda p: (p.at, p.number)) for name, queue in found.items()}

    def _next_due(self) -> float:
        timers = [due for shard in self._deliver.values() for due in shard.redis.timers.values()]
        tries = [self._health.get(name, WELL).next_try for name in self._planned()]
        return min((*timers, *tries), default=math.inf)

    def _send(self) -> None:
        while any(self._send_first(name, queue[0]) for name, queue in self._planned().items()):
            pass

    def _send_first(self, destination: str, planned: Planned) -> bool:
        health = self._health.get(destination, WELL)
        if health.next_try > self.now:
            return False
        spec = self.live.current.delivery
        patience = Patience(spec.dead_after_failures, int(spec.dead_after * 1000), int(spec.give_up * 1000))
        if destination.partition("/")[0] in self.down:
            after = self._health[destination] = patience.failed(health, self.now, 0.5)
            if after.dead and not health.dead:
                self._record(destination, "failing", f"f{self.now}", after.failures)
            if patience.gives_up(planned.at, self.now):
                self._record(destination, "abandoned", planned.planned_id, after.failures, planned)
            return False
        lines = [(line.news, line.item.alert_id.removeprefix("00-")) for line in planned.lines]
        received = Received(self.seconds, destination, [(str(news), name) for news, name in lines], planned)
        self.sent.append(received)
        self._unseen.append(received)
        self._health[destination] = WELL
        self._record(destination, "delivered", planned.planned_id, health.failures + 1, planned)
        if health.dead:
            self._record(destination, "recovered", f"r{self.now}", health.failures)
        return True

    def _record(
        self, destination: str, outcome: str, identity: str, attempts: int, planned: Planned | None = None
    ) -> None:
        alerts = [
            {
                "alert_id": line.item.alert_id,
                "sequence": line.item.sequence,
                "news": line.news,
                "state": line.item.state,
                "level": line.item.level,
                "mark": line.item.mark,
            }
            for line in (planned.lines if planned else ())
        ]
        delivery = Delivery.model_validate(
            {
                "delivery_id": identity,
                "destination": destination,
                "group": planned.group_id if planned else "channel",
                "number": planned.number if planned else 0,
                "outcome": outcome,
                "at": self.iso,
                "attempts": attempts,
                "channel": "json",
                "alerts": alerts,
            }
        )
        value = delivery.model_dump_json(exclude_none=True).encode()
        self._publish(DELIVERIES.name, home_of_destination(destination), value)


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def labels(**values: str) -> Mapping[str, str]:
    """Labels of an alert, for tests of the tree alone."""
    return values
