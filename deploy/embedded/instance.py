"""How commands find the instance they are to work with."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from deploy.embedded.registry import registered
from deploy.embedded.services import SERVICES
from deploy.embedded.state import lock_held, read_state


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """One service. pid is None where it does not run or is not ours; exit is how it ended; http is "" if unknown."""

    pid: int | None
    http: str
    exit: int | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """Where one instance is. dir is None for one that is only known by its addresses from the environment."""

    dir: Path | None
    bootstrap: str
    redis: str
    services: Mapping[str, ServiceInfo] = field(default_factory=dict)

    def running(self) -> bool:
        """Whether it runs (or is starting or ending); without a directory, whether its broker accepts connections."""
        if self.dir is not None:
            return lock_held(self.dir)
        host, _, port = self.bootstrap.split(",")[0].rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except (OSError, ValueError):
            return False
        return True


def find_instance(directory: str | None = None) -> Instance:
    """The instance in the directory (or in SAMPLEWATCH_DIR), else the environment's, else the only one that runs.

    What the user has said never loses to what happens to run on the machine. Raises click.ClickException, in words for
    the user, when there is none, or more than one.
    """
    if (instance := from_environment(directory)) is not None:
        return instance
    chosen = locate(directory)
    if chosen is None:
        raise click.ClickException("nothing is running; `samplewatch up` starts Kafka, Redis and the services")
    instance = load_instance(chosen)
    if instance is None or not instance.bootstrap:
        if lock_held(chosen):
            raise click.ClickException(f"the instance in {chosen} is starting or ending; try again in a moment")
        raise click.ClickException(f"nothing is running in {chosen}; `samplewatch up --dir {chosen}` starts it")
    return instance


def locate(directory: str | None) -> Path | None:
    """The directory that is meant: the one given, SAMPLEWATCH_DIR, or that of the only running instance."""
    if named := _named(directory):
        return Path(named).resolve()
    running = registered()
    if len(running) > 1:
        raise click.ClickException(
            "several instances are running; choose one with --dir: " + ", ".join(map(str, running))
        )
    return running[0] if running else None


def _named(directory: str | None) -> str | None:
    return directory or os.environ.get("SAMPLEWATCH_DIR")


def load_instance(directory: Path) -> Instance | None:
    """What runs in the directory, or None if nothing does, or not yet. May still be starting: addresses can be ""."""
    state = read_state(directory) if lock_held(directory) else None
    return None if state is None else instance_of(directory, state)


def instance_of(directory: Path, state: Mapping[str, Any]) -> Instance:
    """The instance that a state.json describes."""
    services = {name: ServiceInfo(**service) for name, service in state["services"].items()}
    return Instance(directory, state["bootstrap"], state["redis"], services)


def from_environment(directory: str | None) -> Instance | None:
    """What SAMPLEWATCH_KAFKA and _REDIS name, unless a directory is named: the running instance that uses this broker,
    else the addresses alone."""
    kafka, redis = os.environ.get("SAMPLEWATCH_KAFKA"), os.environ.get("SAMPLEWATCH_REDIS")
    if _named(directory) or not kafka or not redis:
        return None
    for running in map(load_instance, registered()):
        if running is not None and running.bootstrap == kafka:
            return running
    urls = {name: os.environ.get(f"SAMPLEWATCH_{name.upper()}_URL", "") for name in SERVICES}
    services = {name: ServiceInfo(None, url.rstrip("/")) for name, url in urls.items() if url}
    return Instance(None, kafka, redis, services)
