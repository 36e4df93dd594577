"""The stages of the hotspots service: verdicts become cases of their cells, cases move detectors, nights fit the model.

`hotspot_cases` lies with the verdicts; it keeps nothing of a sample, since a case says all and its revision orders it.
`hotspot_cells` owns the cells, re-keyed: each has one owner, who takes its cases in the order of the topic. That order
is kept in Kafka, so a rebuild comes to the same detectors; what is said again has a revision that was seen.
"""

from __future__ import annotations

import time as clock
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from schemas.hotspots import HotspotCases
from schemas.structs import struct_of
from schemas.topics import FINDINGS, HOTSPOT_CASES, HOTSPOT_MODELS, VERDICTS
from services.alerts.hotspots import cases, store
from services.alerts.hotspots.config import Config
from services.alerts.hotspots.expected import Model
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.model_source import fit_model
from services.alerts.hotspots.owner import Night, Owner, Touched
from services.alerts.hotspots.quarters import next_moment
from services.lab_results.cuts import CUTS, Cell, Cells
from services.runtime.calendar import SHANGHAI
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Taken
from services.runtime.messages import Writer
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record, Replay, state_key

SERVICE = "hotspots"
CasesFacts: Any = struct_of(HotspotCases)

#: When the model is fitted, and after that e-BH is run, in Asia/Shanghai.
MODEL_AT, NIGHT_AT = time(2, 0), time(2, 30)
_FIT, _NIGHT = "fit", "night"
#: How soon the first model is fitted, and another attempt made when there was nothing to fit it to.
_SOON_MS, _AGAIN_MS = 30_000, 600_000
_MODEL_CHECK_SECONDS = 5.0

_encode = msgspec.json.Encoder().encode


class Known(NamedTuple):
    """What a batch of verdicts needs: the model in force, and whether this partition has still to set its timer."""

    model: Model | None
    wants_timer: bool


class HotspotCasesStage:
    """Verdicts in; the cases of their cells out, with the failure probability that was expected of each."""

    name = store.CASES
    topics = (VERDICTS.name,)
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, config: Config, now: Callable[[], float] = clock.time) -> None:
        """`now` says in seconds since the epoch which day the model is fitted for."""
        self._config = config
        self._now = now
        self._cells = Cells([cut for cut in CUTS if cut.name in config.cuts])
        self._verdicts = InnerTopic(VERDICTS, cases.VerdictFacts, SERVICE)
        self._cases = Writer(HOTSPOT_CASES, SERVICE)
        self._models = Writer(HOTSPOT_MODELS, SERVICE)
        self._model = ModelInForce()

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads verdicts."""
        return self._verdicts.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Known:
        """The model in force."""
        wants_timer = False
        if partition == store.MODEL_PARTITION:
            wants_timer = await redis.zscore(state_key(self.name, partition, "timers"), _FIT) is None
        return Known((await self._model.read(redis))[0], wants_timer)

    def fold(self, state: Known, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """One message for each cell that the batch concerns."""
        changes = Changes()
        by_cell: dict[Cell, list[Any]] = defaultdict(list)

        def take(item: Taken) -> None:
            case = cases.case_of(item.event, state.model, self._config.without_history)
            for cell in cases.cells_of(item.event, self._cells):
                by_cell[cell].append(case)

        self._verdicts.fold(changes, inputs, take)
        for cell, seen in by_cell.items():
            body = CasesFacts(cell=cell.key, cases=tuple(seen))
            home = home_of(cell.key.encode(), PARTITIONS)
            changes.messages.append(self._cases.message(home, cell.key, body, f"{cell.key}:{partition}:{version}"))
        if state.wants_timer and inputs:
            changes.timers[_FIT] = inputs[-1].record.timestamp + _SOON_MS
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Any:
        """A model fitted to what has been counted up to now; None where nothing has."""
        return await fit_model(redis, self._config, datetime.fromtimestamp(self._now(), SHANGHAI).date())

    def fold_due(self, state: Any, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """Puts the model into force and publishes it; the next one is fitted the night after."""
        changes = Changes()
        changes.timers.update(dict.fromkeys(members))
        changes.timers[_FIT] = now + _AGAIN_MS if state is None else next_moment(now, MODEL_AT)
        if state is not None:
            changes.put[store.model_key()].update({"version": state.version.encode(), "body": _encode(state)})
            home = home_of(state.version.encode(), PARTITIONS)
            changes.messages.append(self._models.message(home, state.version, state, state.version))
        return changes

    def forget(self, partition: int) -> None:
        """The model is looked at again."""
        self._model.forget()


class HotspotCellsStage:
    """Cases in; findings out, when a cell's level or its failures move."""

    name = store.CELLS
    topics = (HOTSPOT_CASES.name,)
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, config: Config) -> None:
        self._cases = InnerTopic(HOTSPOT_CASES, CasesFacts, SERVICE, check=lambda event: Cell.parse(event.cell))
        self._findings = Writer(FINDINGS, SERVICE)
        self._model = ModelInForce()
        self._config = config

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads cases."""
        return self._cases.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Touched:
        """The standings of the cells, and those of their visits that the cases may change."""
        events = [item.event for item in inputs if isinstance(item, Taken)]
        _, in_force = await self._model.read(redis)
        wants_timer = await redis.zscore(state_key(self.name, partition, "timers"), _NIGHT) is None
        return await Owner.load(redis, partition, events, in_force, wants_timer, self._config)

    def fold(self, state: Touched, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Moves the detectors, case by case."""
        changes, owner = Changes(), Owner(state, self._config)
        self._cases.fold(changes, inputs, lambda item: owner.take(item.event))
        for finding in owner.conclude():
            changes.messages.append(self._message(finding))
        owner.note_changes(changes, partition)
        if state.wants_timer and inputs:
            changes.timers[_NIGHT] = next_moment(inputs[-1].record.timestamp, NIGHT_AT)
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Night:
        """The evidence of all cells, and the visits of those of this partition that may have something to say."""
        _, in_force = await self._model.read(redis)
        return await Night.load(redis, partition, in_force)

    def fold_due(self, state: Night, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """e-BH over all cells; the end of the quarters that take no more verdicts."""
        changes = Changes()
        changes.timers.update(dict.fromkeys(members))
        changes.timers[_NIGHT] = next_moment(now, NIGHT_AT)
        today = datetime.fromtimestamp(now / 1000, SHANGHAI).date()
        for finding in state.pass_over(changes, partition, today):
            changes.messages.append(self._message(finding))
        return changes

    def forget(self, partition: int) -> None:
        """The model is looked at again."""
        self._model.forget()

    def _message(self, finding: Any) -> Any:
        home = home_of(finding.subject.encode(), PARTITIONS)
        event_id = f"{finding.subject}:{finding.epoch}:{finding.revision}"
        return self._findings.message(home, finding.subject, finding, event_id)


class ModelInForce:
    """The model as last read; looked at again every few seconds."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._in_force = InForce()
        self._looked = float("-inf")

    async def read(self, redis: Redis) -> tuple[Model | None, InForce]:
        """The model, and what findings need of it."""
        if clock.monotonic() - self._looked > _MODEL_CHECK_SECONDS:
            version = await store.model_version(redis)
            if version is None:
                self._model, self._in_force = None, InForce()
            elif self._model is None or self._model.version != version:
                found = await store.load_model(redis)
                self._model, self._in_force = found if found is not None else (None, InForce())
            self._looked = clock.monotonic()
        return self._model, self._in_force

    def forget(self) -> None:
        """The next reading looks again."""
        self._looked = float("-inf")
