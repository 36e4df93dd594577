"""What an instance consists of, and the order in which it starts and stops."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn, stop
from deploy.embedded.redis import Redis
from deploy.embedded.services import MODULES

#: A service that is stopped finishes its batch; one that takes longer hangs, and loses nothing by being killed.
_SERVICE_STOP_S = 15.0
#: Kafka flushes its segments; killed in the middle it would check them all at the next start.
_BACKEND_STOP_S = 20.0


class ComponentError(Exception):
    """A part of the instance did not start; component says which."""

    def __init__(self, component: str, reason: str) -> None:
        super().__init__(f"{component}: {reason}")
        self.component, self.reason = component, reason


class Lineup:
    """Kafka and Redis (unless the environment names ones that run), the topics, and the services.

    changed is called whenever state() says something new; pause(seconds) is how it waits, and may raise to give up.
    """

    def __init__(
        self,
        directory: Path,
        services: Sequence[str],
        lock: int,
        changed: Callable[[], None],
        pause: Callable[[float], None],
    ) -> None:
        self._dir, self._lock, self._changed, self._pause = directory, lock, changed, pause
        self._ports = Ports(directory)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._bootstrap = os.environ.get("SAMPLEWATCH_KAFKA", "")
        self._redis_url = os.environ.get("SAMPLEWATCH_REDIS", "")
        self._kafka = None if self._bootstrap else Kafka(directory)
        self._redis = None if self._redis_url else Redis(directory)
        self._http = dict.fromkeys(services, "")
        self._served: tuple[str, str] | None = None  # the addresses that the running services were given
        self._topics_made = False
        self._steps: dict[str, float] = {}

    def start_missing(self) -> None:
        """Starts what does not run: Kafka and Redis at once, then the topics, then all services at once."""
        self._steps = {}
        self._start_backends()
        self._make_topics()
        self._start_services()

    def stop(self) -> None:
        """Stops the services and then, when nobody needs them any more, Kafka and Redis."""
        children = self._children.items()
        stop([child for name, child in children if name in self._http], _SERVICE_STOP_S)
        stop([child for name, child in children if name not in self._http], _BACKEND_STOP_S)

    def ended(self) -> dict[str, int]:
        """The exit status of every process that has ended."""
        return {name: status for name, child in self._children.items() if (status := child.poll()) is not None}

    def state(self) -> dict[str, Any]:
        """What state.json says about the parts; pid is null, and exit set, for one that has ended."""
        ended = self.ended()
        return {
            "bootstrap": self._bootstrap,
            "redis": self._redis_url,
            "services": {
                name: {"pid": self._pid(name), "http": http, "exit": ended.get(name)}
                for name, http in self._http.items()
            },
            "kafka_pid": self._pid("kafka"),
            "redis_pid": self._pid("redis"),
            "embedded": [backend.name for backend in (self._redis, self._kafka) if backend],
            "steps": self._steps,
        }

    def _start_backends(self) -> None:
        started = time.monotonic()
        pending = [backend for backend in (self._redis, self._kafka) if backend and not self._runs(backend.name)]
        for backend in pending:
            self._start_backend(backend)
            self._topics_made &= backend is not self._kafka
        while pending:
            for backend in pending:
                if not self._runs(backend.name):
                    self._start_elsewhere(backend)
            for backend in [each for each in pending if each.ready()]:
                pending.remove(backend)
                self._steps[backend.name] = time.monotonic() - started
                self._changed()
            self._pause(0.05)

    def _start_backend(self, backend: Kafka | Redis) -> None:
        with _blame(backend.name):
            backend.prepare(self._ports)
            self._spawn(backend.name, backend.command())
        self._bootstrap = self._kafka.address if self._kafka else self._bootstrap
        self._redis_url = self._redis.address if self._redis else self._redis_url
        self._changed()

    def _start_elsewhere(self, backend: Kafka | Redis) -> None:
        """Starts once more what ended because its port was taken after it was chosen; raises if that was not why."""
        if not self._ports.lost(backend.ports):
            raise ComponentError(backend.name, f"ended with exit status {self.ended()[backend.name]}")
        self._start_backend(backend)

    def _make_topics(self) -> None:
        if self._topics_made:
            return

        def create() -> None:
            from services.runtime.topics import create_topics

            create_topics(self._bootstrap)

        started = time.monotonic()
        with _blame("topics"):
            self._in_background(create)
        self._topics_made = True
        self._steps["topics"] = time.monotonic() - started
        self._changed()

    def _in_background(self, work: Callable[[], None]) -> None:
        """Runs what may block for long in a thread of its own, so that a request to stop is heard meanwhile."""
        errors: list[Exception] = []

        def body() -> None:
            try:
                work()
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        while thread.is_alive():
            self._pause(0)
            thread.join(0.05)
        if errors:
            raise errors[0]

    def _start_services(self) -> None:
        addresses = (self._bootstrap, self._redis_url)
        if self._served not in (None, addresses):
            # Kafka or Redis had to move to another port: the services look for them at the old one.
            stop([child for name, child in self._children.items() if name in self._http], _SERVICE_STOP_S)
        self._served = addresses
        for name in self._http:
            if self._runs(name):
                continue
            port = self._ports.get(name)
            self._http[name] = f"http://127.0.0.1:{port}"
            env = {
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "SAMPLEWATCH_KAFKA": self._bootstrap,
                "SAMPLEWATCH_REDIS": self._redis_url,
                "SAMPLEWATCH_HTTP_HOST": "127.0.0.1",
                "SAMPLEWATCH_HTTP_PORT": str(port),
                "SAMPLEWATCH_DATA_DIR": str(self._dir / "faust" / name),
            }
            self._spawn(name, [sys.executable, "-m", MODULES.get(name, f"services.{name}")], env)

    def _spawn(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        # The lock goes with them: the directory is in use until the last of them has ended.
        self._children[name] = spawn(name, argv, logs=self._dir / "logs", env=env, keep_fds=[self._lock])

    def _runs(self, name: str) -> bool:
        return name in self._children and self._children[name].poll() is None

    def _pid(self, name: str) -> int | None:
        return self._children[name].pid if self._runs(name) else None


@contextlib.contextmanager
def _blame(component: str) -> Iterator[None]:
    """Says of an error raised inside which component it is about; a request to stop is no Exception and passes."""
    try:
        yield
    except Exception as error:
        raise ComponentError(component, str(error) or repr(error)) from error
