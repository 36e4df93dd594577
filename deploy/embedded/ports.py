"""Loopback ports that stay the same from one start to the next, as far as possible."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from deploy.embedded.state import write_json

#: Below the ports that Linux and macOS hand to outgoing connections: a chosen port is not lost to one while we start.
_RANGE = range(20_000, 32_000)


class Ports:
    """The ports of one directory, remembered in DIR/ports.json by the name of who listens on them."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "ports.json"
        try:
            self._known: dict[str, int] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            self._known = {}

    def get(self, name: str) -> int:
        """The port NAME had last time if nobody listens there now, else a new one."""
        port = self._known.get(name)
        if port is None or not _is_free(port):
            taken = set(self._known.values())
            port = next(p for p in _candidates() if p not in taken and _is_free(p))
            self._known[name] = port
            write_json(self._file, self._known)
        return port

    def lost(self, names: Iterable[str]) -> bool:
        """Whether somebody listens on a port of these names, none of which is at work."""
        return any(name in self._known and not _is_free(self._known[name]) for name in names)


def _candidates() -> list[int]:
    return random.sample(_RANGE, 500)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the previous run that linger in TIME_WAIT do not make the port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
