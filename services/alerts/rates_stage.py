"""The rates watch: published rates in, a finding out when one has dropped under its floor, grows worse or recovers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgpack
from redis.asyncio import Redis

from schemas.findings import Finding as FindingContract
from schemas.qualification import Rate, Window
from schemas.structs import struct_of
from schemas.topics import FINDINGS, RATES
from services.alerts import values
from services.alerts.floors import Floor, Floors, judge, load_floors
from services.alerts.words import DOMAINS, PLANS
from services.runtime.fields import read_fields
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Taken
from services.runtime.messages import Writer
from services.runtime.stage import Changes, Record, Replay, state_key

STAGE, SERVICE = "rates_watch", "alerts"


class Watched(NamedTuple):
    """A rate that lies under its floor: since when, and how grave."""

    epoch: str
    severity: str


class State(NamedTuple):
    """By floor and cell: the rates that lie under their floors, and the epochs of those that have recovered."""

    watched: Mapping[str, Watched]
    recovered: Mapping[str, str]


def watched_key(partition: int) -> str:
    """floor|cell -> Watched, while it lies under its floor."""
    return state_key(STAGE, partition, "watched")


def recovered_key(partition: int) -> str:
    """floor|cell -> the epoch of its latest drop that is over."""
    return state_key(STAGE, partition, "recovered")


class RatesWatchStage:
    """Watches the cells that have floors. A cell is owned by its partition of the rates."""

    name = STAGE
    topics = (RATES.name,)
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, floors: Floors | None = None) -> None:
        self._floors = floors or load_floors()
        self._beginnings = tuple(f"{one.id}|{one.domain}|{one.plan}|{one.cut}|" for one in self._floors.floors)
        mirror = struct_of(Rate, only=("cell", "domain", "plan", "cut", "value", "measure", "as_of", "windows"))
        self._rates = InnerTopic(RATES, mirror, SERVICE)
        self._findings = Writer(FINDINGS, SERVICE)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads rates."""
        return self._rates.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> State:
        """Which rates lie under their floors, all of them: some may have lost theirs. And which of the batch's did."""
        rates = [item.event for item in inputs if isinstance(item, Taken)]
        names = [_name(floor, rate) for rate in rates for floor in self._of(rate)]
        watched: dict[bytes, bytes] = await cast(Any, redis.hgetall(watched_key(partition)))
        recovered = await read_fields(redis, recovered_key(partition), names)
        return State(
            {name.decode(): Watched(*msgpack.unpackb(value)) for name, value in watched.items()},
            {name: value.decode() for name, value in recovered},
        )

    def fold(self, state: State, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """A finding for each rate that stands otherwise than before."""
        changes, watched, recovered = Changes(), dict(state.watched), dict(state.recovered)
        floorless = [name for name in watched if not name.startswith(self._beginnings)]

        def end(name: str) -> None:
            recovered[name] = watched.pop(name).epoch
            changes.put[recovered_key(partition)][name] = recovered[name].encode()
            changes.put[watched_key(partition)].pop(name, None)
            changes.delete[watched_key(partition)].append(name)

        def take(item: Taken) -> None:
            rate, revision = item.event, item.record.offset + 1
            for name in [name for name in floorless if name in watched and name.endswith(f"|{rate.cell}")]:
                self._tell(changes, partition, _floorless(rate, name, watched[name], revision))
                end(name)
            for floor in self._of(rate):
                name = _name(floor, rate)
                held = watched.get(name)
                window = rate.windows.get(floor.window)
                found = judge(self._floors, floor, window)
                if found.standing == "under" and (held is None or held.severity != found.severity):
                    epoch = held.epoch if held else _epoch(rate.as_of, recovered.get(name, ""))
                    now = Watched(epoch, str(found.severity))
                    watched[name] = now
                    changes.put[watched_key(partition)][name] = cast(bytes, msgpack.packb(now))
                    self._tell(changes, partition, _finding(rate, floor, window, now, "open", revision))
                elif found.standing == "over" and held is not None:
                    end(name)
                    self._tell(changes, partition, _finding(rate, floor, window, held, "over", revision))

        self._rates.fold(changes, inputs, take)
        _put_wins(changes, watched_key(partition))
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""

    def _of(self, rate: Any) -> tuple[Floor, ...]:
        return self._floors.of(rate.domain, rate.plan, rate.cut)

    def _tell(self, changes: Changes, partition: int, finding: FindingContract) -> None:
        event_id = f"{finding.rule}|{finding.subject}:{finding.revision}"
        changes.messages.append(self._findings.message(partition, finding.subject, finding, event_id))


def _name(floor: Floor, rate: Any) -> str:
    return f"{floor.id}|{rate.cell}"


def _epoch(day: str, last: str) -> str:
    """The day of the drop; with a number where it follows another of the same day, whose alert is over."""
    before, _, number = last.partition("#")
    return day if before != day else f"{day}#{int(number or 1) + 1}"


def _put_wins(changes: Changes, key: str) -> None:
    """What was deleted and put again in one batch stays put: a batch's deletions are applied after what it puts."""
    if key in changes.delete:
        changes.delete[key] = [name for name in changes.delete[key] if name not in changes.put.get(key, {})]


def area_of(value: str) -> str:
    """The region of a place's cell: a mainland city of four digits by its code of six."""
    return f"{value}00" if value.isdecimal() and len(value) == 4 else value


def _finding(
    rate: Any, floor: Floor, window: Window, watched: Watched, status: Literal["open", "over"], revision: int
) -> FindingContract:
    tested = window.passed + window.failed
    zh_name, en_name = _words(rate)
    state_zh, state_en = ("低于", "is under") if status == "open" else ("已恢复至", "is back at")
    numbers = f"{window.passed}/{tested}"
    return _of_cell(
        rate,
        floor.id,
        watched,
        status,
        revision,
        headline=values.Wording(
            zh=f"{zh_name}近{floor.window}合格率 {window.rate:.1%},{state_zh}下限 {floor.floor:.1%}",
            en=f"{en_name}: rate of {floor.window} {window.rate:.1%} {state_en} the floor of {floor.floor:.1%}",
        ),
        description=values.Wording(
            zh=f"合格 {numbers},95% 区间 {window.low:.1%}~{window.high:.1%},统计至 {rate.as_of}。",
            en=f"{numbers} passed, 95 % interval {window.low:.1%} to {window.high:.1%}, as of {rate.as_of}.",
        ),
        evidence=tuple(
            values.Evidence(name=name, value=value)
            for name, value in (
                ("window", f"{window.from_} to {window.to}"),
                ("passed", str(window.passed)),
                ("failed", str(window.failed)),
                ("rate", f"{window.rate:.4f}"),
                ("low", f"{window.low:.4f}"),
                ("high", f"{window.high:.4f}"),
                ("floor", f"{floor.floor:g}"),
            )
        ),
        reason=f"the rate {state_en} its floor",
    )


def _floorless(rate: Any, name: str, watched: Watched, revision: int) -> FindingContract:
    """The end of what lay under a floor that is no more."""
    rule = name.removesuffix(f"|{rate.cell}")
    zh_name, en_name = _words(rate)
    return _of_cell(
        rate,
        rule,
        watched,
        "over",
        revision,
        headline=values.Wording(
            zh=f"{zh_name}合格率不再适用下限 {rule}", en=f"{en_name}: the floor {rule} is no longer watched"
        ),
        description=values.Wording(
            zh=f"配置中已无此下限,统计至 {rate.as_of}。",
            en=f"The file of floors has it no more, as of {rate.as_of}.",
        ),
        evidence=(),
        reason="the floor is no longer in force",
    )


def _words(rate: Any) -> tuple[str, str]:
    return f"{rate.value} {DOMAINS[rate.domain]}{PLANS[rate.plan]}", f"{rate.value} {rate.domain} {rate.plan}"


def _of_cell(rate: Any, rule: str, watched: Watched, status: str, revision: int, **said: Any) -> FindingContract:
    return values.Finding(
        rule=rule,
        subject=rate.cell,
        epoch=watched.epoch,
        revision=revision,
        status=status,
        kind="rate_drop",
        severity=watched.severity,
        urgency="Expected",
        certainty="Likely",
        event=values.Wording(zh="合格率下降", en="qualification rate dropped"),
        instruction=values.Wording(
            zh="分析不合格的品种、环节和企业,调整抽检重点。",
            en="Look into which products, stages and enterprises fail, and direct sampling there.",
        ),
        area=area_of(rate.value),
        domain=rate.domain,
        plan=rate.plan,
        measure=rate.measure,
        cell=rate.cell,
        source="samplewatch/rates",
        **said,
    )
