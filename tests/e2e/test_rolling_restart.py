"""Every process is restarted, one after the other, under load: nothing is lost, and nothing stands still for long."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from kafka import TopicPartition
from redis import Redis

from deploy.embedded.process import is_alive
from schemas.topics import RECEIPTS
from services.cli.readiness import is_ready
from services.runtime.settings import PARTITIONS
from tests.chaos.outcome import assert_equal
from tests.chaos.runs import settle
from tests.chaos.schedule import Step
from tests.lived import Lived, all_told, duty, outcome_of, send
from tests.system import CONSUMES, SERVICES, WAIT_S, System

#: Twice the default, so that a busy machine is not taken for a fault. What a process costs the others that does not
#: leave its group when it ends is the whole of it, however long.
SESSION_S = 20.0
#: Steps of the schedule during which processes are restarted: results and samples, then results and commands.
ROLLED = (1, 2)
#: How long a step's records last at their steady rate; what is left when all is restarted is sent at once.
_LASTS_S = 120.0
_TICK_S = 0.1
_LOOK_S = 0.25

#: A stage, a topic and a partition.
Place = tuple[str, str, int]


class Longest:
    """For how long something went on at a time, at most, by name."""

    def __init__(self) -> None:
        self.seconds: dict[Any, float] = {}
        self._since: dict[Any, float] = {}

    def look(self, name: Any, now: float, *, goes_on: bool) -> None:
        """Notes whether it goes on. It began when it was last seen not to."""
        if not goes_on or name not in self._since:
            self._since[name] = now
        self.seconds[name] = max(self.seconds.get(name, 0.0), now - self._since[name])

    def worst(self) -> tuple[float, Any]:
        """The longest, and what it was."""
        return max((seconds, name) for name, seconds in self.seconds.items())


class Watch:
    """What is measured meanwhile: partitions that have records to apply and do not move, services without a process
    that is ready."""

    def __init__(self, systems: tuple[System, ...]) -> None:
        self._systems = systems
        self.still = Longest()
        self.unready = Longest()
        self._positions: dict[Place, int] = {}

    def look_at_partitions(self, done: threading.Event) -> None:
        """Compares the ledgers with the ends of the topics, again and again."""
        system = self._systems[0]
        topics = sorted({topic for consumed in CONSUMES.values() for topic in consumed})
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        with Redis.from_url(system.redis) as redis, closing(system._consumer()) as consumer:
            while not done.wait(_LOOK_S):
                ends = consumer.end_offsets(places)  # first, so that what came since does not count as behind
                for place, position in positions(redis).items():
                    _, topic, partition = place
                    behind = position < ends[TopicPartition(topic, partition)]
                    same = self._positions.get(place, position) == position
                    self.still.look(place, time.monotonic(), goes_on=behind and same)
                    self._positions[place] = position

    def look_at_services(self, done: threading.Event) -> None:
        """Asks the processes of each service whether one of them is ready, again and again."""
        pages = {name: [system.services[name].http for system in self._systems] for name in SERVICES}
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            while not done.wait(_LOOK_S):
                ready = list(pool.map(lambda name: any(map(is_ready, pages[name])), SERVICES))
                for name, one in zip(SERVICES, ready, strict=True):
                    self.unready.look(name, time.monotonic(), goes_on=not one)


def positions(redis: Redis) -> dict[Place, int]:
    """Where every ledger stands."""
    keys = list(redis.scan_iter("sw:{*}:ledger", count=10_000))
    pipe = redis.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    found: dict[Place, int] = {}
    for key, fields in zip(keys, pipe.execute(), strict=True):
        stage, _, partition = key.decode().partition("{")[2].partition("}")[0].rpartition(":")
        found |= {(stage, t.decode(), int(partition)): int(at) for t, at in fields.items() if t != b"version"}
    return found


@contextmanager
def watched(*systems: System) -> Iterator[Watch]:
    """Measures while inside. An error of the measuring is raised at the end."""
    watch, done = Watch(systems), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look, done) for look in (watch.look_at_partitions, watch.look_at_services)]
        try:
            yield watch
        finally:
            done.set()
        for one in looking:
            one.result()


def restart(system: System, name: str) -> None:
    """What docs/upgrade.md says: SIGTERM, wait for the end, start anew, wait until it is ready."""
    pid = system.services[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    system.eventually(lambda: not is_alive(pid), f"{name} has ended")
    system.eventually(lambda: system.services[name].exit == 0, f"{name} ended well")
    system.cli("up")
    assert system.services[name].pid not in (None, pid)


def send_steadily(system: System, step: Step, restarting: Callable[[], bool]) -> bool:
    """Sends the step at a steady rate for as long as something is restarted, and the rest of it at once; returns
    whether it lasted."""
    sent, began, rate = 0, time.monotonic(), len(step) / _LASTS_S
    while restarting() and sent < len(step):
        due = min(len(step), int((time.monotonic() - began + _TICK_S) * rate))
        system.produce(step[sent:due])
        sent = due
        time.sleep(_TICK_S)
    lasted = not restarting() or sent < len(step)
    system.produce(step[sent:])
    return lasted


@contextmanager
def two_sets(tmp_path: Path, env: Mapping[str, str] | None = None) -> Iterator[tuple[System, System]]:
    """A system, and a second set of services on its Kafka and Redis, as docs/operations.md says."""
    with ExitStack() as running:
        first = System(tmp_path / "first", env)
        running.callback(first.end)
        first.up()
        servers = {"SAMPLEWATCH_KAFKA": first.bootstrap, "SAMPLEWATCH_REDIS": first.redis}
        second = System(tmp_path / "second", {**servers, **(env or {})})
        running.callback(second.end)
        second.up()
        yield first, second


def roll(restarted: System, watched_systems: tuple[System, System], step: Step) -> Watch:
    """Restarts each service of a set while the step is sent; returns what was measured until all was done."""
    first, _ = watched_systems
    running, took = threading.Event(), {}
    running.set()
    with watched(*watched_systems) as watch, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_steadily, first, step, running.is_set)
        try:
            for name in SERVICES:
                began = time.monotonic()
                restart(restarted, name)
                took[name] = round(time.monotonic() - began, 1)
        finally:
            running.clear()
        assert sending.result(WAIT_S), "the load ended before the restarts did"
        settle(first)
    print(f"restarts took {took} s")
    return watch


def test_every_process_is_restarted_under_load(lived: Lived, tmp_path: Path) -> None:
    with (
        duty(tmp_path) as (hook, env),
        two_sets(tmp_path, {**env, "SAMPLEWATCH_SESSION_SECONDS": str(SESSION_S)}) as both,
    ):
        first, _ = both
        settle(first)
        before = {system.services[name].pid for system in both for name in SERVICES}
        for number in range(lived.schedule.length):
            if number not in ROLLED:
                send(first, lived.schedule, range(number, number + 1))
                continue
            step = lived.schedule.step(number, first.alerts)
            watch = roll(both[ROLLED.index(number)], both, step)
            for what, longest in {"without progress": watch.still, "not ready": watch.unready}.items():
                seconds, name = longest.worst()
                print(f"{what} for {seconds:.2f} s at most: {name}")
                assert seconds < SESSION_S, f"{name}: {what} for {seconds:.1f} s\n{first.logs()}"
        assert not before & {system.services[name].pid for system in both for name in SERVICES}
        all_told(first, hook)
        assert_equal(outcome_of(first), lived.came_to)
        assert len(hook.ids) == len(set(hook.ids)), "somebody was told twice of the same"
        receipts = [one["receipt_id"] for one in first.messages(RECEIPTS.name)]
        print(f"{len(receipts)} receipts, {len(receipts) - len(set(receipts))} of them repeated")
