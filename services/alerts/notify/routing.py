"""The routing tree, receivers, inhibition rules and silences as values, and where an alert goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from services.alerts.notify.labels import Labels
from services.alerts.notify.matching import EVERYTHING, Match


class Timing(NamedTuple):
    """In seconds: how long a new group waits for more, how long between its messages, after which time it repeats what
    nobody has acknowledged (0: never)."""

    wait: float = 30.0
    interval: float = 300.0
    repeat: float = 14_400.0


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree with what it has inherited. `place` says where it stands in the file."""

    place: str
    match: Match
    receivers: tuple[str, ...]
    group_by: tuple[str, ...]
    timing: Timing
    goes_on: bool = False
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """Messages at set hours of Asia/Shanghai (minutes of the day), but for what `bypass` takes."""

    minutes: tuple[int, ...]
    bypass: Match


@dataclass(frozen=True, slots=True)
class Receiver:
    """A person or a group of them. channels: names only; `members` are other receivers."""

    name: str
    channels: tuple[str, ...]
    language: str = "zh"
    digest: Digest | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that `source` takes is open, those that `target` takes are not told, if they have the same `equal`
    labels and, with `evidence`, if the source names their sample among its evidence."""

    source: Match
    target: Match
    equal: tuple[str, ...] = ()
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """No messages about what `match` takes, from `begins` to before `ends` (milliseconds since the epoch)."""

    name: str
    match: Match
    author: str
    reason: str
    begins: int
    ends: int


class Destination(NamedTuple):
    """One channel of one receiver: what has a queue, a notification log and a state of health of its own."""

    receiver: str
    channel: str

    def __str__(self) -> str:
        return f"{self.receiver}/{self.channel}"


class Aim(NamedTuple):
    """A destination, and the group there that an alert belongs to."""

    destination: Destination
    group: Mapping[str, str]
    timing: Timing
    digest: tuple[int, ...]
    urgent: bool

    @property
    def group_id(self) -> str:
        """The group's id: the same for the same destination and labels."""
        told = "\0".join((str(self.destination), *(f"{name}={self.group[name]}" for name in sorted(self.group))))
        return blake2b(told.encode(), digest_size=8).hexdigest()


#: The label of the one group in which a digest comes.
DIGEST = {"digest": "daily"}


@dataclass(frozen=True, slots=True)
class Routing:
    """All of the configuration that decides where an alert goes and when."""

    root: Route
    receivers: Mapping[str, Receiver]
    inhibitions: tuple[Inhibition, ...] = ()
    silences: tuple[Silence, ...] = ()
    operations: tuple[str, ...] = ()
    _people: dict[str, tuple[Receiver, ...]] = field(default_factory=dict, compare=False, repr=False)

    def path(self, labels: Labels) -> list[list[Route]]:
        """The ways through the tree that an alert takes, each from the root to the route where it ends."""
        return list(_walk(self.root, labels)) if self.root.match.takes(labels) else []

    def aims(self, labels: Labels) -> list[Aim]:
        """Where an alert goes. A destination that several routes lead to is reached by the first of them."""
        found: dict[Destination, Aim] = {}
        for way in self.path(labels):
            route = way[-1]
            for receiver in (person for name in route.receivers for person in self.people(name)):
                for channel in receiver.channels:
                    destination = Destination(receiver.name, channel)
                    if destination not in found:
                        found[destination] = _aim(destination, receiver.digest, route, labels)
        return list(found.values())

    def people(self, name: str) -> tuple[Receiver, ...]:
        """A receiver and its members' members, those with channels; each once."""
        if name not in self._people:
            receiver = self.receivers[name]
            found = {receiver.name: receiver} if receiver.channels else {}
            for member in receiver.members:
                found |= {person.name: person for person in self.people(member)}
            self._people[name] = tuple(found.values())
        return self._people[name]

    def operations_aims(self) -> list[Aim]:
        """Where reports on channels go, at once."""
        people = {person.name: person for name in self.operations for person in self.people(name)}
        timing = Timing(0.0, 30.0, 86_400.0)
        return [
            Aim(Destination(person.name, channel), {"kind": "channel"}, timing, (), True)
            for person in people.values()
            for channel in person.channels
        ]


def _walk(route: Route, labels: Labels) -> Iterator[list[Route]]:
    matched = False
    for child in route.routes:
        if child.match.takes(labels):
            matched = True
            for way in _walk(child, labels):
                yield [route, *way]
            if not child.goes_on:
                return
    if not matched:
        yield [route]


def _aim(destination: Destination, digest: Digest | None, route: Route, labels: Labels) -> Aim:
    urgent = digest is None or digest.bypass.takes(labels)
    if not urgent and digest is not None:
        return Aim(destination, DIGEST, route.timing, digest.minutes, False)
    return Aim(destination, {name: labels.get(name, "") for name in route.group_by}, route.timing, (), True)


#: A tree that takes everything nowhere: what stands before there is any configuration.
NOWHERE = Routing(Route("route", EVERYTHING, (), (), Timing()), {})
