"""Kafka and Redis in containers. testcontainers' own KafkaContainer wants another image than apache/kafka."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer

from deploy.embedded.kafka import answers, server_properties
from tests.ports import free_port
from tests.system import WAIT_S

KAFKA_IMAGE = "apache/kafka:4.3.1"
REDIS_IMAGE = "redis:7"
_CONTROLLER_PORT = 19093


def why_no_engine() -> str | None:
    """Why no container can be started here; None where a Docker engine answers."""
    import docker

    try:
        docker.from_env(timeout=30).ping()
    except Exception as error:  # of whatever library the client uses for its transport
        return f"no Docker engine answers: {error}"
    return None


class FixedPortContainer(DockerContainer):
    """A container whose one port is known before it starts: a broker has to advertise it."""

    def __init__(self, image: str, **options: Any) -> None:
        super().__init__(image, **options)
        self.host = self.get_docker_client().host()
        local = self.host in ("localhost", "127.0.0.1")
        if local:
            self.host = "127.0.0.1"  # a name that may also mean ::1, where nothing is published
        self.port = free_port()
        self._address: Any = ("127.0.0.1", self.port) if local else self.port

    def publish(self, port: int) -> None:
        """Makes the container's port reachable as `port` of `host`, for this machine only where the engine is here."""
        self.ports[f"{port}/tcp"] = self._address

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{self.host}:{self.port}"

    def await_ready(self, ready: Callable[[], bool]) -> None:
        """Waits until the server inside answers; says what it logged where it does not."""
        deadline = time.monotonic() + WAIT_S
        container = self.get_wrapped_container()
        while not ready():
            container.reload()
            if container.status == "exited" or time.monotonic() > deadline:
                logs = container.logs(tail=30).decode(errors="replace")
                raise AssertionError(f"{self.image} is {container.status} and does not answer; its log ends:\n{logs}")
            time.sleep(0.1)


class KafkaContainer(FixedPortContainer):
    """One KRaft node with the settings of the embedded one (deploy.embedded.kafka)."""

    def __init__(self, image: str = KAFKA_IMAGE) -> None:
        super().__init__(image)
        settings = server_properties(
            Path("/var/lib/kafka/data"), self.port, _CONTROLLER_PORT, bind="0.0.0.0", advertise=self.host
        )
        for key, value in settings.items():
            self.with_env("KAFKA_" + key.upper().replace(".", "_"), str(value))
        self.with_env("KAFKA_HEAP_OPTS", "-Xms64m -Xmx512m")
        self.publish(self.port)

    def start(self) -> KafkaContainer:
        """Returns when the broker answers."""
        super().start()
        self.await_ready(lambda: answers(self.host, self.port))
        return self


class RedisContainer(FixedPortContainer):
    """One Redis server that keeps what was acknowledged, as the embedded one does."""

    def __init__(self, image: str = REDIS_IMAGE) -> None:
        super().__init__(image)
        options = "--appendonly yes --appendfsync everysec --maxmemory-policy noeviction --protected-mode no"
        self.with_command(["redis-server", "--bind", "0.0.0.0", "--save", "", *options.split()])
        self.publish(6379)

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://{self.address}/0"

    def start(self) -> RedisContainer:
        """Returns when the server answers."""
        super().start()
        self.await_ready(self._answers)
        return self

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
