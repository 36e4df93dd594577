"""Where an alert's event goes: to whom its labels lead now, and to those who were told of it before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.alerts import Wording
from schemas.notifications import Notice, Notification
from schemas.structs import struct_of
from services.alerts.notify.deliveries import EVERYWHERE
from services.alerts.notify.items import item_of
from services.alerts.notify.labels import LEVELS, labels_of
from services.alerts.notify.routing import Aim, Routing
from services.alerts.notify.suppression import may_inhibit

#: Notifications as the services write and read them.
NotificationFacts = struct_of(Notification)
NoticeFacts = struct_of(Notice)
_Wording = struct_of(Wording)


def dispatch(routing: Routing, event: Any, before: Sequence[str]) -> tuple[list[Any], list[str]]:
    """The notifications (NotificationFacts) of an AlertEvent's mirror, and the destinations that it has reached by now.

    `before` are those it had reached; of a source of inhibition EVERYWHERE is one. Whoever it does not lead to any
    more, and whoever it would have led to at a lower level, is only told how it went on.
    """
    labels = labels_of(event)
    now = {str(aim.destination): aim for aim in routing.aims(labels)}
    earlier = {str(aim.destination): aim for lower in _lower(labels) for aim in routing.aims(lower)}
    found = [_notification(aim, event, follow_up=False) for aim in now.values()]
    found += [_notification(aim, event, follow_up=True) for name, aim in earlier.items() if name not in now]
    found += [_untimed(name, event) for name in before if name not in (*now, *earlier, EVERYWHERE)]
    reached = [*now]
    # whoever knows of a source has to hear that it is none any more
    if EVERYWHERE in before or may_inhibit(routing.inhibitions, item_of(event, b"")):
        found.append(NotificationFacts(destination=EVERYWHERE, group=EVERYWHERE, alert=event))
        reached.append(EVERYWHERE)
    return found, [*before, *(name for name in reached if name not in before)]


def report(routing: Routing, destination: str, failing: bool, at: int, reason: str) -> list[Any]:
    """The notifications to operations that a channel fails, or works again. A channel does not report on itself."""
    zh = f"通知渠道 {destination} 发送失败:{reason}" if failing else f"通知渠道 {destination} 已恢复"
    en = f"Channel {destination} fails: {reason}" if failing else f"Channel {destination} works again"
    notice = NoticeFacts(
        alert_id=f"channel:{destination}"[:200],
        sequence=at,
        state="raised" if failing else "closed",
        severity="Severe",
        headline=_Wording(zh=zh, en=en),
    )
    return [_of_notice(aim, notice) for aim in routing.operations_aims() if str(aim.destination) != destination]


def _lower(labels: dict[str, str]) -> Iterator[dict[str, str]]:
    level = labels.get("level")
    for lower in LEVELS[: LEVELS.index(level)] if level in LEVELS else ():
        yield {**labels, "level": lower}


def _notification(aim: Aim, event: Any, *, follow_up: bool) -> Any:
    return NotificationFacts(**_place(aim), follow_up=follow_up, alert=event)


def _of_notice(aim: Aim, notice: Any) -> Any:
    return NotificationFacts(**_place(aim), notice=notice)


def _place(aim: Aim) -> dict[str, Any]:
    return {
        "destination": str(aim.destination),
        "group": aim.group_id,
        "labels": dict(aim.group),
        "wait": aim.timing.wait,
        "interval": aim.timing.interval,
        "repeat": aim.timing.repeat,
        "digest": aim.digest,
        "urgent": aim.urgent,
    }


def _untimed(destination: str, event: Any) -> Any:
    # its reader knows the group that the alert is in
    return NotificationFacts(destination=destination, group="former", follow_up=True, alert=event)
