"""What `samplewatch up` does: start or complete an instance, wait until it is ready, and stay with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

from deploy.embedded.instance import ServiceInfo, instance_of
from deploy.embedded.process import spawn, stop, tail
from deploy.embedded.state import lock_held, read_state
from services.cli.readiness import is_ready
from services.runtime.settings import brokers

#: From the first process to the last ready service. Downloads come before and do not count.
READY_TIMEOUT_S = 180.0
#: The exit status of a supervisor that found another one in its directory (deploy.embedded.supervisor).
_EXIT_ALREADY_RUNNING = 75
#: More than the supervisor takes at worst, which kills what does not stop.
_STOP_TIMEOUT_S = 45.0


class _Interrupted(BaseException):
    """Ctrl-C, SIGTERM, or the terminal is gone."""


class _NotReadyError(click.ClickException):
    """Something did not get ready."""


def start_instance(directory: Path, *, detach: bool, services: Sequence[str] | None) -> None:
    """Returns when everything is ready if it ran before or with detach; else when the instance has been stopped."""
    if kafka := os.environ.get("SAMPLEWATCH_KAFKA"):
        brokers(kafka)  # a wrong one is told now, and not by the log of what was started
    else:
        _download()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    supervisor: subprocess.Popen[bytes] | None = None
    try:
        if not _owned(directory):
            supervisor = _spawn_supervisor(directory, detach, services)
        state = _wait_until_ready(directory, supervisor)
        _print_addresses(directory, state, stays=supervisor is not None and not detach)
        if supervisor is None or detach:
            return
        _stay(directory, supervisor)
    except _Interrupted:
        click.echo("stopping", err=True)
        _stop(supervisor)
        if supervisor is None or detach:
            raise SystemExit(130) from None
    except _NotReadyError:
        _stop(supervisor)
        raise


def _download() -> None:
    from deploy.embedded.jars import DownloadError, classpath

    try:
        classpath()
    except DownloadError as error:
        raise click.ClickException(str(error)) from error


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def _stop(supervisor: subprocess.Popen[bytes] | None) -> None:
    """Stops what this call started, and only that. A second Ctrl-C must not leave half of it behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if supervisor is not None:
        stop([supervisor], _STOP_TIMEOUT_S)


def _owned(directory: Path) -> bool:
    """Whether a living supervisor has the directory. Waits for one that is about to end, or to say what it is."""
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while lock_held(directory):
        if read_state(directory) is not None:
            return True
        if time.monotonic() > deadline:
            raise click.ClickException(f"{directory} is in use, but not by a running instance")
        time.sleep(0.05)
    return False


def _spawn_supervisor(directory: Path, detach: bool, services: Sequence[str] | None) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "deploy.embedded.supervisor", "--dir", str(directory)]
    if services is not None:
        argv += ["--services", *services]
    if not detach:
        argv += ["--parent", str(os.getpid())]
    return spawn("supervisor", argv, logs=directory / "logs", die_with_parent=not detach)


def _wait_until_ready(directory: Path, supervisor: subprocess.Popen[bytes] | None) -> dict[str, Any]:
    """Shows progress and returns the state once the supervisor's round is over and every service is ready."""
    started = time.monotonic()
    if supervisor is None:
        state = read_state(directory)
        if state is None:
            raise _NotReadyError(f"the instance in {directory} has just ended; run `samplewatch up` again")
        before = state["round"]
        os.kill(state["pid"], signal.SIGHUP)
        click.echo(f"already running in {directory}; starting what is not", err=True)
    else:
        click.echo(f"starting in {directory}", err=True)
        before = 0
    shown: set[str] = set()
    while True:
        if supervisor is not None and (status := supervisor.poll()) is not None:
            if status == _EXIT_ALREADY_RUNNING and _owned(directory):
                raise click.ClickException(f"another `up` has just started {directory}; run it again")
            raise _not_ready(directory, ["supervisor"], f"ended with exit status {status}")
        elapsed = time.monotonic() - started
        state = read_state(directory)
        if supervisor is not None and state is not None and state["pid"] != supervisor.pid:
            state = None  # left behind by a killed run, and not yet replaced
        waiting = _look(state, before, shown, elapsed) if state else ["supervisor"]
        if state and not waiting:
            return state
        if elapsed > READY_TIMEOUT_S:
            raise _not_ready(directory, waiting, f"not ready after {READY_TIMEOUT_S:.0f} s")
        if state and state["round"] > before and (broken := _broken(state)):
            raise _not_ready(directory, [broken[0]], broken[1])
        time.sleep(0.05)


def _look(state: dict[str, Any], before: int, shown: set[str], elapsed: float) -> list[str]:
    """Says what has become ready since the last look, and returns what has not."""
    over = state["round"] > before
    if over or before == 0:  # else they may be the steps of an earlier round
        for name, seconds in state["steps"].items():
            _say_ready(name, seconds, shown)
    waiting = [name for name in (*state["embedded"], "topics") if name not in shown and not over]
    for name, service in state["services"].items():
        if service["pid"] is not None and is_ready(service["http"]):
            _say_ready(name, elapsed, shown)
        else:
            waiting.append(name)
    return waiting or ([] if over and not state["failed"] else ["supervisor"])


def _say_ready(name: str, seconds: float, shown: set[str]) -> None:
    if name not in shown:
        shown.add(name)
        click.echo(f"{name}: ready in {seconds:.1f} s", err=True)


def _broken(state: dict[str, Any]) -> tuple[str, str] | None:
    """What cannot get ready any more, and why."""
    if state["failed"]:
        return state["failed"]["component"], state["failed"]["reason"]
    for name, service in state["services"].items():
        if service["exit"] is not None:
            return name, f"ended with exit status {service['exit']}"
    return None


def _not_ready(directory: Path, names: Sequence[str], reason: str) -> _NotReadyError:
    parts = []
    for name in names:
        log = directory / "logs" / f"{name}.log"
        log = log if log.exists() else log.with_name("supervisor.log")
        parts.append(f"{name}: {reason}; the end of {log}:\n{tail(log)}")
    return _NotReadyError("\n".join(parts))


def _print_addresses(directory: Path, state: dict[str, Any], *, stays: bool) -> None:
    instance = instance_of(directory, state)
    click.echo(f"kafka        {instance.bootstrap}\nredis        {instance.redis}")
    for name, service in instance.services.items():
        click.echo(f"{name:<12} {service.http}")
    click.echo(f"data, logs   {directory}")
    if stays:
        click.echo("ready; Ctrl-C stops everything")


def _stay(directory: Path, supervisor: subprocess.Popen[bytes]) -> None:
    """Waits for the end of the supervisor, and says when a service ends before it."""
    told: dict[str, ServiceInfo] = {}
    while (status := supervisor.poll()) is None:
        state = read_state(directory)
        for name, service in instance_of(directory, state).services.items() if state else ():
            if service.exit is not None and told.get(name) != service:
                click.echo(f"{name} ended with exit status {service.exit}; `samplewatch up` starts it again", err=True)
            told[name] = service
        time.sleep(0.5)
    if status != 0:
        raise click.ClickException(
            f"the supervisor ended with exit status {status}:\n{tail(directory / 'logs' / 'supervisor.log')}"
        )
