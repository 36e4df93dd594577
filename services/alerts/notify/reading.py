"""Reads routes.yaml and receivers.yaml, and says of what is wrong in which file, at which line and in which field."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import ValidationError

from services.alerts.notify.channels import is_address
from services.alerts.notify.matching import Match
from services.alerts.notify.routing import Digest, Inhibition, Receiver, Route, Routing, Silence, Timing
from services.alerts.notify.secrets import BadAddress, resolve
from services.alerts.notify.specs import DeliverySpec, ReceiversFile, ReceiverSpec, RoutesFile, RouteSpec, Spec

SpecT = TypeVar("SpecT", bound=Spec)
Path_ = tuple[str | int, ...]


class Problem(NamedTuple):
    """What is wrong, and where."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.reason}"


class BadConfiguration(ValueError):
    """The files can't be used; `problems` says why. `files`: all that were read, or could not be."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
        self.files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files say: the routing, the address of each destination (`receiver/channel`), and how to deliver.

    secrets: what must never be shown. files: all that was read, to see when it changes.
    """

    routing: Routing
    addresses: Mapping[str, str]
    delivery: DeliverySpec
    secrets: tuple[str, ...]
    files: tuple[Path, ...]


def read_configuration(path: Path, env: Mapping[str, str] | None = os.environ) -> Configuration:
    """Reads routes.yaml at `path` and the receivers that it names; raises BadConfiguration.

    Without an environment, for where there are no secrets, no address is looked at.
    """
    files: list[Path] = [path]
    try:
        return _read(files, env)
    except BadConfiguration as error:
        error.files = tuple(files)
        raise


def _read(files: list[Path], env: Mapping[str, str] | None) -> Configuration:
    """Reads the first of the files, and adds those that it comes by."""
    path = files[0]
    routes = _File(path)
    spec = routes.parse(RoutesFile)
    files.append(path.parent / spec.receivers)
    people = _File(files[-1])
    receivers = people.parse(ReceiversFile).receivers
    problems = [*_unknown(routes, people, spec, receivers)]
    root = _route(spec.route, None, "route")
    problems += [Problem(routes.name, routes.line(where), _text(where), reason) for where, reason in unreachable(root)]
    addresses: dict[str, str] = {}
    secrets: list[str] = []
    for name, receiver in receivers.items():
        for channel, address in receiver.channels.items() if env is not None else ():
            where = ("receivers", name, "channels", channel)
            files += _files_in(address)
            try:
                resolved, found = resolve(address, env or {})
                if not is_address(resolved):
                    raise BadAddress("is no address that Apprise understands")
                addresses[f"{name}/{channel}"] = resolved
                secrets += found
            except BadAddress as error:
                problems.append(Problem(people.name, people.line(where), _text(where), str(error)))
    if problems:
        raise BadConfiguration(problems)
    routing = Routing(
        root,
        {name: _receiver(name, receiver) for name, receiver in receivers.items()},
        tuple(Inhibition(Match(i.source), Match(i.target), i.equal, i.evidence) for i in spec.inhibit),
        tuple(
            Silence(s.id, Match(s.match), s.author, s.reason, _ms(s.begins) if s.begins else 0, _ms(s.ends))
            for s in spec.silences
        ),
        spec.operations,
    )
    return Configuration(routing, addresses, spec.delivery, tuple(dict.fromkeys(secrets)), tuple(files))


def unreachable(root: Route) -> Iterator[tuple[Path_, str]]:
    """The places of routes that can never match, with the reason."""
    yield from _unreachable(root, ("route",), root.match)


def _unreachable(route: Route, where: Path_, reach: Match) -> Iterator[tuple[Path_, str]]:
    before: list[tuple[int, Match]] = []
    for number, child in enumerate(route.routes):
        here = (*where, "routes", number)
        inside = child.match.within(reach)
        if inside is None:
            yield (*here, "match"), f"can never match: {child.match} contradicts the routes above ({reach})"
            continue
        taker = next((n for n, taken in before if taken.covers(inside)), None)
        if taker is not None:
            yield (*here, "match"), f"can never match: routes[{taker}] before it takes all of it, without `continue`"
            continue
        if not child.goes_on:
            before.append((number, child.match))
        yield from _unreachable(child, here, inside)


def _route(spec: RouteSpec, above: Route | None, place: str) -> Route:
    base = above.timing if above else Timing()
    timing = Timing(
        base.wait if spec.group_wait is None else spec.group_wait,
        base.interval if spec.group_interval is None else spec.group_interval,
        base.repeat if spec.repeat_interval is None else spec.repeat_interval,
    )
    group_by = spec.group_by if spec.group_by is not None else above.group_by if above else ()
    receivers = spec.receiver or (above.receivers if above else ())
    made = Route(place, Match(spec.match), receivers, group_by, timing, spec.goes_on)
    below = tuple(_route(child, made, f"{place}.routes[{number}]") for number, child in enumerate(spec.routes))
    return Route(place, made.match, receivers, group_by, timing, spec.goes_on, below)


def _receiver(name: str, spec: ReceiverSpec) -> Receiver:
    digest = Digest(tuple(sorted(set(spec.digest.hours))), Match(spec.digest.bypass)) if spec.digest else None
    return Receiver(name, tuple(spec.channels), spec.language, digest, spec.members)


def _unknown(
    routes: _File, people: _File, spec: RoutesFile, receivers: Mapping[str, ReceiverSpec]
) -> Iterator[Problem]:
    """Receivers that are named and not there, a missing default, groups that contain themselves."""

    def unknown(file: _File, where: Path_, names: tuple[str, ...]) -> Iterator[Problem]:
        for name in names:
            if name not in receivers:
                reason = f"there is no receiver {name!r}; {people.name} has {', '.join(receivers) or 'none'}"
                yield Problem(file.name, file.line(where), _text(where), reason)

    def of_route(route: RouteSpec, where: Path_) -> Iterator[Problem]:
        yield from unknown(routes, (*where, "receiver"), route.receiver)
        for number, child in enumerate(route.routes):
            yield from of_route(child, (*where, "routes", number))

    root: Path_ = ("route",)
    if not spec.route.receiver:
        yield Problem(
            routes.name, routes.line(root), "route.receiver", "is missing: the default, for what no route takes"
        )
    if spec.route.match:
        where = (*root, "match")
        yield Problem(routes.name, routes.line(where), _text(where), "the root is the default and takes everything")
    yield from of_route(spec.route, root)
    yield from unknown(routes, ("operations",), spec.operations)
    for name, receiver in receivers.items():
        where = ("receivers", name, "members")
        yield from unknown(people, where, receiver.members)
        if name in _inside(receivers, name):
            yield Problem(people.name, people.line(where), _text(where), "the group is a member of itself")


def _inside(receivers: Mapping[str, ReceiverSpec], name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(receivers[name].members)
    while waiting:
        member = waiting.pop()
        if member not in found and member in receivers:
            found.add(member)
            waiting += receivers[member].members
    return found


class _Loader(yaml.SafeLoader):
    """Takes what only looks like a date or a number, such as 2026-06-31, for text: the spec then says which field it is
    wrong in."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As the loader that it is made from."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            return node.value


class _File:
    """A YAML file, with the lines at which its parts stand."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        try:
            text = path.read_text("utf-8")
            self._data = yaml.load(text, _Loader)
            self._node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise BadConfiguration([Problem(self.name, line, "YAML", error.problem or "is not valid")]) from None
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise BadConfiguration([Problem(self.name, 1, "file", f"cannot be read: {error}")]) from None

    def parse(self, spec: type[SpecT]) -> SpecT:
        """The file as its spec; raises BadConfiguration."""
        try:
            return spec.model_validate(self._data if self._data is not None else {})
        except ValidationError as error:
            problems = []
            for found in error.errors(include_url=False, include_input=False):
                where = tuple(step for step in found["loc"] if step != "[key]")
                reason = "is not a field here" if found["type"] == "extra_forbidden" else found["msg"]
                reason = reason.removeprefix("Value error, ")
                problems.append(Problem(self.name, self.line(where), _text(where) or "file", reason))
            raise BadConfiguration(problems) from None

    def line(self, where: Path_) -> int:
        """The line of a part, or of the smallest part around it that is there."""
        node, line = self._node, 1
        for step in where:
            found = None
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                found = (node.value[step],) * 2
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line


def _text(where: Path_) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")


def _files_in(address: str) -> Iterator[Path]:
    if address.startswith("file:"):
        yield Path(address.removeprefix("file:").removeprefix("//"))
    for part in address.split("${file:")[1:]:
        yield Path(part.partition("}")[0])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
