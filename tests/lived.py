"""A system that has lived: months of events and commands, people told of every alert, and copies made on the way.

It is undisturbed to its end, so others are compared with what it came to. Then all its processes are killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from redis import Redis

from deploy.embedded.process import is_alive
from deploy.embedded.state import read_state
from schemas.topics import DELIVERIES, LAB_RESULTS
from services.alerts.notify.stages import SENDER
from tests.chaos.outcome import Outcome, outcome
from tests.chaos.runs import settle
from tests.chaos.schedule import Schedule, Step
from tests.receivers import Hook, hook
from tests.system import WAIT_S, System

_ROUTES = """
route:
  receiver: duty
  group_by: [alert_id]
  group_wait: 0s
  group_interval: 0s
  repeat_interval: 0s
"""
_RECEIVERS = """
receivers:
  duty:
    channels: {hook: "json://127.0.0.1:%d/duty"}
    language: en
"""
_CHUNK = 25
#: What an alert says of its last step.
_LAST_STEP = ("transition", "msg_type", "changed_by", "reason", "stated_at")


@contextlib.contextmanager
def duty(folder: Path) -> Iterator[tuple[Hook, dict[str, str]]]:
    """Who is told of every alert, and the environment of services that do so."""
    folder.mkdir(parents=True, exist_ok=True)
    with hook() as found:
        (folder / "routes.yaml").write_text(_ROUTES)
        (folder / "receivers.yaml").write_text(_RECEIVERS % found.port)
        # what was killed is waited for as long as a session, so let that be short
        yield found, {"SAMPLEWATCH_ROUTES": str(folder / "routes.yaml"), "SAMPLEWATCH_SESSION_SECONDS": "3"}


class Lived:
    """What has lived. `hook` and `env` go on working: whoever goes on with the data tells the same people."""

    def __init__(self, folder: Path, told: Hook, env: dict[str, str]) -> None:
        self.hook, self.env = told, env
        self.system = System(folder, env)
        #: Steps 1 and 2 bring most results; the backup is made in step 2.
        self.schedule = Schedule(samples=1_000, seed=37, slices=2)
        self.old_redis, self.backup = folder / "old-redis", folder / "backup"
        #: What `samplewatch backup create` has said.
        self.made: dict[str, Any] = {}
        #: Results that were there before step 2.
        self.results_before = 0
        self.came_to: Outcome = {}
        #: The ids of the messages that people got.
        self.told: list[str] = []

    def live(self) -> None:
        """From the beginning to the end."""
        system = self.system
        system.up()
        send(system, self.schedule, range(2))
        all_told(system, self.hook)
        copy_redis(system, self.old_redis)
        # while results come in and people are told
        self.results_before, step = sum(system.ends(LAB_RESULTS.name).values()), self.schedule.step(2, system.alerts)
        told = len(self.hook.ids)
        system.produce(step[: len(step) // 3])
        system.eventually(lambda: len(self.hook.ids) > told, "somebody is told")
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_send_slowly, system, step[len(step) // 3 :])
            self.made = system.json("backup", "create", str(self.backup), "--margin", "0.1")
            sending.result(WAIT_S)
        settle(system)
        send(system, self.schedule, range(3, self.schedule.length))
        all_told(system, self.hook)
        self.came_to, self.told = outcome_of(system), list(self.hook.ids)
        kill_everything(system)


def send(system: System, schedule: Schedule, steps: range) -> None:
    """Some steps, each once all that follows from the one before has been done."""
    for number in steps:
        system.produce(schedule.step(number, system.alerts))
        settle(system)


def _send_slowly(system: System, step: Step) -> None:
    for start in range(0, len(step), _CHUNK):
        system.produce(step[start : start + _CHUNK])
        time.sleep(0.2)


def outcome_of(system: System) -> Outcome:
    """What a run came to, but for when people were told: that is another time in each, before a change or after it.
    So alerts differ in how many steps they took, and those that nobody has acted on yet in which was the last."""
    found = outcome(system)
    for alert in found["alerts"].values():
        for name in ("steps", *(_LAST_STEP if alert["state"] == "notified" else ())):
            alert.pop(name, None)
    found["answered"] = {event: one for event, one in found["answered"].items() if not event.startswith(SENDER)}
    return found


def all_told(system: System, told: Hook, since: int = 0) -> None:
    """Waits until people were told of every alert, and what they were told, from a place on, is in the log."""
    missing: dict[str, Any] = {}

    def is_told() -> bool:
        missing["raised"] = [alert for alert in system.alerts() if alert["state"] == "raised"]
        missing["unlogged"] = set(told.ids[since:]) - logged(system)
        return not any(missing.values())

    try:
        system.eventually(is_told, "everybody is told")
    except AssertionError:
        print(f"not told, or not known to be told: {missing}")
        raise
    settle(system)


def logged(system: System) -> set[str]:
    """The ids of the messages that the notification log has as delivered."""
    return {one["delivery_id"] for one in system.messages(DELIVERIES.name) if one["outcome"] == "delivered"}


def copy_redis(system: System, target: Path) -> None:
    """A copy of the append-only file of a Redis at work, as docs/backup.md says."""
    with Redis.from_url(system.redis) as redis:
        redis.config_set("auto-aof-rewrite-percentage", 0)
        system.eventually(lambda: not redis.info("persistence")["aof_rewrite_in_progress"], "no rewrite is under way")
        shutil.copytree(system.dir / "redis" / "appendonlydir", target / "appendonlydir")
        redis.config_set("auto-aof-rewrite-percentage", 100)


def kill_everything(system: System) -> None:
    """kill -9 of the services, Kafka and Redis, and the end of their supervisor."""
    state = read_state(system.dir)
    assert state is not None
    pids = [service["pid"] for service in state["services"].values()] + [state["kafka_pid"], state["redis_pid"]]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    system.eventually(lambda: not any(map(is_alive, pids)), "all are gone")
    system.end()
