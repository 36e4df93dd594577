"""Whatever happens to the processes, the outcome is that of an undisturbed run, exactly.

SAMPLEWATCH_CHAOS=full kills at random at least 50 times and stops each service past its session too; short, the
default, leaves that to the other tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.faults import STEPS
from tests.chaos.outcome import Outcome, alerts, assert_equal, outcome, raw_counts
from tests.chaos.runs import kill, kill_at_random, nothing, pause, run, second, settle, wipe
from tests.chaos.schedule import Schedule
from tests.system import SERVICES, System

FULL = os.environ.get("SAMPLEWATCH_CHAOS", "short") == "full"
#: Of the consumer group; the usual 10 s would only make each kill last longer.
SESSION_S = 3.0
#: Longer than that.
ZOMBIE_S = SESSION_S + 3
ENV = {"SAMPLEWATCH_SESSION_SECONDS": str(SESSION_S)}


@pytest.fixture
def same(undisturbed: tuple[Schedule, Outcome], tmp_path: Path) -> Iterator[tuple[System, Schedule]]:
    """A system and the schedule; after the test the outcome has to be the same."""
    schedule, wanted = undisturbed
    system = System(tmp_path, ENV)
    try:
        system.up()
        yield system, schedule
        settle(system)
        assert_equal(outcome(system), wanted)
    finally:
        system.end()


#: So that an outbox is left behind where the next fault needs one.
FAULTS = ("before-load", "before-apply", "after-apply", "mid-publish", "after-publish", "open-published", "after-trim")
RATES_FAULTS = (*FAULTS, "open") if FULL else ("after-apply", "mid-publish")


def test_killed_at_each_step_of_the_apply_procedure(undisturbed: tuple[Schedule, Outcome], tmp_path: Path) -> None:
    assert {*FAULTS, "open"} == set(STEPS)
    schedule, wanted = undisturbed
    faults = tmp_path / "faults"
    faults.mkdir()
    for stage in ("sampling", "lab", "alerts", "rates"):
        steps = RATES_FAULTS if stage == "rates" else (*FAULTS, "open")
        (faults / stage).write_text("".join(f"{step}:1\n" for step in steps))
    system = System(tmp_path, {**ENV, "SAMPLEWATCH_FAULT": str(faults)})
    try:
        system.up()
        run(system, schedule, {})
        assert_equal(outcome(system), wanted)
        left = {file.name: text for file in faults.iterdir() if (text := file.read_text())}
        assert not left, f"not struck: {left}"
    finally:
        system.end()


full_only = pytest.mark.skipif(not FULL, reason="only with SAMPLEWATCH_CHAOS=full; another test has its like")


@full_only
def test_killed_at_random(same: tuple[System, Schedule]) -> None:
    system, schedule = same
    run(system, schedule, lambda number: kill_at_random(number, 5))


def test_two_workers_join_and_leave(same: tuple[System, Schedule], tmp_path: Path) -> None:
    system, schedule = same

    def join(system: System) -> None:
        with second(system, "lab_results", tmp_path):
            pass

    def zombie(system: System) -> None:
        with second(system, "lab_results", tmp_path):
            pause("lab_results", ZOMBIE_S)(system)
            settle(system)

    run(system, schedule, {1: join, 2: zombie, 3: join, 4: zombie if FULL else nothing}, pause=0.5)


@full_only
def test_stopped_past_the_session(same: tuple[System, Schedule]) -> None:
    system, schedule = same
    run(system, schedule, {number + 1: pause(name, ZOMBIE_S) for number, name in enumerate(SERVICES)}, pause=0.3)


def test_redis_and_the_broker_killed(same: tuple[System, Schedule]) -> None:
    system, schedule = same
    run(system, schedule, {1: kill("redis"), 2: kill("kafka"), 3: kill("kafka", "redis"), 4: kill("redis")}, pause=0.1)


def test_redis_wiped_and_rebuilt(same: tuple[System, Schedule]) -> None:
    system, schedule = same

    run(system, schedule, {2: wipe if FULL else nothing, 3: wipe}, pause=0.1)
    # at rest: only now is all sent
    before = raw_counts(system), alerts(system)
    wipe(system)
    assert (raw_counts(system), alerts(system)) == before, "ready, and not rebuilt"
