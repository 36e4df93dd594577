"""`simulate`: a synthetic city year as a stream of events in order of arrival, with the truth behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import date
from heapq import heappop, heappush
from typing import Any, NamedTuple

from pydantic_core import to_json

from services.simulate.clock import DAY, YEAR, Clock
from services.simulate.endings import Happening
from services.simulate.life import Life
from services.simulate.problems import Problem, as_dict, usual_problems
from services.simulate.randomness import Dice
from services.simulate.sampling import Inspectors
from services.simulate.truth import Truth

MOST_SAMPLES = 1_000_000
#: Sampling goes on at weekends, at a lower pace.
_WEEKDAY_PACE = (1.0, 1.0, 1.0, 1.0, 0.9, 0.35, 0.2)
_DUPLICATED = 0.005
#: A tablet without a network sends the sampling sheet after the result is out.
_SHEET_LATE = 0.004
_RESULT_DELAYED = 0.005


class SimulatedEvent(NamedTuple):
    """An event as it is sent: `value` is its JSON body, which also carries type, source and event_id."""

    type: str
    source: str
    event_id: str
    sample_id: str
    value: bytes

    @property
    def is_result(self) -> bool:
        """Whether it belongs on lab.results.v1; else it belongs on sampling.events.v1."""
        return self.type[0] == "R"


class Simulation:
    """The events of a year in the order in which they arrive. Each iteration gives the same events anew."""

    def __init__(self, samples: int, seed: int, start: date, problems: Sequence[Problem]) -> None:
        self.samples = samples
        self.seed = seed
        self.start = start
        self.problems = tuple(problems)
        self._truth: Truth | None = None

    @property
    def truth(self) -> Truth:
        """The ground truth. Known once the events have been gone through, which this does where nobody has."""
        if self._truth is None:
            for _ in self:
                pass
        assert self._truth is not None
        return self._truth

    def __iter__(self) -> Iterator[SimulatedEvent]:
        dice, clock = Dice(self.seed), Clock(self.start)
        arguments = {"samples": self.samples, "seed": self.seed, "start": self.start.isoformat()}
        truth = Truth(clock, arguments, tuple(map(as_dict, self.problems)))
        # different arguments give different sample numbers, so that two simulations can be fed to one system
        tag = f"{zlib.crc32(repr((arguments, self.problems)).encode()):08x}"
        inspectors, life = Inspectors(dice, clock, self.problems, tag), Life(dice, clock, self.problems)
        waiting: list[tuple[int, int, SimulatedEvent]] = []
        serial = 0
        for day, count in enumerate(_samples_by_day(dice, clock, self.samples)):
            while waiting and waiting[0][0] < day * DAY:
                yield heappop(waiting)[2]
            for taken in inspectors.take(day, count):
                told = life.of(taken)
                truth.note(taken, told)
                for arrival, event in _arrivals(dice, told, truth):
                    serial += 1
                    heappush(waiting, (arrival, serial, event))
        while waiting:
            yield heappop(waiting)[2]
        self._truth = truth


def simulate(samples: int, seed: int, start: date, problems: Sequence[Problem] | None = None) -> Simulation:
    """A synthetic year of `samples` samples from `start` on: the same arguments give the same bytes.

    problems: what goes wrong on top of chance; None for the usual ones, an empty sequence for none.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"samples must lie between 1 and {MOST_SAMPLES:,}")
    if seed < 0:
        raise ValueError("the seed must not be negative")
    return Simulation(samples, seed, start, usual_problems(start) if problems is None else problems)


def _samples_by_day(dice: Dice, clock: Clock, samples: int) -> list[int]:
    pace = [_WEEKDAY_PACE[clock.weekday(day)] for day in range(YEAR)]
    total = sum(pace)
    counts: list[int] = dice.generator.multinomial(samples, [each / total for each in pace]).tolist()
    return counts


def _arrivals(dice: Dice, told: Sequence[Happening], truth: Truth) -> Iterator[tuple[int, SimulatedEvent]]:
    """The events with their moments of arrival: now and then late, out of order, or twice."""
    sheet = told[0].moment
    if len(told) > 2 and dice.chance(_SHEET_LATE):
        sheet = told[2].moment + dice.between(30, 2 * DAY)
    for number, (happened, body) in enumerate(told):
        event = _event(body)
        moment = happened if number else sheet
        if event.is_result:
            if dice.chance(_RESULT_DELAYED):
                moment += dice.between(DAY, 20 * DAY)
            truth.ahead_of_sample += moment < sheet
        yield moment, event
        if dice.chance(_DUPLICATED):
            truth.duplicates += 1
            yield moment + dice.between(1, 3 * DAY), event


def _event(body: dict[str, Any]) -> SimulatedEvent:
    return SimulatedEvent(body["type"], body["source"], body["event_id"], body["sample_id"], to_json(body))
