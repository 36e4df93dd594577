"""What the sampling stage says of a sample's deadlines, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schemas.deadlines import DeadlineEvent
from schemas.topics import DEADLINES, SAMPLING_EVENTS, VERDICTS
from services.deadlines import Table, WorkingDays, load_table, load_working_days
from services.deadlines.table import Rule
from services.runtime.calendar import SHANGHAI
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.sampling.stage import SamplingStage
from services.sampling.store import load_lives, open_key
from services.sampling.watching import Watcher
from tests.memory import FakeRecord, MemoryShard

TABLE = load_table()
ANNOUNCED = load_working_days()
PARTITION = home_of(b"S1", PARTITIONS)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


class Story:
    """One sample, told by events that arrive at given times, and by the hours that pass."""

    def __init__(self, calendar: WorkingDays | None = None, table: Table = TABLE) -> None:
        self.shard = MemoryShard(SamplingStage(table, calendar or ANNOUNCED), PARTITION)
        self._offsets = itertools.count()
        #: What is told now was told before.
        self.quietly = False

    def taken(self, at: str, arrives: str | None = None, **more: Any) -> None:
        body = {
            "type": "SampleTaken",
            "domain": "food",
            "plan": "supervision",
            "category": ["粮食加工品"],
            "product_name": "大米",
            "region": "621002",
            "stage": "circulation",
            "sampled_at": f"{at}:00+08:00",
            "sampled_by": ["甲", "乙"],
        }
        self._event(body | more, arrives or at)

    def received(self, at: str, arrives: str | None = None) -> None:
        self._event({"type": "SampleReceived", "lab_id": "L1", "received_at": f"{at}:00+08:00"}, arrives or at)

    def voided(self, at: str) -> None:
        self._event({"type": "SampleVoided", "voided_at": f"{at}:00+08:00", "reason": "spoilt"}, at)

    def verdict(self, outcome: str | None, at: str, arrives: str | None = None, revision: int = 3, **more: Any) -> None:
        body = {"sample_id": "S1", "revision": revision, "outcome": outcome, "concluded_at": f"{at}:00+08:00"}
        self._feed(VERDICTS.name, body | more, arrives or at)

    def _event(self, body: dict[str, Any], arrives: str) -> None:
        offset = next(self._offsets)
        self._feed(SAMPLING_EVENTS.name, {"sample_id": "S1", "source": "s", "event_id": f"e{offset}"} | body, arrives)

    def _feed(self, topic: str, body: dict[str, Any], arrives: str) -> None:
        value = json.dumps(body).encode()
        record = FakeRecord(topic, next(self._offsets), b"S1", value, partition=PARTITION, timestamp=ms(arrives))
        self.shard.feed([record], quietly=self.quietly)

    def at(self, now: str) -> list[tuple[str, str]]:
        """Lets the timers fire that are due by then; returns what was said since: (rule, phase)."""
        before = len(self.said)
        self.shard.fire(ms(now))
        return [(event.rule, event.phase) for event in self.said[before:]]

    @property
    def said(self) -> list[DeadlineEvent]:
        return [DeadlineEvent.model_validate_json(message.value or b"") for message in self.shard.of(DEADLINES.name)]

    @property
    def open(self) -> set[str]:
        return {json.loads(value)["rule"] for value in self.shard.redis.hashes[open_key(PARTITION)].values()}

    def standing(self) -> dict[str, str]:
        """rule -> phase, as a reader sees it who takes the highest revision of each deadline."""
        held: dict[str, DeadlineEvent] = {}
        for event in self.said:
            if event.revision > (held[event.deadline_id].revision if event.deadline_id in held else 0):
                held[event.deadline_id] = event
        return {event.rule: event.phase for event in held.values()}


DELIVERY, REPORT, RETEST = "food_sample_delivery", "food_report", "food_retest_application"


def test_a_sample_that_does_not_arrive_is_near_on_the_last_working_day_and_passed_after_it() -> None:
    story = Story()
    story.taken("2026-09-29T10:00")  # September 30, October 8, 9, 10 (made up) and 12
    assert story.at("2026-10-11T23:59") == []
    assert story.at("2026-10-12T00:00") == [(DELIVERY, "near")]
    assert story.at("2026-10-13T00:00") == []  # 24:00 of the last day is in time
    assert story.at("2026-10-13T00:01") == [(DELIVERY, "passed")]
    assert story.at("2026-12-31T00:00") == []
    assert story.open == {DELIVERY}
    passed = story.said[-1]
    assert (passed.revision, passed.unit, passed.article, passed.confirmed) == (4, "working_days", "20", True)
    assert passed.due_at == passed.at == datetime(2026, 10, 13, tzinfo=SHANGHAI)


def changed(rule: str, in_force_from: str, **change: Any) -> Table:
    """The table with another version of a rule."""
    row = next(row for row in TABLE.rules if row.id == rule).model_dump()
    rules = (*TABLE.rules, Rule.model_validate(row | {"in_force_from": in_force_from} | change))
    return Table(TABLE.dated, rules, TABLE.imports)


@pytest.mark.parametrize(
    "change",
    [
        {"domains": ("drug",)},
        {"categories": ("酒类",)},
        {"starts": {"field": "SampleReceived.received_at"}},
        {"stops": [{"field": "SampleTaken.sampled_at"}]},
        {"notify": False},
        {"starts": {"unrecorded": "x"}, "watched_by": "nobody"},
    ],
)
def test_a_version_that_is_not_in_force_yet_changes_nothing(change: dict[str, Any]) -> None:
    story = Story(table=changed(DELIVERY, "2026-10-01", **change))
    story.taken("2026-09-29T10:00")
    assert story.at("2026-10-13T00:01") == [(DELIVERY, "passed")]
    story.received("2026-10-14T10:00")
    assert story.standing() == {DELIVERY: "met"}


def test_a_version_in_force_decides_for_whom_it_is() -> None:
    for domain, says in (("food", []), ("drug", [(DELIVERY, "passed")])):
        story = Story(table=changed(DELIVERY, "2026-09-29", domains=("drug",)))
        story.taken("2026-09-29T10:00", domain=domain)
        assert story.at("2026-10-13T00:01") == says
    earlier = Story(table=changed(DELIVERY, "2026-09-30", domains=("drug",)))
    earlier.taken("2026-09-29T10:00", domain="drug")
    assert earlier.at("2026-12-31T00:00") == []


def test_a_sample_that_arrives_in_time_is_never_spoken_of() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.received("2026-03-03T10:00")
    story.verdict("pass", "2026-03-10T10:00")
    assert story.at("2027-03-01T00:00") == []
    assert story.said == []
    assert story.shard.redis.timers == {}


def test_no_turnaround_at_all_is_not_late() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.received("2026-03-02T10:00")
    story.verdict("fail", "2026-03-02T10:00")
    assert story.said == []


def test_arriving_late_ends_the_deadline_and_says_so() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.at("2026-03-12T00:00")
    story.received("2026-03-12T09:00")
    met = story.said[-1]
    assert (met.rule, met.phase, met.late, met.revision) == (DELIVERY, "met", True, 5)
    assert met.at == datetime(2026, 3, 12, 9, tzinfo=SHANGHAI)
    assert story.open == set()


def test_what_was_done_in_time_and_recorded_late_is_not_late() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    assert [phase for _, phase in story.at("2026-03-12T00:00")] == ["passed"]
    story.received("2026-03-05T09:00", arrives="2026-03-12T09:00")
    assert [(event.phase, event.late) for event in story.said] == [("passed", False), ("met", False)]


def test_a_report_that_does_not_come_is_the_laboratorys() -> None:
    story = Story()
    story.taken("2026-02-09T10:00")
    story.received("2026-02-10T10:00")
    assert story.at("2026-03-11T23:59") == []
    assert story.at("2026-03-12T00:00") == [(REPORT, "near")]
    assert story.at("2026-03-17T00:01") == [(REPORT, "passed")]
    assert (story.said[-1].liable, story.said[-1].lab_id) == ("laboratory", "L1")


def test_a_report_shows_that_the_sample_arrived() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.verdict("pass", "2026-03-06T10:00")
    assert story.at("2026-06-01T00:00") == []


def test_a_failure_that_is_reported_too_late_is_told_with_the_report() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.received("2026-03-03T10:00")
    story.verdict("fail", "2026-03-09T10:00", arrives="2026-03-13T10:00")
    (late,) = story.said
    assert (late.rule, late.phase, late.late, late.confirmed) == ("food_fail_reported", "met", True, False)


@pytest.mark.parametrize("between", [False, True], ids=["turned", "withdrawn in between"])
def test_a_conclusion_that_turned_and_is_reported_too_late_is_late_too(between: bool) -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.received("2026-03-03T10:00")
    story.verdict("pass", "2026-03-09T10:00")
    if between:
        story.verdict(None, "2026-03-09T10:00", arrives="2026-03-10T10:00", revision=4)
    story.verdict("fail", "2026-03-16T10:00", arrives="2026-03-20T10:00", revision=5)
    said = story.said
    (late,) = [event for event in said if event.rule == "food_fail_reported"]
    assert (late.phase, late.late) == ("met", True)
    assert late.at == datetime(2026, 3, 20, 10, tzinfo=SHANGHAI)
    # the same again, an older one, and one that says the same do not move it
    story.verdict("fail", "2026-03-16T10:00", arrives="2026-03-24T10:00", revision=5)
    story.verdict("pass", "2026-03-09T10:00", arrives="2026-03-24T10:00")
    story.verdict("fail", "2026-03-23T10:00", arrives="2026-03-24T10:00", revision=6)
    assert story.said == said


@pytest.mark.parametrize(("plan", "runs"), [("special", True), ("risk_monitoring", False), ("evaluation", False)])
def test_what_a_failure_of_supervision_sampling_starts_runs_for_no_other_plan(plan: str, runs: bool) -> None:
    story = Story()
    story.taken("2026-03-02T10:00", plan=plan)
    story.received("2026-03-03T10:00")
    story.verdict("fail", "2026-03-09T10:00", arrives="2026-03-13T10:00")
    story.at("2026-03-19T00:01")
    assert story.standing() == ({"food_fail_reported": "met", RETEST: "passed"} if runs else {})
    life = asyncio.run(load_lives(story.shard.redis, PARTITION, ["S1"]))["S1"]  # type: ignore[arg-type]
    shown = {clock.rule.id for clock in Watcher(TABLE, ANNOUNCED).clocks(life)}
    assert {"food_report", "food_backup_after_fail"} <= shown
    assert (RETEST in shown) == runs


def test_the_right_to_a_retest_ends_and_nobody_is_late() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.verdict("fail", "2026-03-09T10:00")
    assert story.at("2026-03-18T00:00") == [(RETEST, "near")]
    assert story.at("2026-03-19T00:01") == [(RETEST, "passed")]
    assert story.said[-1].kind == "window"


def test_an_amendment_that_says_the_same_does_not_start_a_clock_again() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.verdict("fail", "2026-03-09T10:00")
    story.verdict("fail", "2026-03-16T10:00", revision=4)
    assert story.at("2026-03-18T00:00") == [(RETEST, "near")]
    assert story.said[-1].started_at == datetime(2026, 3, 9, 10, tzinfo=SHANGHAI)


def test_an_overturned_failure_voids_its_clocks_and_a_new_one_begins_anew() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.verdict("fail", "2026-03-09T10:00")
    story.at("2026-03-18T00:00")
    story.verdict("pass", "2026-03-18T10:00", revision=4)
    assert story.standing()[RETEST] == "void"
    assert story.open == set()
    story.verdict("fail", "2026-04-01T10:00", revision=5)
    assert story.at("2026-04-13T00:00") == [(RETEST, "near")]  # April 2, 3, 7, 8, 9, 10 and 13: the 6th is a holiday
    assert [event.revision for event in story.said if event.rule == RETEST] == [2, 6, 22]


def test_a_voided_sample_has_no_clocks() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.at("2026-03-12T00:00")
    story.voided("2026-03-12T10:00")
    assert story.standing() == {DELIVERY: "void"}
    story.received("2026-03-12T11:00")
    assert story.at("2026-12-31T00:00") == []
    assert story.shard.redis.timers == {}


def test_a_repeated_event_changes_nothing() -> None:
    story = Story()
    story.taken("2026-03-02T10:00")
    story.at("2026-03-12T00:00")
    story.taken("2026-03-02T10:00", arrives="2026-03-12T12:00")
    assert story.standing() == {DELIVERY: "passed"}
    assert story.at("2026-03-13T00:00") == []


def test_imported_records_that_are_complete_say_nothing() -> None:
    story = Story()
    story.taken("2024-03-04T10:00", arrives="2026-03-02T10:00")
    story.received("2024-04-05T10:00", arrives="2026-03-02T10:05")  # late, in its time
    story.verdict("fail", "2024-05-20T10:00", arrives="2026-03-02T18:00")
    assert story.at("2026-12-31T00:00") == []
    assert story.said == []


def test_imported_records_that_stay_open_are_passed_a_day_later_and_marked() -> None:
    story = Story()
    story.taken("2024-03-04T10:00", arrives="2026-03-02T10:00")
    assert story.at("2026-03-03T09:59") == []
    assert story.at("2026-03-03T10:00") == [(DELIVERY, "passed")]
    assert story.said[-1].historic


def test_what_comes_in_a_little_after_its_end_may_still_be_completed_within_the_hour() -> None:
    for completed in (True, False):
        story = Story()
        story.taken("2026-03-02T10:00", arrives="2026-03-12T10:00")
        if completed:
            story.received("2026-03-03T10:00", arrives="2026-03-12T10:30")
        said = story.at("2026-03-12T11:00")
        assert said == ([] if completed else [(DELIVERY, "passed")])
        assert not any(event.historic for event in story.said)


def test_an_end_that_is_provisional_is_said_again_once_it_is_certain(tmp_path: Path) -> None:
    story = Story()
    story.taken("2026-12-28T10:00")  # 29, 30, 31, and by weekends alone January 1 and 4
    assert story.at("2027-01-04T00:00") == [(DELIVERY, "near")]
    assert story.said[-1].provisional
    announced = tmp_path / "announced.yaml"
    announced.write_text("announced_years: [2027]\ndays: {2027-01-01: rest, 2027-01-02: rest}\n", "utf-8")
    story.shard.stage = SamplingStage(TABLE, load_working_days(announced))  # the service is started again
    assert story.at("2027-01-05T00:01") == [(DELIVERY, "near")]  # the end has moved to the 5th
    assert not story.said[-1].provisional
    assert story.at("2027-01-06T00:01") == [(DELIVERY, "passed")]
    assert [event.revision for event in story.said] == [1, 2, 4]


def test_an_end_that_moves_forward_is_noticed_in_time(tmp_path: Path) -> None:
    story = Story()
    story.taken("2026-12-24T10:00")
    story.received("2026-12-25T10:00")  # provisional: 20 working days to January 22
    announced = tmp_path / "announced.yaml"
    announced.write_text("announced_years: [2027]\ndays: {2027-01-09: working, 2027-01-16: working}\n", "utf-8")
    story.shard.stage = SamplingStage(TABLE, load_working_days(announced))
    said: list[tuple[str, str, str]] = []
    for day in range(1, 25):
        said += [(rule, phase, f"{day}") for rule, phase in story.at(f"2027-01-{day:02}T12:00")]
    # to January 20, and the warning on the 18th
    assert said == [(REPORT, "near", "18"), (REPORT, "passed", "21")]


def test_a_life_keeps_what_is_noted_of_its_clocks() -> None:
    from services.sampling.domain import Judged, Life, Watch
    from services.sampling.packing import pack_life, unpack_life

    life = Life(judged=Judged(1, 2, "fail", 3, 4, 5), watches={"a": Watch(3, 9), "b": Watch(1)})
    assert unpack_life(pack_life(life), "S1") == life
    assert unpack_life(pack_life(Life()), "S1") == Life()


STEPS = ("taken", "received", "fail", "pass", "withdrawn", "fail again", "voided")
TIMES = st.sampled_from(
    ["2026-03-02T12:00", "2026-03-03T12:00", "2026-03-18T12:00", "2026-03-19T00:01", "2026-04-08T12:00"]
)


JUDGED = ("fail", "pass", "withdrawn", "fail again")
ARRIVALS = {
    "taken": "2026-02-24",
    "received": "2026-03-04",
    "fail": "2026-03-09",
    "pass": "2026-03-19",
    "withdrawn": "2026-03-20",
    "fail again": "2026-03-25",
    "voided": "2026-04-15",
}


def tell(story: Story, step: str) -> None:
    match step:
        case "taken":
            story.taken("2026-02-24T10:00")
        case "received":
            story.received("2026-03-04T10:00")
        case "fail":
            story.verdict("fail", "2026-03-09T10:00", revision=3)
        case "pass":
            story.verdict("pass", "2026-03-19T10:00", revision=4)
        case "withdrawn":
            story.verdict(None, "2026-03-20T10:00", revision=5)
        case "fail again":
            story.verdict("fail", "2026-03-25T10:00", revision=6)
        case "voided":
            story.voided("2026-04-15T10:00")


def told(steps: set[str], looks: list[str], to: int | None = None) -> Story:
    """The sample's life as it happened, the first `to` steps of it, with timers that fire at the looks in between."""
    story = Story()
    order = [step for step in STEPS if step in steps]
    for number, step in enumerate(order):
        for look in sorted(looks):
            if look < ARRIVALS[step]:
                story.at(look)
        if number == to:
            break
        tell(story, step)
    return story


def rebuilt(steps: set[str], verdicts_first: bool, told_before: int = 0) -> Story:
    """The same from an empty Redis: each topic in order, and timers only once everything is there. What followed from
    so many of the first steps had been told, and is read first."""
    story = Story()
    order = [step for step in STEPS if step in steps]
    for part, quietly in ((order[:told_before], True), (order[told_before:], False)):
        story.quietly = quietly
        for step in sorted(part, key=lambda step: (step in JUDGED) != verdicts_first):
            tell(story, step)
    story.at("2026-09-01T00:00")
    return story


def in_doubt(story: Story) -> set[str]:
    return {rule for rule, phase in story.standing().items() if phase in ("near", "passed")}


HISTORIES = st.sets(st.sampled_from(STEPS))


@given(HISTORIES, st.lists(TIMES, max_size=4), st.booleans())
def test_a_replay_contradicts_nothing(steps: set[str], looks: list[str], verdicts_first: bool) -> None:
    live = told(steps, looks)
    live.at("2026-09-01T00:00")
    before, again = in_doubt(live), rebuilt(steps, verdicts_first)
    live.shard.messages += again.shard.messages
    assert in_doubt(live) == before == live.open == again.open


@given(HISTORIES, st.lists(TIMES, max_size=4), st.booleans(), st.integers(0, 7), st.booleans())
# the rebuild hears of the failure last
@example({"taken", "fail", "voided"}, ["2026-03-18T12:00"], False, 2, False)
def test_what_happened_while_redis_was_lost_is_said_by_the_rebuild(
    steps: set[str], looks: list[str], verdicts_first: bool, to: int, quiet: bool
) -> None:
    """Whoever heard that a deadline passed hears that it was met, though the service forgot that it had said so.

    Not where the rebuild reads verdicts before their sample and the outcome turned meanwhile: it then never knows of
    the clocks of the earlier outcome (docs/deadlines.md).
    """
    assume(not (verdicts_first and len(steps.intersection(JUDGED)) > 1))
    cut, again = told(steps, looks, to), rebuilt(steps, verdicts_first, to if quiet else 0)
    cut.shard.messages += again.shard.messages
    assert in_doubt(cut) == again.open
