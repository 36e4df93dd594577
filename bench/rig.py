"""The rig: Kafka and Valkey in a directory of their own, services started one by one, and what all of them consume."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn, stop, tail
from deploy.embedded.redis import Redis
from services.runtime.settings import PARTITIONS
from services.runtime.topics import create_topics

#: A stage and a step of its apply procedure.
Step = tuple[str, str]
_START_S = 60.0
_STOP_S = 20.0
#: After partitions have been shared out, until fetches begun before that have come back.
_SETTLE_S = 2.0


class Service:
    """One process of a service."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], http: str) -> None:
        self.name, self.process, self.http = name, process, http
        self._usage = psutil.Process(process.pid)

    def metrics(self) -> dict[tuple[str, str, str], float]:
        """Its metrics by name, stage and step ("" for a label that a metric does not have), without buckets."""
        with urllib.request.urlopen(f"{self.http}/metrics", timeout=10) as response:
            text = response.read().decode()
        return {
            (sample.name, sample.labels.get("stage", ""), sample.labels.get("step", "")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }

    def cpu(self) -> float:
        """The processor seconds that it has used."""
        return cpu_seconds(self._usage)

    def rss(self) -> int:
        """Its resident memory, in bytes."""
        return int(self._usage.memory_info().rss)


class Rig:
    """Kafka and Redis of one benchmark, and the services that it has started on them."""

    def __init__(self, directory: Path) -> None:
        self._dir = directory
        self._ports = Ports(directory)
        self._kafka, self._redis = Kafka(directory), Redis(directory)
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self.services: list[Service] = []

    @property
    def bootstrap(self) -> str:
        """The broker's host:port."""
        return self._kafka.address

    @property
    def redis(self) -> str:
        """The URL of Redis."""
        return self._redis.address

    def start_servers(self) -> None:
        """Starts Kafka and Redis, and creates the topics."""
        for server in (self._redis, self._kafka):
            server.prepare(self._ports)
            self._servers[server.name] = spawn(server.name, server.command(), logs=self._dir / "logs")
        deadline = time.monotonic() + _START_S
        while not (self._redis.ready() and self._kafka.ready()):
            self._check(deadline, "Kafka and Redis are not ready")
        create_topics(self.bootstrap)

    def start(self, name: str, processes: int = 1) -> None:
        """Starts so many processes of a service; returns when the partitions are shared out evenly among them."""
        started = [self._spawn(name, number) for number in range(processes)]
        self.services += started
        deadline = time.monotonic() + _START_S
        while not all(_owns(service, PARTITIONS // processes) for service in started):
            self._check(deadline, f"{name} has not got its partitions")
        time.sleep(_SETTLE_S)

    def _spawn(self, name: str, number: int) -> Service:
        port = self._ports.get(f"{name}-{number}")
        settings = {
            "SAMPLEWATCH_KAFKA": self.bootstrap,
            "SAMPLEWATCH_REDIS": self.redis,
            "SAMPLEWATCH_HTTP_HOST": "127.0.0.1",
            "SAMPLEWATCH_HTTP_PORT": str(port),
            "SAMPLEWATCH_DATA_DIR": str(self._dir / "faust" / f"{name}-{number}"),
        }
        argv = [sys.executable, "-m", f"services.{name}"]
        process = spawn(f"{name}-{number}", argv, logs=self._dir / "logs", env={**os.environ, **settings})
        return Service(name, process, f"http://127.0.0.1:{port}")

    def stop_services(self) -> None:
        """Stops every service."""
        stop([service.process for service in self.services], _STOP_S)
        self.services.clear()

    def end(self) -> None:
        """Stops everything, in whatever state it is."""
        self.stop_services()
        stop(self._servers.values(), _STOP_S)

    def check_running(self) -> None:
        """Raises RuntimeError, with the last lines of its log, where a process has ended."""
        services = [(service.name, service.process) for service in self.services]
        for name, process in [*self._servers.items(), *services]:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with status {process.returncode}\n{self._logs()}")

    def _check(self, deadline: float, what: str) -> None:
        self.check_running()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}\n{self._logs()}")
        time.sleep(0.05)

    def _logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{tail(log)}" for log in sorted((self._dir / "logs").glob("*.log")))

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Every service is stopped meanwhile (SIGSTOP): input piles up, and goes on at one known moment."""
        for service in self.services:
            service.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for service in self.services:
                service.process.send_signal(signal.SIGCONT)

    def cpu(self) -> dict[str, float]:
        """The processor seconds used so far, by service, Kafka and Redis; "machine" is what everything has used."""
        busy = psutil.cpu_times()
        used = {name: cpu_seconds(psutil.Process(process.pid)) for name, process in self._servers.items()}
        for service in self.services:
            used[service.name] = used.get(service.name, 0.0) + service.cpu()
        return {**used, "machine": sum(busy) - busy.idle - busy.iowait - busy.guest - busy.guest_nice}

    def steps(self) -> dict[Step, float]:
        """The seconds spent in each step of the apply procedure, over all processes."""
        spent: dict[Step, float] = {}
        for service in self.services:
            for (name, stage, step), seconds in service.metrics().items():
                if name == "samplewatch_step_seconds_sum":
                    spent[stage, step] = spent.get((stage, step), 0.0) + seconds
        return spent


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """An empty rig; its processes end and its directory goes, however the benchmark ends."""
    with tempfile.TemporaryDirectory(prefix="samplewatch-bench-", ignore_cleanup_errors=True) as directory:
        made = Rig(Path(directory))
        try:
            made.start_servers()
            yield made
        finally:
            made.end()


def cpu_seconds(process: psutil.Process) -> float:
    """The processor seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def since(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings of `Rig.cpu`; "others" is the machine's use that was not the rig's."""
    used = {name: round(seconds - before.get(name, 0.0), 3) for name, seconds in now.items()}
    machine = used.pop("machine")
    return {**used, "others": round(max(0.0, machine - sum(used.values())), 3)}


def _owns(service: Service, partitions: int) -> bool:
    try:
        found = service.metrics()
    except OSError:
        return False
    owned = {value for (name, _, _), value in found.items() if name == "samplewatch_assigned_partitions"}
    return owned == {float(partitions)}
