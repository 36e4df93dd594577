"""The whole of Samplewatch under test: Kafka, Redis and the three services, worked with as its users do.

A `System` is started by `Embedded` or `Containers`; tests take one from the fixtures of conftest.py. They share it, so
each test names its samples, sources and cells with `unique()`, and looks only at those.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError
from redis import Redis

from deploy.embedded.instance import Instance, ServiceInfo, load_instance
from deploy.embedded.process import spawn, stop, tail
from deploy.embedded.state import read_state
from schemas.topics import (
    ALERT_COMMANDS,
    ALERT_EVENTS,
    DEADLINES,
    DELIVERIES,
    DELTAS,
    FINDINGS,
    HOTSPOT_CASES,
    LAB_RESULTS,
    MAX_MESSAGE_BYTES,
    NOTIFICATIONS,
    RATES,
    RECEIPTS,
    SAMPLES,
    SAMPLING_EVENTS,
    VERDICTS,
)
from services.cli.readiness import is_ready
from services.lab_results.deltas import moved_key
from services.lab_results.retelling import retell_key
from services.lab_results.store import STAGE
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key
from tests.ports import choose_ports

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("samplewatch")
SERVICES = ("sampling", "lab_results", "alerts", "hotspots")
#: What each service reads: when it has committed all of it, it has also published what follows.
CONSUMES = {
    "sampling": (SAMPLING_EVENTS.name, VERDICTS.name),
    "lab_results": (LAB_RESULTS.name, SAMPLES.name, DELTAS.name),
    "alerts": (
        VERDICTS.name,
        DEADLINES.name,
        FINDINGS.name,
        RATES.name,
        ALERT_COMMANDS.name,
        ALERT_EVENTS.name,
        NOTIFICATIONS.name,
        DELIVERIES.name,
    ),
    "hotspots": (VERDICTS.name, HOTSPOT_CASES.name),
}
#: How long anything may take that no test is about: generous, for a busy machine; it costs nothing where a test passes.
WAIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Raw:
    """A record exactly as a producer may send it. Without a partition the key's hash chooses one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int


def unique(prefix: str = "S") -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class System:
    """One running instance in a directory of its own. `env` is what its commands and services get besides."""

    def __init__(self, directory: Path, env: Mapping[str, str] | None = None, runtime: str = "embedded") -> None:
        self.dir = directory / "instance"
        choose_ports(self.dir, *SERVICES)
        self.runtime = runtime
        self._logs = directory
        registry = directory / "run"  # so that no command run by hand meanwhile finds two instances, and the reverse
        registry.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEWATCH_")}
        self.env = {**kept, "XDG_RUNTIME_DIR": str(registry), "COLUMNS": "200", **(env or {})}
        self._up: subprocess.Popen[bytes] | None = None
        self._producers: dict[str | None, KafkaProducer] = {}

    # starting and stopping

    def up(self) -> None:
        """Starts what does not run, and waits until everything is ready."""
        if self._up is not None and self._up.poll() is None:
            self.cli("up")
            return
        # in the foreground, as a child that the kernel ends with us: a killed test run leaves nothing behind
        self._up = spawn("up", [str(COMMAND), "up", "--dir", str(self.dir)], logs=self._logs, env=self.env)
        deadline = time.monotonic() + WAIT_S
        while not self._is_up():
            if self._up.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"`samplewatch up` did not get ready:\n{tail(self._logs / 'up.log', 60)}")
            time.sleep(0.05)

    def down(self) -> None:
        """Stops everything with the command; the data stays."""
        self._close_producers()
        self.cli("down", timeout=WAIT_S)
        if self._up is not None:
            status = self._up.wait(WAIT_S)
            self._up = None
            assert status == 0, f"`samplewatch up` ended with status {status}:\n{tail(self._logs / 'up.log', 30)}"

    def end(self) -> None:
        """Stops everything, whatever state it is in."""
        self._close_producers()
        if self._up is not None:
            stop([self._up], WAIT_S)
            self._up = None

    def _is_up(self) -> bool:
        state, instance = read_state(self.dir), self._instance()
        if state is None or instance is None or not state["round"] or set(instance.services) != set(SERVICES):
            return False
        return all(service.http and is_ready(service.http) for service in instance.services.values())

    # what runs

    def _instance(self) -> Instance | None:
        return load_instance(self.dir)

    @property
    def instance(self) -> Instance:
        """Where everything is now."""
        found = self._instance()
        assert found is not None, f"nothing runs in {self.dir}"
        return found

    @property
    def bootstrap(self) -> str:
        """The broker's host:port."""
        return self.instance.bootstrap

    @property
    def redis(self) -> str:
        """The URL of Redis."""
        return self.instance.redis

    @property
    def services(self) -> Mapping[str, ServiceInfo]:
        """The services by name, with .http, .pid and .exit."""
        return self.instance.services

    def logs(self, lines: int = 15) -> str:
        """The last lines of every log, for a failure's message."""
        names = (*SERVICES, "supervisor", "kafka", "redis")
        return "\n".join(f"--- {name}.log\n{tail(self.dir / 'logs' / f'{name}.log', lines)}" for name in names)

    # the command line and the web pages

    def cli(
        self,
        *words: str,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        timeout: float = 2 * WAIT_S,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs the console command on this instance; with check, it has to end with status 0."""
        argv = [str(COMMAND), *words, "--dir", str(self.dir)]
        done = subprocess.run(
            argv,
            env={**self.env, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}"
            raise AssertionError(f"samplewatch {' '.join(words)}: status {done.returncode}\n{said}\n{self.logs()}")
        return done

    def json(self, *words: str, check: bool = True, timeout: float = 2 * WAIT_S, stdin: str | None = None) -> Any:
        """What a command prints with --json."""
        done = self.cli(*words, "--json", check=check, timeout=timeout, stdin=stdin)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"no JSON from {' '.join(words)}:\n{done.stdout}\n{done.stderr}") from None

    def status(self) -> dict[str, Any]:
        """`samplewatch status --json`, whether all is well or not."""
        found: dict[str, Any] = self.json("status", check=False)
        return found

    def get(self, service: str, path: str, status: int = 200) -> Any:
        """A page of a service, which has to answer with the status: JSON as what it says, anything else as text."""
        url = self.services[service].http + path
        try:
            with urllib.request.urlopen(url, timeout=WAIT_S) as response:
                code, kind, body = response.status, response.headers.get_content_type(), response.read().decode()
        except urllib.error.HTTPError as error:
            code, kind, body = error.code, error.headers.get_content_type(), error.read().decode()
        except OSError as error:
            raise AssertionError(f"GET {url}: {error}\n{self.logs()}") from None
        assert code == status, f"GET {url}: {code}, wanted {status}: {body[:500]}\n{self.logs()}"
        return json.loads(body) if kind in ("application/json", "application/problem+json") else body

    def rates(self, **parameters: str) -> list[dict[str, Any]]:
        """GET /rates, all its pages."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            cursor = {"cursor": page["next"]} if page["next"] else {}
            page = self.get("lab_results", "/rates?" + urllib.parse.urlencode({"limit": 5000, **parameters, **cursor}))
            found += page["rates"]
        return found

    def alerts(self, **parameters: str) -> list[dict[str, Any]]:
        """GET /alerts, of failed samples unless another kind is asked for."""
        query = urllib.parse.urlencode({"kind": "failed_sample", **parameters})
        found: list[dict[str, Any]] = self.get("alerts", f"/alerts?{query}")
        return found

    # Kafka

    def produce(self, records: Iterable[Raw], *, compression: str | None = None) -> list[Place]:
        """Sends the records, in their order, and says where the broker put each."""
        producer = self._producer(compression)
        sent = [
            producer.send(
                record.topic,
                record.value,
                record.key,
                list(record.headers),
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
            )
            for record in records
        ]
        producer.flush()
        placed = [future.get(timeout=WAIT_S) for future in sent]
        return [Place(place.topic, place.partition, place.offset) for place in placed]

    def _producer(self, compression: str | None) -> KafkaProducer:
        if compression not in self._producers:
            self._producers[compression] = KafkaProducer(
                bootstrap_servers=self.bootstrap,
                acks="all",
                compression_type=compression,
                linger_ms=5,
                batch_size=256 * 1024,
                max_request_size=MAX_MESSAGE_BYTES,
                allow_auto_create_topics=False,
            )
        return self._producers[compression]

    def _close_producers(self) -> None:
        while self._producers:
            self._producers.popitem()[1].close(timeout=5)

    def records(self, topic: str, key: str | None = None) -> list[Any]:
        """Every record of the topic, or those of one key, in order within each partition (kafka-python's records)."""
        consumer = self._consumer()
        with contextlib.closing(consumer):
            places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
            assert places, f"there is no topic {topic}"
            consumer.assign(places)
            ends = consumer.end_offsets(places)
            consumer.seek_to_beginning()
            found: dict[TopicPartition, list[Any]] = {place: [] for place in places}
            deadline = time.monotonic() + WAIT_S
            while any(consumer.position(place) < ends[place] for place in places):
                assert time.monotonic() < deadline, f"{topic} could not be read to its end"
                for place, batch in consumer.poll(timeout_ms=200).items():
                    found[place] += [record for record in batch if record.offset < ends[place]]
        wanted = None if key is None else key.encode()
        return [record for batch in found.values() for record in batch if wanted is None or record.key == wanted]

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            max_poll_records=10_000,
            max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
            fetch_max_bytes=4 * MAX_MESSAGE_BYTES,
        )

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition of a topic."""
        with contextlib.closing(self._consumer()) as consumer:
            places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            return {place.partition: end for place, end in consumer.end_offsets(places).items()}

    def messages(self, topic: str, key: str | None = None) -> list[dict[str, Any]]:
        """What the records of a topic say, as JSON objects."""
        return [json.loads(record.value) for record in self.records(topic, key)]

    def receipts(self, source: str) -> list[dict[str, Any]]:
        """Every receipt that was given to a source."""
        return self.messages(RECEIPTS.name, source)

    # waiting

    def eventually(self, look: Callable[[], T], what: str) -> T:
        """Looks until it finds something, and returns that; says what the services logged where it never does."""
        deadline = time.monotonic() + WAIT_S
        while not (found := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {WAIT_S:g} s: {what}; last seen: {found!r}\n{self.logs()}")
            time.sleep(0.05)
        return found

    def assert_running(self) -> None:
        """Fails at once where a service has ended, for then nothing is worth waiting for."""
        ended = {name: service.exit for name, service in self.services.items() if service.exit is not None}
        assert not ended, f"services have ended, with exit status {ended}\n{self.logs(40)}"

    def wait_idle(self) -> None:
        """Waits until every service has taken in everything there is and has published what follows from it.

        A service commits a record only when its consequences are on their topics, but for deltas, which gather. So
        once all that was committed, seen first, reaches the ends of all topics, seen last, and none gather, seen in
        between, nothing is under way: what those records made gather has been told by then.
        """
        with (
            self._admin() as admin,
            contextlib.closing(self._consumer()) as consumer,
            Redis.from_url(self.redis) as redis,
        ):
            topics = {topic for consumed in CONSUMES.values() for topic in consumed}
            places = [TopicPartition(t, n) for t in sorted(topics) for n in consumer.partitions_for_topic(t) or ()]
            deadline = time.monotonic() + WAIT_S
            while behind := self._behind(admin, consumer, places, redis):
                self.assert_running()
                if time.monotonic() > deadline:
                    raise AssertionError(f"not idle within {WAIT_S:g} s; behind: {behind}\n{self.logs()}")
                time.sleep(0.05)

    @staticmethod
    def _gathering(redis: Redis) -> dict[str, dict[str, int]]:
        keys = [key for n in range(PARTITIONS) for key in (moved_key(n), retell_key(n), state_key(STAGE, n, "outbox"))]
        left = cast(int, redis.exists(*keys))
        return {"lab_results": {"partitions with deltas to tell": left}} if left else {}

    def _behind(
        self, admin: KafkaAdminClient, consumer: KafkaConsumer, places: list[TopicPartition], redis: Redis
    ) -> dict[str, dict[str, int]]:
        groups = {f"samplewatch-{service}": service for service in CONSUMES}
        try:
            committed = admin.list_group_offsets(list(groups))
        except (NotCoordinatorError, CoordinatorNotAvailableError, CoordinatorLoadInProgressError) as passing:
            return {"the broker's groups": {type(passing).__name__: 1}}
        if gathering := self._gathering(redis):
            return gathering
        ends = consumer.end_offsets(places)
        behind: dict[str, dict[str, int]] = {}
        for group, service in groups.items():
            for place in places:
                if place.topic in CONSUMES[service]:
                    reached = committed[group].get(place)
                    lag = ends[place] - max(0, reached.offset if reached is not None else 0)
                    if lag:
                        lags = behind.setdefault(service, {})
                        lags[place.topic] = lags.get(place.topic, 0) + lag
        return behind

    @contextlib.contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            yield admin


@contextlib.contextmanager
def embedded(directory: Path, env: Mapping[str, str] | None = None) -> Iterator[System]:
    """An empty system on the embedded runtime."""
    system = System(directory, env)
    try:
        system.up()
        yield system
    finally:
        system.end()


@contextlib.contextmanager
def containers(directory: Path) -> Iterator[System]:
    """An empty system whose Kafka and Redis are containers; the services run as processes here."""
    from tests.containers import KafkaContainer, RedisContainer

    with KafkaContainer() as kafka, RedisContainer() as redis:
        servers = {"SAMPLEWATCH_KAFKA": kafka.address, "SAMPLEWATCH_REDIS": redis.url}
        system = System(directory, servers, "containers")
        try:
            system.up()
            yield system
        finally:
            system.end()


RUNTIMES = {"embedded": embedded, "containers": containers}
