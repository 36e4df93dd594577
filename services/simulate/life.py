"""The life of one sample: taken, received, reported; now and then voided, or never heard of again."""

from __future__ import annotations

from collections.abc import Sequence

from services.simulate.clock import DAY, Clock
from services.simulate.endings import Endings, Happening
from services.simulate.misconduct import Tampering
from services.simulate.places import NIGHT_UTC_LABORATORY
from services.simulate.problems import LateLaboratory, Problem
from services.simulate.randomness import Dice, Weighted
from services.simulate.reports import Head
from services.simulate.sampling import Taken

#: 食品安全抽样检验管理办法, art. 24: a report within 20 working days of receipt.
REPORT_DEADLINE = 20
_SOONEST_REPORT = 5
_TRANSPORT_DAYS = Weighted((1, 2, 3, 4, 5), (0.45, 0.25, 0.15, 0.1, 0.05))

_VOIDED_EARLY, _VOIDED_LATE = 0.004, 0.001
_NEVER_REPORTED = 0.002
_LATE = 0.01


class Life:
    """Writes the lives of samples. Everything happens in the order of time; disturbances are for others to add."""

    def __init__(self, dice: Dice, clock: Clock, problems: Sequence[Problem]) -> None:
        self._dice = dice
        self._clock = clock
        self._endings = Endings(dice, clock, problems)
        self._tampering = Tampering(dice, problems)
        self._late = {p.lab_id: (clock.number(p.since), p) for p in problems if isinstance(p, LateLaboratory)}

    def of(self, taken: Taken) -> list[Happening]:
        """All that happens to the sample, in order of time."""
        told = [Happening(taken.moment, taken.body)]
        if self._dice.chance(_VOIDED_EARLY):
            told.append(self._voided(taken, taken.moment, "样品破损"))
            return told
        rapid = taken.domain == "food_rapid"
        if rapid:
            received = taken.moment + self._dice.between(5, 20)
        else:
            day = taken.moment // DAY + _TRANSPORT_DAYS.pick(self._dice.uniform())
            received = day * DAY + self._dice.between(540, 1050)
        told.append(self._received(taken, received))
        if self._dice.chance(_NEVER_REPORTED):
            return told
        if rapid:
            issued = received + self._dice.between(20, 180)
        else:
            day = self._clock.after_working_days(received // DAY, self._turnaround(taken))
            # this laboratory's system releases reports at night
            hours = (0, 360) if taken.lab_id == NIGHT_UTC_LABORATORY else (540, 1050)
            issued = day * DAY + self._dice.between(*hours)
        number = f"{taken.lab_id[4:].upper()}-{taken.sample_id}"
        told += self._endings.of(taken, Head(number, 1, taken.lab_id, received, issued))
        for happening in told:
            self._tampering.apply(happening.body)
        if self._dice.chance(_VOIDED_LATE):
            told.append(self._voided(taken, told[-1].moment, "抽样程序不符合规定"))
        return told

    def _turnaround(self, taken: Taken) -> int:
        since, late = self._late.get(taken.lab_id, (0, None))
        if late is not None and taken.moment // DAY >= since and self._dice.chance(late.share):
            return REPORT_DEADLINE + self._dice.between(late.least_days, late.most_days)
        if self._dice.chance(_LATE):
            return REPORT_DEADLINE + self._dice.between(1, 10)
        return self._dice.between(_SOONEST_REPORT, REPORT_DEADLINE)

    def _received(self, taken: Taken, moment: int) -> Happening:
        body = {
            "type": "SampleReceived",
            "source": f"synthetic:{taken.lab_id}",
            "event_id": f"{taken.sample_id}-R",
            "sample_id": taken.sample_id,
            "lab_id": taken.lab_id,
            "received_at": self._clock.local(moment),
            "condition": "完好",
        }
        return Happening(moment, body)

    def _voided(self, taken: Taken, after: int, reason: str) -> Happening:
        moment = after + self._dice.between(60, 10 * DAY)
        body = {
            "type": "SampleVoided",
            "source": taken.body["source"],
            "event_id": f"{taken.sample_id}-V",
            "sample_id": taken.sample_id,
            "voided_at": self._clock.local(moment),
            "reason": reason,
        }
        return Happening(moment, body)
