"""The ports of servers that are told theirs before they start.

Tests run in several processes at once. Each chooses from ports of its own, for a port that is free when it is chosen
could be another's by the time the server listens.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import deploy.embedded.ports
from deploy.embedded.ports import Ports

_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
deploy.embedded.ports._RANGE = deploy.embedded.ports._RANGE[_NUMBER::_PROCESSES]


def free_port() -> int:
    """A loopback port on which nobody listens, and which no outgoing connection gets meanwhile."""
    with TemporaryDirectory() as nowhere:
        return Ports(Path(nowhere)).get("server")


def choose_ports(directory: Path, *services: str) -> None:
    """The ports on which an instance in this directory will listen."""
    directory.mkdir(parents=True, exist_ok=True)
    ports = Ports(directory)
    for name in ("kafka", "kafka-controller", "redis", *services):
        ports.get(name)
