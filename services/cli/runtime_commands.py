"""`samplewatch up`, `down` and `status`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import click

from deploy.embedded.instance import Instance, from_environment, load_instance, locate
from deploy.embedded.process import is_alive
from deploy.embedded.state import lock_held, lock_owner
from services.cli.readiness import accepts, is_ready
from services.cli.starting import start_instance

DEFAULT_DIR = "var/samplewatch"
#: Services get 15 s, then Kafka and Redis 20 s, before they are killed.
_DOWN_TIMEOUT_S = 45.0

_dir_option = click.option("--dir", "directory", metavar="DIR", help=f"Where the data is. [default: {DEFAULT_DIR}]")


@click.command()
@_dir_option
@click.option("--detach", is_flag=True, help="Return when everything is ready and leave it running.")
@click.option("--services", hidden=True, help="Comma-separated: only these services; empty for none.")
def up(directory: str | None, detach: bool, services: str | None) -> None:
    """Start Kafka, Redis and the services, and wait until all are ready.

    Stays in the foreground, and Ctrl-C stops everything; with --detach it returns and `samplewatch down` does. Where
    some of it runs already, it starts the rest and returns. The first start downloads Apache Kafka (45 MB).

    \b
    samplewatch up --detach
    SAMPLEWATCH_KAFKA=broker:9092 samplewatch up     with a broker that already runs
    """
    chosen = Path(directory or os.environ.get("SAMPLEWATCH_DIR") or DEFAULT_DIR).resolve()
    names = None if services is None else [name for name in services.split(",") if name]
    start_instance(chosen, detach=detach, services=names)


@click.command()
@_dir_option
def down(directory: str | None) -> None:
    """Stop the services, Kafka and Redis. The data stays, and the next `up` goes on with it."""
    addressed = from_environment(directory)
    if addressed is not None and addressed.dir is None:
        click.echo(f"nothing that `samplewatch up` started here uses {addressed.bootstrap}")
        return
    chosen = (addressed and addressed.dir) or locate(directory) or Path(DEFAULT_DIR).resolve()
    owner = lock_owner(chosen) if lock_held(chosen) else None
    if owner is None and not lock_held(chosen):
        click.echo(f"nothing is running in {chosen}")
        return
    started = time.monotonic()
    if owner is not None:
        with contextlib.suppress(ProcessLookupError):  # then it is ending already, its children with it
            os.kill(owner, signal.SIGTERM)
    while lock_held(chosen) or (owner is not None and is_alive(owner)):
        if time.monotonic() - started > _DOWN_TIMEOUT_S:
            raise click.ClickException(f"process {owner} does not stop; its log is {chosen}/logs/supervisor.log")
        time.sleep(0.05)
    click.echo(f"stopped {chosen} in {time.monotonic() - started:.1f} s")


@click.command()
@_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(directory: str | None, as_json: bool) -> None:
    """Show what runs, where, and whether it is ready. The exit status is 0 only if everything is."""
    instance = from_environment(directory)
    chosen = instance.dir if instance else locate(directory) or Path(DEFAULT_DIR).resolve()
    if instance is None and chosen is not None:
        instance = load_instance(chosen)
    running = instance.running() if instance else chosen is not None and lock_held(chosen)
    services = instance.services if instance else {}
    ready = {name: bool(info.http) and is_ready(info.http) for name, info in services.items()}
    if as_json:
        report = {
            "dir": str(chosen) if chosen else None,
            "running": running,
            "bootstrap": instance.bootstrap if instance else None,
            "redis": instance.redis if instance else None,
            "services": {
                name: {"pid": info.pid, "http": info.http, "ready": ready[name], "exit": info.exit}
                for name, info in services.items()
            },
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    elif instance is None:
        click.echo(f"{chosen}: {'starting or ending' if running else 'nothing is running'}")
    else:
        click.echo("\n".join(_table(instance, ready)))
    if not (running and instance and all(ready.values()) and all(_servers_accept(instance))):
        raise SystemExit(1)


def _servers_accept(instance: Instance) -> tuple[bool, bool]:
    return accepts(instance.bootstrap, 9092), accepts(instance.redis, 6379)


def _table(instance: Instance, ready: dict[str, bool]) -> list[str]:
    rows = [("", "state", "pid", "address")]
    kafka, redis = ("ready" if up else "does not answer" for up in _servers_accept(instance))
    rows += [("kafka", kafka, "-", instance.bootstrap), ("redis", redis, "-", instance.redis)]
    for name, info in instance.services.items():
        state = "ready" if ready[name] else "not ready" if info.exit is None else f"ended with exit status {info.exit}"
        rows.append((name, state, str(info.pid or "-"), info.http))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
