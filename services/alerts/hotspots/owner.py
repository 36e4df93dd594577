"""What the owner of cells does with their cases, and at night: pure, but for two methods that load."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from redis.asyncio import Redis

from services.alerts.hotspots import store
from services.alerts.hotspots.cell import Case, Cell, NeedsRecount, Visit, begin, change, put, recount
from services.alerts.hotspots.config import Config
from services.alerts.hotspots.detector import log_ratios
from services.alerts.hotspots.finding import finding_of
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.levels import e_bh, level_of
from services.alerts.hotspots.quarters import after, before, closes_on, quarter_of
from services.alerts.hotspots.standing import Standing, common_area, reached, said
from services.runtime.calendar import number_of_day
from services.runtime.stage import Changes


@dataclass(slots=True)
class Touched:
    """The standings and visits that a batch of cases needs. whole: of which quarter|cell all visits are there."""

    standings: dict[str, Standing]
    visits: dict[str, dict[str, Visit]]
    whole: set[str]
    in_force: InForce
    wants_timer: bool = False


class Owner:
    """Takes the cases of one batch."""

    def __init__(self, state: Touched, config: Config) -> None:
        self._config = config
        self._state = state
        self._standings = dict(state.standings)
        self._visits = {name: dict(visits) for name, visits in state.visits.items()}
        self._touched: dict[str, set[str]] = defaultdict(set)
        self._to_recount: set[str] = set()
        #: Where other samples failed than before, be it of visits that had failed.
        self._others_failed: set[str] = set()

    @staticmethod
    async def load(
        redis: Redis, partition: int, events: Sequence[Any], in_force: InForce, wants_timer: bool, config: Config
    ) -> Touched:
        """What the events need: of a cell in which an earlier visit may change, or that may have something to say, all
        visits; of the others those that the cases name."""
        named: dict[str, list[str]] = defaultdict(list)
        for event in events:
            for case in event.cases:
                named[store.name_of(quarter(case), event.cell)].append(case.visit)
        earlier = {_before(name) for name in named}
        standings = await store.load_standings(redis, partition, {*named, *earlier})
        visits = await store.load_visits(redis, partition, named)
        whole = {
            name
            for name, found in visits.items()
            if name in standings and _wants_all(standings[name], found, named[name], in_force.active_cells)
        }
        visits |= await store.load_visits(redis, partition, dict.fromkeys(whole))
        whole |= {name for name in named if name not in standings}
        return Touched(standings, visits, whole, in_force, wants_timer)

    def take(self, event: Any) -> None:
        """Moves the cell by each of its cases that is news. Nothing is changed before all could be taken."""
        standings = ChainMap[str, Standing]({}, self._standings)
        visits: dict[tuple[str, str], Visit] = {}
        recounts, others_failed = set(self._to_recount), set(self._others_failed)
        for case in event.cases:
            name = store.name_of(quarter(case), event.cell)
            standing = standings.get(name) or self._begin(name, event.cell, standings)
            if standing.ended:
                continue
            log_ratios(case.p0)  # a recount, which comes later, must not be what finds that it is no probability
            was = visits.get((name, case.visit)) or self._visits.get(name, {}).get(case.visit)
            failed = None if case.outcome is None else case.outcome == "fail"
            now = put(
                was, standing.cell.visits, number_of_day(case.day), Case(case.sample_id, case.revision, case.p0, failed)
            )
            if now is None:
                continue
            visits[name, case.visit] = now
            if now.failed_samples != (was.failed_samples if was is not None else ()):
                others_failed.add(name)
            standings[name] = standing._replace(
                cell=_changed(name, standing.cell, was, now, recounts),
                cases=standing.cases + 1,
                area=common_area(standing.area, case.region),
                model=case.model,
                assumed=standing.assumed + (not case.basis and was is None),
            )
        self._standings |= standings.maps[0]
        self._to_recount, self._others_failed = recounts, others_failed
        for (name, visit), now in visits.items():
            self._visits.setdefault(name, {})[visit] = now
            self._touched[name].add(visit)

    def _recount(self) -> None:
        for name in self._to_recount:
            standing, visits = self._standings[name], self._visits[name]
            # more than were counted: a former release kept a visit whose message it could not take
            if name not in self._state.whole or len(visits) < standing.cell.visits:
                raise RuntimeError(f"{name}: {len(visits)} of {standing.cell.visits} visits were loaded for a recount")
            self._standings[name] = standing._replace(cell=recount(visits.values(), standing.planned))
        self._to_recount.clear()

    def _begin(self, name: str, cell: str, standings: Mapping[str, Standing]) -> Standing:
        """A new quarter of a cell: as many units are foreseen as are planned, or came in the quarter before."""
        last = standings.get(_before(name))
        came = last.cell.units if last is not None else 0
        planned = self._config.planned.get(cell, max(came, self._config.planned_least))
        return Standing(begin(planned), planned)

    def conclude(self) -> list[Any]:
        """The findings that follow, once all cases are taken; the standings then know what was said."""
        self._recount()
        return list(self._findings())

    def _findings(self) -> Iterator[Any]:
        for name in self._touched:
            standing = self._standings[name]
            level = reached(standing, self._state.in_force.active_cells)
            news = name in self._others_failed or standing.cell.failed != standing.said_failed
            if level == standing.level and (level is None or not news):
                continue
            reason = "corrected: the evidence no longer stands" if level is None else None
            self._standings[name] = said(standing, level)
            in_quarter, cell = name.split("|", 1)
            visits = self._visits[name].values()
            yield finding_of(cell, in_quarter, self._standings[name], visits, self._state.in_force, reason)

    def note_changes(self, changes: Changes, partition: int) -> None:
        """Writes what has moved, once it is concluded."""
        for name, visits in self._touched.items():
            changes.put[store.standings_key(partition)][name] = store.pack_standing(self._standings[name])
            held = changes.put[store.visits_key(partition, name)]
            for visit in visits:
                held[visit] = store.pack_visit(self._visits[name][visit])


def quarter(case: Any) -> str:
    """The quarter that a case counts in."""
    return quarter_of(date.fromisoformat(case.day))


def _changed(name: str, cell: Cell, was: Visit | None, now: Visit, recounts: set[str]) -> Cell:
    """The cell after the change; where an earlier visit changed, all of it is recounted once, after the batch."""
    if name not in recounts:
        try:
            return change(cell, was, now)
        except NeedsRecount:
            recounts.add(name)
    return cell._replace(visits=cell.visits + (was is None))


def _before(name: str) -> str:
    in_quarter, cell = name.split("|", 1)
    return store.name_of(before(in_quarter), cell)


def _wants_all(standing: Standing, found: Mapping[str, Visit], named: Sequence[str], active_cells: int) -> bool:
    """Whether an earlier visit may change, or a finding may have to name the samples that failed."""
    alone = len(named) == 1 and all(visit.place == standing.cell.visits - 1 for visit in found.values())
    all_new = not found and len(set(named)) == len(named)
    # a batch can take a cell over the line; from halfway there it is ready to say so
    near = standing.level is not None or level_of(2 * standing.peak_evidence, max(1, active_cells)) is not None
    return near or not (alone or all_new)


@dataclass(slots=True)
class Night:
    """What the night needs: all standings, and the visits of this partition's cells that have a level."""

    standings: dict[str, Standing]
    own: set[str]
    visits: dict[str, dict[str, Visit]] = field(default_factory=dict)
    in_force: InForce = field(default_factory=InForce)

    @classmethod
    async def load(cls, redis: Redis, partition: int, in_force: InForce) -> Night:
        """Reads every partition's standings."""
        standings = await store.all_standings(redis)
        own = {name for name in await store.names(redis, partition) if name in standings}
        # those of whom something may be said, and those whose quarter has ended, to be forgotten
        wanted = [name for name in own if standings[name].level is not None or standings[name].ended]
        return cls(standings, own, await store.load_visits(redis, partition, dict.fromkeys(wanted)), in_force)

    def pass_over(self, changes: Changes, partition: int, today: date) -> Iterator[Any]:
        """Names the cells that e-BH rejects, ends the quarters that are over, and forgets those long over."""
        high = self._rejected(today)
        for name in sorted(self.own):
            standing, (in_quarter, cell) = self.standings[name], name.split("|", 1)
            ended = today >= closes_on(in_quarter)
            if standing.ended:
                self._forget(changes, partition, name, today)
                continue
            now = standing._replace(ended=ended, high=standing.high or name in high)
            if now == standing:
                continue
            now = said(now, reached(now, self.in_force.active_cells)) if standing.level else now
            changes.put[store.standings_key(partition)][name] = store.pack_standing(now)
            if now.level is not None:
                reason = "the quarter has ended" if ended else None
                yield finding_of(cell, in_quarter, now, self.visits[name].values(), self.in_force, reason)

    def _rejected(self, today: date) -> set[str]:
        """The cells that e-BH rejects, of those whose quarter still takes verdicts."""
        rejected: set[str] = set()
        by_quarter: dict[str, list[str]] = defaultdict(list)
        for name in self.standings:
            by_quarter[name.split("|", 1)[0]].append(name)
        for in_quarter, names in by_quarter.items():
            if today >= closes_on(in_quarter):
                continue
            values = [self.standings[name].log_evidence for name in names]
            tests = max(self.in_force.active_cells, len(names))
            rejected |= {names[place] for place in e_bh(values, tests)}
        return rejected

    def _forget(self, changes: Changes, partition: int, name: str, today: date) -> None:
        """Forgets the visits of a quarter that has ended, and its standing once the next has ended too: until then that
        one is planned by it."""
        if visits := self.visits[name]:
            changes.delete[store.visits_key(partition, name)] += visits
        if today >= closes_on(after(name.split("|", 1)[0])):
            changes.delete[store.standings_key(partition)].append(name)
