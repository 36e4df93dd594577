"""The network between the services and Kafka or Redis is cut for longer than a session, and healed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn, stop
from deploy.embedded.redis import Redis
from tests.chaos.conftest import FULL
from tests.chaos.outcome import Outcome, assert_equal, outcome
from tests.chaos.proxy import Proxy
from tests.chaos.runs import Disturb, run, settle
from tests.chaos.schedule import Schedule
from tests.system import WAIT_S, System

SESSION_S = 3.0
CUT_S = 6.0


@pytest.fixture
def proxies(tmp_path: Path) -> Iterator[dict[str, Proxy]]:
    """Kafka and Redis, reached through a proxy each."""
    ports, children, proxies = Ports(tmp_path), [], {}
    kafka, redis = Kafka(tmp_path), Redis(tmp_path)
    for backend in (redis, kafka):
        backend.prepare(ports)
        proxies[backend.name] = Proxy(ports.get(backend.name))
        if backend is kafka:
            advertise(tmp_path / "kafka" / "server.properties", proxies["kafka"].port)
        children.append(spawn(backend.name, backend.command(), logs=tmp_path))
    try:
        deadline = time.monotonic() + WAIT_S
        while not (kafka.ready() and redis.ready()):
            assert time.monotonic() < deadline, "Kafka and Redis do not start"
            time.sleep(0.05)
        yield proxies
    finally:
        for proxy in proxies.values():
            proxy.close()
        stop(children, 20)


def advertise(properties: Path, port: int) -> None:
    """Sends clients through the proxy."""
    lines = properties.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("advertised.listeners=")]
    properties.write_text("\n".join([*kept, f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}", ""]))


def cut(proxy: Proxy, *, lost: bool) -> Disturb:
    """Cuts the wire for a while."""

    def strike(_system: System) -> None:
        time.sleep(0.2)
        proxy.cut()
        time.sleep(CUT_S)
        proxy.heal(lost=lost)

    return strike


def test_the_network_is_cut(undisturbed: tuple[Schedule, Outcome], proxies: dict[str, Proxy], tmp_path: Path) -> None:
    schedule, wanted = undisturbed
    env = {
        "SAMPLEWATCH_SESSION_SECONDS": str(SESSION_S),
        "SAMPLEWATCH_KAFKA": f"127.0.0.1:{proxies['kafka'].port}",
        "SAMPLEWATCH_REDIS": f"redis://127.0.0.1:{proxies['redis'].port}/0",
    }
    system = System(tmp_path / "services", env)
    try:
        system.up()
        cuts = {
            1: cut(proxies["redis"], lost=False),
            2: cut(proxies["kafka"], lost=False),
            3: cut(proxies["redis"], lost=True),
            4: cut(proxies["kafka"], lost=True),
        }
        if not FULL:
            cuts = {number: cuts[number] for number in (2, 3)}
        run(system, schedule, cuts, pause=0.1)
        settle(system)
        assert_equal(outcome(system), wanted)
    finally:
        system.end()
