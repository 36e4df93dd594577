"""The demo's own instance: a fresh directory, Kafka, Redis and the services in it, and their end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import click

from deploy.embedded.instance import Instance, instance_of
from deploy.embedded.jars import DownloadError, classpath
from deploy.embedded.process import spawn, stop, tail
from deploy.embedded.state import lock_held, read_state
from services.cli.readiness import is_ready

SUMMARY = "summary.json"
#: What an instance and a demo leave in their directory. With anything else in it, a directory is not ours to remove.
_OURS = {"faust", "kafka", "lock", "logs", "ports.json", "redis", "state.json", SUMMARY}
#: Of the operator's settings only this one counts: others would tell real receivers of simulated alerts, or write to a
#: broker that somebody else uses.
_KEPT = frozenset({"SAMPLEWATCH_LOG_LEVEL"})
#: From the first process to the last ready service, on a machine that does other things as well.
_READY_S = 90.0
#: More than the supervisor takes at worst, which kills what does not stop.
_STOP_S = 45.0


def make_fresh(directory: Path) -> None:
    """Removes what an earlier demo left there; refuses where something runs, or where there are other files."""
    if lock_held(directory):
        raise click.ClickException(f"{directory} is running; `samplewatch down --dir {quote(str(directory))}` stops it")
    if not directory.exists():
        return
    if not directory.is_dir() or (foreign := {entry.name for entry in directory.iterdir()} - _OURS):
        what = f"holds {min(foreign)}" if directory.is_dir() else "is no directory"
        raise click.ClickException(f"{directory} {what}: the demo removes only what an instance has left behind")
    shutil.rmtree(directory)


def forget_settings(env: MutableMapping[str, str]) -> None:
    """Takes out every setting of Samplewatch but those that a demo keeps, for this process and those it starts."""
    for name in [name for name in env if name.startswith("SAMPLEWATCH_") and name not in _KEPT]:
        del env[name]


@contextmanager
def running(directory: Path, say: Callable[[str], None]) -> Iterator[DemoSystem]:
    """An empty instance in the directory, ready; stopped at the end, and killed by the kernel if this process is."""
    forget_settings(os.environ)
    try:
        classpath()  # says what it downloads
    except DownloadError as error:
        raise click.ClickException(str(error)) from error
    argv = [sys.executable, "-m", "deploy.embedded.supervisor", "--dir", str(directory), "--parent", str(os.getpid())]
    system = DemoSystem(directory, spawn("supervisor", argv, logs=directory / "logs"))
    try:
        system.await_ready(say)
        yield system
    finally:
        stop([system.supervisor], _STOP_S)


class DemoSystem:
    """The instance while it runs."""

    def __init__(self, directory: Path, supervisor: subprocess.Popen[bytes]) -> None:
        self.directory = directory
        self.supervisor = supervisor

    @property
    def instance(self) -> Instance:
        """Where everything is."""
        state = read_state(self.directory)
        if state is None:
            raise click.ClickException(f"the instance has ended:\n{tail(self._log('supervisor'))}")
        return instance_of(self.directory, state)

    def await_ready(self, say: Callable[[str], None]) -> None:
        """Returns when the whole of it is ready, telling the parts as they become so."""
        started = time.monotonic()
        told: set[str] = set()
        while True:
            elapsed = time.monotonic() - started
            state = read_state(self.directory)
            for name, seconds in _ready_parts(state, elapsed).items() if state else ():
                if name not in told:
                    told.add(name)
                    say(f"{name}: ready in {seconds:.1f} s")
            if state and state["round"] and told >= {*state["services"], *state["embedded"]}:
                return
            if broken := self.broken():
                raise click.ClickException(broken)
            if elapsed > _READY_S:
                raise click.ClickException(f"not ready after {_READY_S:.0f} s:\n{tail(self._log('supervisor'))}")
            time.sleep(0.05)

    def broken(self) -> str | None:
        """What has ended that should run, with the end of its log; None while all is well."""
        if (status := self.supervisor.poll()) is not None:
            return f"the supervisor ended with exit status {status}:\n{tail(self._log('supervisor'))}"
        state = read_state(self.directory)
        if state is None:
            return None
        if state["failed"]:
            name = state["failed"]["component"]
            return f"{name}: {state['failed']['reason']}\n{tail(self._log(name))}"
        for name, service in state["services"].items():
            if service["exit"] is not None:
                return f"{name} ended with exit status {service['exit']}:\n{tail(self._log(name))}"
        return None

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"


def _ready_parts(state: dict[str, Any], elapsed: float) -> dict[str, float]:
    """The parts that are ready, with the seconds it took."""
    services = {
        name: elapsed
        for name, service in state["services"].items()
        if service["pid"] is not None and service["http"] and is_ready(service["http"])
    }
    return {**state["steps"], **services}
