"""Random histories of samples, in the order in which they may arrive, and what they come to, counted by other code."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.topics import LAB_RESULTS, SAMPLES
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.events import FAILED_ITEM, PASSED_ITEM, amended, result, retest, withdrawn

Event = dict[str, Any]
#: group of cells, the cell's value, the day, the name of the count.
Count = tuple[str, str, str, str]

_UNTESTED = {"item": "铅(以Pb计)", "verdict": "untested"}
_ITEMS = {"pass": PASSED_ITEM, "fail": FAILED_ITEM, "inconclusive": _UNTESTED}
_SHANGHAI = timedelta(hours=8)


class History:
    """One sample: every state of it that is told, and every report, amendment, withdrawal and retest."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self._rng = rng
        self.sample_id = f"H{number:06d}"
        self._minute = rng.randrange(400_000)
        self.samples = list(self._samples())
        self.results = list(self._results())

    @property
    def partition(self) -> int:
        return home_of(self.sample_id.encode(), PARTITIONS)

    def _samples(self) -> Iterator[Event]:
        rng = self._rng
        state: Event = {
            "sample_id": self.sample_id,
            "domain": rng.choice(["food", "food", "drug", "food_rapid"]),
            "plan": rng.choice(["supervision", "supervision", "risk_monitoring"]),
            "product_name": "大米",
            "sampled_at": "2024-02-20T09:30:00+08:00",
            "source": "inspectors",
            "status": "taken",
        }
        for revision in range(1, rng.choice([1, 1, 2, 3]) + 1):
            if revision == 1 or rng.random() < 0.6:
                state = {
                    **state,
                    "targeting": rng.choice(["routine", "routine", "targeted"]),
                    "category": rng.choice([["粮食加工品", "大米"], ["a > b"], ["a", "b"], ["a × b", "c", "d", "e"]]),
                    "region": rng.choice(["621002", "621002101", "621021", "US-IL/Chicago"]),
                    "stage": rng.choice(["production", "circulation"]),
                    "producer": rng.choice([None, {"name": "甲", "licence": "SC1"}, {"name": "乙"}]),
                }
            if revision > 1 and rng.random() < 0.2:
                state = {**state, "status": "voided"}
            yield {name: value for name, value in {**state, "revision": revision}.items() if value is not None}

    def _results(self) -> Iterator[Event]:
        rng = self._rng
        for number in range(rng.choice([0, 1, 1, 1, 1, 2])):
            lab = f"lab-{rng.randrange(4)}"
            first = self._concluded(result(self.sample_id, lab), report_no=f"R{number}-{self.sample_id}")
            yield first
            yield from self._revisions(first)
            if rng.random() < 0.25:
                answer = self._concluded(retest(first), lab_id=f"lab-{rng.randrange(4)}")
                yield answer
                yield from self._revisions(answer)

    def _revisions(self, first: Event) -> Iterator[Event]:
        for revision in range(2, self._rng.choice([1, 1, 1, 2, 3]) + 1):
            if self._rng.random() < 0.3:
                yield withdrawn(first, revision)
            else:
                yield self._concluded(amended(first, revision=revision, report_no=first["report_no"]))

    def _concluded(self, event: Event, **more: Any) -> Event:
        """The event with a conclusion and a moment of issue that no other has, in either of two offsets."""
        conclusion = self._rng.choice(["pass", "pass", "pass", "fail", "inconclusive"])
        self._minute += self._rng.randrange(1, 3000)
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=self._minute)
        local = (moment + _SHANGHAI).replace(tzinfo=None).isoformat() + "+08:00"
        issued = self._rng.choice([local, moment.isoformat().replace("+00:00", "Z")])
        return {**event, "items": [_ITEMS[conclusion]], "conclusion": conclusion, "issued_at": issued, **more}

    def arrivals(self) -> list[tuple[str, bytes, bytes]]:
        """Topic, key and value of every message, some of them twice, in a random order."""
        told = [(SAMPLES.name, event) for event in self.samples]
        told += [
            (LAB_RESULTS.name, {**event, "source": "lab", "event_id": f"{n}"}) for n, event in enumerate(self.results)
        ]
        told += [one for one in told if self._rng.random() < 0.1]
        self._rng.shuffle(told)
        key = self.sample_id.encode()
        return [(topic, key, json.dumps(event, ensure_ascii=False).encode()) for topic, event in told]

    def counts(self) -> Iterator[Count]:
        """Everything that the history counts in, from its events alone."""
        sample = max(self.samples, key=lambda event: event["revision"])
        reports: dict[str, Event] = {}
        for event in self.results:
            held = reports.get(event["report_no"])
            if held is None or event.get("revision", 1) > held.get("revision", 1):
                reports[event["report_no"]] = event
        standing = [event for event in reports.values() if event["type"] != "ResultWithdrawn"]
        if sample["status"] == "voided" or not standing:
            return
        answers = {event["report_no"]: event["retest_of"] for event in self.results if "retest_of" in event}
        replaced = {answers.get(event["report_no"]) for event in standing if event["conclusion"] != "inconclusive"}
        counting = [event for event in standing if event["report_no"] not in replaced]
        gravest = next(one for one in _GRAVITY if any(event["conclusion"] == one for event in counting))
        decides = max((event for event in counting if event["conclusion"] == gravest), key=_issued)
        day = min(_issued(event) for event in self.results if "issued_at" in event) + _SHANGHAI
        names = [{"pass": "passed", "fail": "failed"}.get(decides["conclusion"], "inconclusive")]
        if sample["targeting"] == "targeted" and names != ["inconclusive"]:
            names.append(f"targeted_{names[0]}")
        if len(self.results) > 1:
            names.append("revised")
        for cut, value in _cells(sample, decides["lab_id"]):
            for name in names:
                yield f"{sample['domain']}|{sample['plan']}|{cut}", value, day.date().isoformat(), name


_GRAVITY = ("fail", "pass", "inconclusive")


def _issued(event: Event) -> datetime:
    return datetime.fromisoformat(event["issued_at"]).astimezone(UTC)


def _cells(sample: Event, lab: str) -> Iterator[tuple[str, str]]:
    region, path = sample["region"], [level.replace(">", "\\>").replace("×", "\\×") for level in sample["category"]]
    if region[0] == "6":
        places = {"province": region[:2], "city": region[:4], "county": region[:6]}
        if len(region) > 6:
            places["township"] = region
    else:
        places = {"province": "US-IL", "city": region}
    yield "all", "all"
    yield from places.items()
    for depth in range(1, len(path) + 1):
        yield f"category_{depth}", " > ".join(path[:depth])
    yield "stage", sample["stage"]
    yield "laboratory", lab
    if "producer" in sample:
        yield "producer", sample["producer"].get("licence", sample["producer"]["name"])
    if "county" in places:
        yield "county_category", f"{places['county']} × {path[0]}"
        yield "county_stage_category", f"{places['county']} × {sample['stage']} × {path[0]}"
    yield "stage_category", f"{sample['stage']} × {path[0]}"


def recount(histories: Sequence[History]) -> Counter[Count]:
    """The counts of all of them together."""
    return Counter(count for history in histories for count in history.counts())
