"""The stages of notification: `dispatch` says where each alert's event goes, `deliver` plans what is told when.

All that concerns a destination lies in one partition: its groups, its notification log, and the order of its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgpack
import msgspec
from redis.asyncio import Redis

from schemas.alerts import AlertEvent, Notified
from schemas.notifications import Delivery
from schemas.structs import struct_of
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, DELIVERIES, NOTIFICATIONS
from services.alerts.domain import owner_of
from services.alerts.notify import store
from services.alerts.notify.deliveries import EVERYWHERE, FINAL, Deliveries, Key, moment_ms
from services.alerts.notify.dispatch import NotificationFacts, dispatch, report
from services.alerts.notify.routing import NOWHERE, Routing
from services.alerts.notify.suppression import Suppression
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Taken
from services.runtime.messages import Message, Writer
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record, Replay

SERVICE = "alerts"
#: Who sends Notified.
SENDER = "samplewatch/alerts/delivery"
DeliveryFacts = struct_of(Delivery)
Reached = dict[str, tuple[int, list[str]]]

_encode = msgspec.json.Encoder().encode


def home_of_destination(destination: str) -> int:
    """The partition that owns a destination."""
    return home_of(destination.encode(), PARTITIONS)


class _Outgoing:
    """Writes notifications to the partition of their destination, or to all."""

    def __init__(self) -> None:
        self._writer = Writer(NOTIFICATIONS, SERVICE)

    def messages(self, notification: Any) -> list[Message]:
        """The notification as messages."""
        about = notification.alert if notification.alert is not None else notification.notice
        key = f"{notification.destination}|{about.alert_id}"
        event_id = f"{key}:{about.sequence}"
        everywhere = notification.destination == EVERYWHERE
        homes = range(PARTITIONS) if everywhere else (home_of_destination(notification.destination),)
        return [self._writer.message(home, key, notification, event_id) for home in homes]


class DispatchStage:
    """Alerts' events in; notifications out, keyed by destination."""

    name = store.DISPATCH
    topics = (ALERT_EVENTS.name,)
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, routing: Callable[[], Routing]) -> None:
        self._routing = routing
        self._events = InnerTopic(ALERT_EVENTS, struct_of(AlertEvent), SERVICE)
        self._outgoing = _Outgoing()

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads alerts' events."""
        return self._events.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Reached:
        """What has been dispatched of the alerts."""
        ids = [item.event.alert_id for item in inputs if isinstance(item, Taken)]
        return await store.load_reached(redis, partition, ids)

    def fold(self, state: Reached, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Sends each event where it leads; one that was seen before leads nowhere."""
        reached, routing, changes = dict(state), self._routing(), Changes()

        def take(item: Taken) -> None:
            event = item.event
            sequence, before = reached.get(event.alert_id, (0, []))
            if event.sequence <= sequence or routing is NOWHERE:
                return
            found, destinations = dispatch(routing, event, before)
            reached[event.alert_id] = event.sequence, destinations
            changes.put[store.reached_key(partition)][event.alert_id] = msgpack.packb([event.sequence, destinations])
            for notification in found:
                changes.messages += self._outgoing.messages(notification)

        self._events.fold(changes, inputs, take)
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""


class DeliverStage:
    """Notifications and deliveries in; planned messages (kept in Redis for the sender) and Notified commands out."""

    name = store.DELIVER
    topics = (NOTIFICATIONS.name, DELIVERIES.name)
    # a delivery comes after the notification that it is of, and what follows depends on it
    replay = Replay.ARRIVAL
    pause_seconds = 0.0

    def __init__(self, routing: Callable[[], Routing]) -> None:
        self._routing = routing
        self._notifications = InnerTopic(NOTIFICATIONS, NotificationFacts, SERVICE, check=_about_something)
        self._deliveries = InnerTopic(DELIVERIES, DeliveryFacts, SERVICE)
        self._outgoing = _Outgoing()
        self._commands = _Commands()

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads notifications, or deliveries."""
        reader = self._notifications if records[0].topic == NOTIFICATIONS.name else self._deliveries
        return reader.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Deliveries:
        """What the inputs touch."""
        events = [item.event for item in inputs if isinstance(item, Taken)]
        deliveries = [event for event in events if isinstance(event, DeliveryFacts)]
        notifications = [event for event in events if not isinstance(event, DeliveryFacts)]
        keys = [Key(event.destination, _about(event).alert_id) for event in notifications]
        state = await store.load_touched(redis, partition, keys, deliveries)
        groups = {event.group for event in events} | {heard.group_id for heard in state.heard.values()}
        await store.load_groups(redis, partition, groups, state)
        await store.load_digested(redis, partition, keys, state)
        return state

    def fold(self, state: Deliveries, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Puts alerts into their groups, and keeps the notification log."""
        state, changes = state.copy(), Changes()

        def take_notification(item: Taken) -> None:
            state.take_notification(item.event, _encode(_about(item.event)), item.record.timestamp)

        def take_delivery(item: Taken) -> None:
            delivery = item.event
            new = state.take_delivery(delivery)
            if delivery.outcome == "delivered":
                changes.messages += self._commands.notified(delivery)
            elif new and delivery.outcome not in FINAL:
                failing, at = delivery.outcome == "failing", moment_ms(delivery.at)
                for notification in report(
                    self._routing(), delivery.destination, failing, at, delivery.reason or delivery.channel
                ):
                    changes.messages += self._outgoing.messages(notification)

        if inputs and inputs[0].record.topic == NOTIFICATIONS.name:
            self._notifications.fold(changes, inputs, take_notification)
        else:
            self._deliveries.fold(changes, inputs, take_delivery)
        store.note_changes(changes, partition, state)
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Deliveries:
        """The groups that are due, whole."""
        return await store.load_due(redis, partition, members)

    def fold_due(self, state: Deliveries, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """Plans what the groups have to say now."""
        state, changes, routing = state.copy(), Changes(), self._routing()
        changes.timers.update(dict.fromkeys(members))
        suppression = Suppression(routing.silences, routing.inhibitions, tuple(state.sources.values()))
        state.look(members, suppression, now)
        store.note_changes(changes, partition, state)
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""


class _Commands:
    """Writes Notified to alerts.commands.v1, by which an alert learns that somebody has been told."""

    _TYPE = Notified.__name__

    def notified(self, delivery: Any) -> list[Message]:
        """One command for each alert of a delivered message that waits to be told to somebody."""
        receiver, _, channel = delivery.destination.rpartition("/")
        found = []
        for told in delivery.alerts:
            owner = owner_of(told.alert_id)
            if told.state != "raised" or owner is None or owner >= PARTITIONS:
                continue
            body = {
                "type": self._TYPE,
                "alert_id": told.alert_id,
                "by": SENDER,
                "at": delivery.at,
                "sequence": told.sequence,
                "receiver": receiver,
                "channel": channel,
            }
            # the same whoever was told, so that one of several is taken and the others are duplicates
            identity = f"{told.alert_id}:{told.sequence}:notified"
            headers = (
                ("ce_specversion", b"1.0"),
                ("ce_type", self._TYPE.encode()),
                ("ce_source", SENDER.encode()),
                ("ce_id", identity.encode()),
                ("content-type", b"application/json"),
            )
            found.append(Message(ALERT_COMMANDS.name, owner, told.alert_id.encode(), _encode(body), headers))
        return found


def _about(notification: Any) -> Any:
    return notification.alert if notification.alert is not None else notification.notice


def _about_something(notification: Any) -> None:
    if _about(notification) is None:
        raise ValueError("names neither an alert nor a notice")
