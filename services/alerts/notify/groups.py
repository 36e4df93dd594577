"""The life of a group: alerts gather, wait, are told together, and are told again. Pure: moments come in, plans go out.

A group belongs to one destination. An alert that is news waits for the group's wait, or, if the group has spoken of
late, for its interval; in a digest, for the next of the set hours. All moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from schemas.notifications import News
from services.alerts.notify.items import Item, Told, news_of, told_of
from services.alerts.notify.suppression import Suppression
from services.runtime.calendar import SHANGHAI, moment_of

#: Alerts in one message; what more is to be told comes with the next.
MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Group:
    """A group of one destination. wait, interval, repeat: seconds. digest: minutes of the day. number: of messages
    planned. last: when it last spoke. wake: when it is to be looked at next; None: not before something comes. pending:
    messages that are not delivered yet."""

    group_id: str
    destination: str
    labels: Mapping[str, str]
    wait: float
    interval: float
    repeat: float
    digest: tuple[int, ...] = ()
    number: int = 0
    last: int | None = None
    wake: int | None = None
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """An alert in a group, and when its news may be told at the earliest: with the digest, or when the group speaks."""

    item: Item
    due: int


@dataclass(frozen=True, slots=True)
class Line:
    """One alert of a planned message."""

    news: News
    item: Item


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to one destination: who is told what, in which order. `planned_id` follows from the content."""

    planned_id: str
    destination: str
    group_id: str
    labels: Mapping[str, str]
    number: int
    at: int
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Flush:
    """What follows when a group is looked at: the group, the message if there is one, what was told, members that have
    left or wait for another moment."""

    group: Group
    planned: Planned | None = None
    told: dict[str, Told] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


def arrive(group: Group, item: Item, told: Told | None, held: Member | None, now: int) -> tuple[Group, Member]:
    """An alert comes into the group, or a newer event of one that is there; `held` is needed of digests alone."""
    due, earliest = _due(group, item, now), now
    if news_of(item, told) is not None:
        if group.digest and not item.urgent:
            # what waits for a digest that is late stays in it
            waits = held is not None and news_of(held.item, told) is not None
            earliest = due = min(due, held.due) if held is not None and waits else due
    elif told is not None and group.repeat and item.unanswered:
        due = _repeat_due(group, told.at)
    else:
        return group, Member(item, now)
    return replace(group, wake=due if group.wake is None else min(group.wake, due)), Member(item, earliest)


def flush(
    group: Group, members: Mapping[str, Member], told: Mapping[str, Told], suppression: Suppression, now: int
) -> Flush:
    """Looks at the whole group: what may be told now is planned as one message, the gravest first."""
    result = Flush(group)
    lines, wakes = [], []
    # when an inhibition ends nobody knows, and a silence may be taken out of its file
    again = now + _ms(max(group.interval, 1.0))
    for alert_id, member in members.items():
        item, before = member.item, told.get(alert_id)
        news, due = _wanted(group, member, before)
        if news is None:
            if item.over:
                result.gone.append(alert_id)
            continue
        if due > now:
            wakes.append(due)
            continue
        if (end := suppression.silenced_until(item, now)) is not None:
            wakes.append(_told_from(group, item, min(end, again)))
        elif not item.over and suppression.inhibitor_of(item) is not None:
            wakes.append(_told_from(group, item, again))
        else:
            lines.append(Line(news, item))
    if lines:
        lines.sort(key=lambda line: line.item.gravity)
        if len(lines) > MOST_LINES:
            lines = lines[:MOST_LINES]
            wakes.append(again)
        number = group.number + 1
        result.planned = Planned(
            _planned_id(group, number, lines),
            group.destination,
            group.group_id,
            group.labels,
            number,
            now,
            tuple(lines),
        )
        result.told = {line.item.alert_id: told_of(line.item, now) for line in lines}
        result.gone += [line.item.alert_id for line in lines if line.item.over]
        group = replace(group, number=number, last=now, pending=group.pending + 1)
    if group.repeat and not group.pending:
        wakes += [
            _repeat_due(group, told[alert_id].at)
            for alert_id, member in members.items()
            if alert_id in told and alert_id not in result.told and member.item.unanswered
        ]
    result.group = replace(group, wake=max(now + 1, min(wakes)) if wakes else None)
    return result


def _wanted(group: Group, member: Member, told: Told | None) -> tuple[News | None, int]:
    """What is to be told of a member, and from when on."""
    news = news_of(member.item, told)
    if news is not None:
        return news, member.due
    if told is not None and group.repeat and not group.pending and member.item.unanswered:
        return "repeated", _repeat_due(group, told.at)
    return None, 0


def _told_from(group: Group, item: Item, moment: int) -> int:
    """When what may be told from that moment on is told: where it waits for a digest, with the next."""
    return next_minute(group.digest, moment) if group.digest and not item.urgent else moment


def _due(group: Group, item: Item, now: int) -> int:
    if group.digest and not item.urgent:
        return _told_from(group, item, now)
    soon = now + _ms(group.wait)
    return soon if group.last is None else max(soon, group.last + _ms(group.interval))


def _repeat_due(group: Group, at: int) -> int:
    again = at + _ms(group.repeat)
    return next_minute(group.digest, again) if group.digest else again


def delivered(group: Group, at: int) -> Group:
    """A message of the group has been delivered, or given up: what it told may be repeated from now on."""
    pending = max(0, group.pending - 1)
    if pending or not group.repeat:
        return replace(group, pending=pending)
    again = _repeat_due(group, at)
    return replace(group, pending=pending, wake=again if group.wake is None else min(group.wake, again))


def next_minute(minutes: Iterable[int], after: int) -> int:
    """The first moment at or after `after` that is one of these minutes of a day in Asia/Shanghai."""
    here = moment_of(after).astimezone(SHANGHAI)
    midnight = datetime(here.year, here.month, here.day, tzinfo=SHANGHAI)
    found = (midnight + timedelta(days=day, minutes=minute) for day in (0, 1) for minute in sorted(minutes))
    return int(next(moment for moment in found if moment >= here).timestamp() * 1000)


def _planned_id(group: Group, number: int, lines: Iterable[Line]) -> str:
    content = "\0".join(f"{line.news} {line.item.alert_id} {line.item.sequence}" for line in lines)
    mark = blake2b(content.encode(), digest_size=6).hexdigest()
    return f"{group.group_id}-{number}-{mark}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
