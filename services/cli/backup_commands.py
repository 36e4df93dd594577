"""`samplewatch backup`: the record, that is all topics, as files; and back."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from services.cli.connection import bootstrap_of, dir_option, redis_of
from services.cli.param_types import FiniteRange


@click.group()
def backup() -> None:
    """Keep all that was ever taken in as files, and put it back into an empty Kafka.

    \b
    samplewatch backup create /backup/2026-03-01           while everything runs
    samplewatch backup restore /backup/2026-03-01 --dir var/samplewatch
    """


@backup.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--margin",
    type=FiniteRange(0, 86_400),
    default=5.0,
    show_default=True,
    help="Seconds before now at which the cut lies: more than the clocks of this machine and the brokers differ.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@dir_option
def create(target: Path, margin: float, directory: str | None, as_json: bool) -> None:
    """Write every record of every topic that arrived before now into TARGET, a new or empty directory.

    Services and producers go on. What arrives meanwhile is not in the backup.
    """
    from services.cli.backup_files import BackupError
    from services.cli.backup_topics import take

    started = time.monotonic()
    cut = datetime.now(UTC) - timedelta(seconds=margin)
    try:
        manifest = take(bootstrap_of(directory), target, cut, lambda text: click.echo(text, err=True))
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    _tell(manifest, started, target, as_json)


@backup.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@dir_option
def restore(source: Path, directory: str | None, as_json: bool) -> None:
    """Put the backup in SOURCE into the empty topics of a Kafka on which no service works yet.

    With --dir, into a new instance: its Kafka is started for it and stopped again, and `samplewatch up` then starts
    everything. With SAMPLEWATCH_KAFKA, into that one; `samplewatch topics create` has to come before.

    Redis has to be empty: the services rebuild their state from the topics. It is looked at where it is known: with
    --dir, or by SAMPLEWATCH_REDIS.
    """
    from deploy.embedded.state import lock_held
    from services.cli.backup_files import BackupError, read_manifest
    from services.cli.backup_topics import put_back

    started = time.monotonic()
    try:
        read_manifest(source)  # before anything is started for it
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    named = directory or os.environ.get("SAMPLEWATCH_DIR")
    own = named is not None and not lock_held(Path(named).resolve())
    if own:
        _start_servers(Path(str(named)).resolve())
    try:
        redis = redis_of(directory)
        manifest = put_back(bootstrap_of(directory), redis, source, lambda text: click.echo(text, err=True))
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if own:
            _stop(str(named))
    _tell(manifest, started, source, as_json)
    if not as_json and manifest.shifted:
        click.echo(f"with other offsets than before, since some were deleted: {', '.join(manifest.shifted)}")


def _start_servers(directory: Path) -> None:
    from services.cli.starting import start_instance

    with redirect_stdout(sys.stderr):
        start_instance(directory, detach=True, services=[])


def _stop(directory: str) -> None:
    from services.cli.runtime_commands import down

    with redirect_stdout(sys.stderr):
        click.get_current_context().invoke(down, directory=directory)


def _tell(manifest: Any, started: float, folder: Path, as_json: bool) -> None:
    seconds = round(time.monotonic() - started, 1)
    if as_json:
        facts = {"cut": manifest.cut, "records": manifest.records, "seconds": seconds, "shifted": manifest.shifted}
        click.echo(json.dumps(facts))
    else:
        click.echo(f"{folder}: {manifest.records:,} records of before {manifest.cut}, in {seconds} s")
