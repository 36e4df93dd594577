"""What a partition knows of its destinations: groups, what each was told, what is planned. Pure: no I/O, no clock.

Inputs are notifications (an alert that a destination may have to hear of), groups that are due, and deliveries (what
became of a message). All moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.alerts.notify.groups import Group, Member, Planned, arrive, delivered, flush
from services.alerts.notify.items import Item, Told, item_of, news_of, notice_item
from services.alerts.notify.suppression import Suppression

#: The destination of what every partition must know.
EVERYWHERE = "*"
#: Outcomes after which a message is not sent again.
FINAL = ("delivered", "unknown", "abandoned")


class Heard(NamedTuple):
    """What a destination has of an alert: the group it is in there, its highest sequence, and what was told of it."""

    group_id: str = ""
    sequence: int = 0
    told: Told | None = None


class Key(NamedTuple):
    """A destination and an alert."""

    destination: str
    alert_id: str

    def __str__(self) -> str:
        return f"{self.destination}|{self.alert_id}"


@dataclass(slots=True)
class Deliveries:
    """The part of the state that is at hand, and which of it has changed.

    groups by id; members by group and alert; heard by destination and alert; sources: open alerts that may inhibit;
    planned: messages that are not delivered yet, by id; failing: destinations that fail, and since when.
    """

    groups: dict[str, Group] = field(default_factory=dict)
    members: dict[str, dict[str, Member]] = field(default_factory=lambda: defaultdict(dict))
    heard: dict[Key, Heard] = field(default_factory=dict)
    sources: dict[str, Item] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    changed: set[tuple[str, Any]] = field(default_factory=set)

    def copy(self) -> Deliveries:
        """The same state, to be changed apart."""
        members: dict[str, dict[str, Member]] = defaultdict(dict)
        members.update({group_id: dict(inside) for group_id, inside in self.members.items()})
        return Deliveries(
            dict(self.groups), members, dict(self.heard), dict(self.sources), dict(self.planned), dict(self.failing)
        )

    def take_notification(self, notification: Any, body: bytes, now: int) -> None:
        """An alert that the destination may have to hear of; `body` is the alert as JSON, `now` when it arrived."""
        item = _item(notification, body)
        if notification.destination == EVERYWHERE:
            self._take_source(item)
            return
        key = Key(notification.destination, item.alert_id)
        heard = self.heard.get(key, Heard())
        if item.sequence <= heard.sequence:
            return
        if item.follow_up and heard.told is None:
            # it has gone on to somebody else before this destination was told
            self._hear(key, heard._replace(sequence=item.sequence))
            self._remove(heard.group_id, item.alert_id)
            return
        group_id = heard.group_id or notification.group
        self._hear(key, heard._replace(group_id=group_id, sequence=item.sequence))
        group = self.groups.get(group_id)
        if group is None or notification.group == group_id:
            group = _group(notification, group_id, group)
        group, member = arrive(group, item, heard.told, self.members[group_id].get(item.alert_id), now)
        self._put_group(group)
        if item.over and news_of(item, heard.told) is None:
            self._remove(group_id, item.alert_id)
        else:
            self.members[group_id][item.alert_id] = member
            self.changed.add(("members", (group_id, item.alert_id)))

    def take_delivery(self, delivery: Any) -> bool:
        """What became of a message, or the health of a channel; returns whether that is new."""
        at = moment_ms(delivery.at)
        if delivery.outcome not in FINAL:
            return self._take_health(delivery.destination, delivery.outcome, at)
        group = self.groups.get(delivery.group) or Group(delivery.group, delivery.destination, {}, 0, 0, 0)
        self._put_group(replace(group, number=max(group.number, delivery.number), last=max(group.last or 0, at)))
        for told in delivery.alerts:
            key = Key(delivery.destination, told.alert_id)
            heard = self.heard.get(key, Heard())
            if heard.told is None or (heard.told.sequence, heard.told.at) <= (told.sequence, at):
                now_told = Told(told.sequence, told.state, told.level, told.mark, at)
                self._hear(key, heard._replace(group_id=heard.group_id or delivery.group, told=now_told))
        if self.planned.pop(delivery.delivery_id, None) is None:
            return False
        self._put_group(delivered(self.groups[delivery.group], at))
        self.changed.add(("planned", delivery.delivery_id))
        return True

    def look(self, group_ids: Iterable[str], suppression: Suppression, now: int) -> None:
        """Looks at groups that are due, and plans what they have to say. All of their members are at hand."""
        for group_id in group_ids:
            group = self.groups.get(group_id)
            if group is None:
                continue
            members = self.members[group_id]
            keys = {alert_id: Key(group.destination, alert_id) for alert_id in members}
            told = {
                alert_id: heard.told
                for alert_id, key in keys.items()
                if (heard := self.heard.get(key)) is not None and heard.told is not None
            }
            result = flush(group, members, told, suppression, now)
            self._put_group(result.group)
            if result.planned is not None:
                self.planned[result.planned.planned_id] = result.planned
                self.changed.add(("planned", result.planned.planned_id))
            for alert_id, what in result.told.items():
                self._hear(keys[alert_id], self.heard[keys[alert_id]]._replace(told=what))
            for alert_id in result.gone:
                self._remove(group_id, alert_id)

    def _take_source(self, item: Item) -> None:
        held = self.sources.get(item.alert_id)
        if held is not None and item.sequence <= held.sequence:
            return
        # one that is over is kept: an older event of it may come again
        self.sources[item.alert_id] = item
        self.changed.add(("sources", item.alert_id))

    def _take_health(self, destination: str, outcome: str, at: int) -> bool:
        if (outcome == "failing") == (destination in self.failing):
            return False
        if outcome == "failing":
            self.failing[destination] = at
        else:
            del self.failing[destination]
        self.changed.add(("failing", destination))
        return True

    def _hear(self, key: Key, heard: Heard) -> None:
        self.heard[key] = heard
        self.changed.add(("heard", key))

    def _put_group(self, group: Group) -> None:
        self.groups[group.group_id] = group
        self.changed.add(("groups", group.group_id))

    def _remove(self, group_id: str, alert_id: str) -> None:
        self.members[group_id].pop(alert_id, None)
        self.changed.add(("members", (group_id, alert_id)))


def moment_ms(moment: str | datetime) -> int:
    """A moment in ISO 8601, or as a value, in milliseconds since the epoch."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return int(found.timestamp() * 1000)


def _item(notification: Any, body: bytes) -> Item:
    if notification.alert is None:
        return notice_item(notification.notice, body)
    return item_of(notification.alert, body, urgent=notification.urgent, follow_up=notification.follow_up)


def _group(notification: Any, group_id: str, held: Group | None) -> Group:
    base = held or Group(group_id, notification.destination, {}, 0, 0, 0)
    return replace(
        base,
        labels=notification.labels,
        wait=notification.wait,
        interval=notification.interval,
        repeat=notification.repeat,
        digest=tuple(notification.digest),
    )
