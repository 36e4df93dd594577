"""Runs the schedule on a system while something is done to it, and brings back up whatever that ended."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redis import Redis

from deploy.embedded.ports import Ports
from deploy.embedded.process import is_alive, spawn, stop
from deploy.embedded.state import read_state
from services.cli.readiness import is_ready
from tests.chaos.schedule import Schedule, send
from tests.system import SERVICES, WAIT_S, System

Disturb = Callable[[System], None]

_SETTLE_S = 2 * WAIT_S


def nothing(_system: System) -> None:
    """No disturbance."""


def run(
    system: System,
    schedule: Schedule,
    disturb: Mapping[int, Disturb] | Callable[[int], Disturb],
    *,
    pause: float = 0.0,
) -> None:
    """Sends each step while its disturbance happens, and waits until all that follows has been done."""
    for number in range(schedule.length):
        what = disturb(number) if callable(disturb) else disturb.get(number, nothing)
        step = schedule.step(number, system.alerts)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send, system, step, pause if what is not nothing else 0.0)
            what(system)
            bring_up(system)
            sending.result(2 * WAIT_S)
        settle(system)


def ended(system: System) -> list[str]:
    """What does not run any more."""
    state = read_state(system.dir)
    assert state is not None
    gone = [name for name, service in state["services"].items() if not service["pid"] or not is_alive(service["pid"])]
    return gone + [name for name in state["embedded"] if not (pid := state[f"{name}_pid"]) or not is_alive(pid)]


def bring_up(system: System) -> None:
    """`samplewatch up`, again and again while something has ended: what was started may be killed at once."""
    deadline = time.monotonic() + _SETTLE_S
    while ended(system):
        assert time.monotonic() < deadline, f"{ended(system)} do not come up\n{system.logs()}"
        system.cli("up", check=False)


def settle(system: System) -> None:
    """Waits until everything runs, is ready and idle."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        bring_up(system)
        try:
            system.wait_idle()
        except Exception:
            if not ended(system) or time.monotonic() > deadline:
                raise
        else:
            break
    wait_ready(system)


def wait_ready(system: System) -> None:
    """Waits until every service says that it is ready."""
    system.eventually(lambda: all(is_ready(one.http) for one in system.services.values()), "all are ready")


# disturbances


def kill(*names: str, after: float = 0.0) -> Disturb:
    """kill -9 of services, or of kafka or redis."""

    def strike(system: System) -> None:
        time.sleep(after)
        for name in names:
            pid = pid_of(system, name)
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                system.eventually(lambda pid=pid: not is_alive(pid), f"{name} is gone")

    return strike


def pid_of(system: System, name: str) -> int | None:
    """The process of a service, or of kafka or redis."""
    state = read_state(system.dir)
    assert state is not None
    pid: int | None = state["services"][name]["pid"] if name in state["services"] else state[f"{name}_pid"]
    return pid


def kill_at_random(seed: int, times: int) -> Disturb:
    """Kills one service after another, each at a random time, and brings them up again."""
    dice = random.Random(seed)

    def strike(system: System) -> None:
        for _ in range(times):
            kill(*dice.sample(SERVICES, dice.choice((1, 1, 2, 3))), after=dice.uniform(0, 0.4))(system)
            bring_up(system)

    return strike


def pause(name: str, seconds: float) -> Disturb:
    """A zombie: stopped for longer than its session lasts, and then going on."""

    def strike(system: System) -> None:
        pid = pid_of(system, name)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    return strike


def wipe(system: System) -> None:
    """FLUSHALL, and waits until every service has noticed and is ready again."""
    wait_ready(system)
    before = {name: rollbacks(system, name) for name in SERVICES}
    with Redis.from_url(system.redis) as redis:
        redis.flushall()
    for name in SERVICES:
        system.eventually(lambda name=name: rollbacks(system, name) > before[name], f"{name} has noticed")
    wait_ready(system)


def rollbacks(system: System, name: str) -> float:
    """How often a service has found that Redis went back in time."""
    lines = system.get(name, "/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("samplewatch_ledger_rollbacks_total{"))


@contextlib.contextmanager
def second(system: System, name: str, directory: Path) -> Iterator[int]:
    """Another worker of a service, while inside; gives its pid. It is told to stop at the end."""
    port = Ports(directory).get(f"second-{name}")
    env = {
        **system.env,
        "SAMPLEWATCH_KAFKA": system.bootstrap,
        "SAMPLEWATCH_REDIS": system.redis,
        "SAMPLEWATCH_HTTP_HOST": "127.0.0.1",
        "SAMPLEWATCH_HTTP_PORT": str(port),
        "SAMPLEWATCH_DATA_DIR": str(directory / f"second-{name}"),
    }
    worker = spawn(f"second-{name}", [sys.executable, "-m", f"services.{name}"], logs=directory, env=env)
    try:
        system.eventually(lambda: is_ready(f"http://127.0.0.1:{port}"), f"the second {name} is ready")
        yield worker.pid
    finally:
        if worker.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
        stop([worker], 20)
