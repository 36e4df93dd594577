"""`samplewatch alerts ack|assign|act|verify|close|silence`: sends an inspector's command and waits for its answer."""

from __future__ import annotations

import getpass
import json
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import click
from pydantic import ValidationError

from schemas.alerts import Acknowledge, Act, AlertCommand, Assign, Close, Silence, Step, Verify
from schemas.writing import first_error
from services.cli.connection import bootstrap_of, dir_option
from services.cli.outgoing import outgoing
from services.cli.param_types import Words
from services.cli.publishing import Publisher


def person() -> str:
    """Who gives a command, unless it says so itself."""
    return os.environ.get("SAMPLEWATCH_PERSON") or getpass.getuser()


def _options(command: Callable[..., None]) -> Any:
    made: Any = command
    for option in reversed(
        [
            click.argument("alert_id"),
            click.option("--by", default=person, show_default="SAMPLEWATCH_PERSON, or the user", help="Who says so."),
            click.option("--source", default="samplewatch-cli", show_default=True, help="Which system sends it."),
            click.option("--event-id", help="An id of your own: what is sent again under it is a duplicate."),
            click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for the answer."),
            click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
            dir_option,
        ]
    ):
        made = option(made)
    return made


@click.command()
@_options
@click.option("--note", help="Anything to add.")
@click.option("--until", "expires_at", metavar="TIME", help="When the acknowledgement lapses unless acted upon.")
def ack(**given: Any) -> None:
    """Take an alert on: it no longer escalates, until the acknowledgement lapses."""
    _send(Acknowledge, given)


@click.command()
@_options
@click.option("--to", "assignee", required=True, help="To whom.")
@click.option("--note", help="Anything to add.")
def assign(**given: Any) -> None:
    """Hand an alert to somebody."""
    _send(Assign, given)


@click.command()
@_options
@click.option("--action", type=Words(), required=True, help="What was done, in words.")
@click.option("--step", type=click.Choice(get_args(Step)), help="What the law calls it.")
def act(**given: Any) -> None:
    """Say what was done about an alert."""
    _send(Act, given)


@click.command()
@_options
@click.option("--finding", type=Words(), required=True, help="What was found.")
def verify(**given: Any) -> None:
    """Say that what was done has been looked at and has worked."""
    _send(Verify, given)


@click.command()
@_options
@click.option("--reason", type=Words(), required=True, help="Why the matter is settled.")
def close(**given: Any) -> None:
    """Say that the matter is settled."""
    _send(Close, given)


@click.command()
@_options
@click.option("--until", required=True, metavar="TIME", help="Such as 2026-05-08T09:00:00+08:00.")
@click.option("--reason", type=Words(), required=True, help="Why.")
def silence(**given: Any) -> None:
    """Hold back messages about an alert until a time; the alert itself goes on."""
    _send(Silence, given)


def _send(
    contract: type[AlertCommand],
    given: dict[str, Any],
) -> None:
    timeout, as_json, directory = given.pop("timeout"), given.pop("as_json"), given.pop("directory")
    given["event_id"] = given.get("event_id") or uuid.uuid4().hex
    body = {name: value for name, value in given.items() if value is not None}
    try:
        order = contract.model_validate({**body, "at": datetime.now(UTC)}, extra="forbid")
    except ValidationError as error:
        raise click.UsageError(": ".join(first_error(error))) from None
    with Publisher(bootstrap_of(directory), timeout) as publisher:
        publisher.publish([outgoing(order)])
        (answer,) = publisher.answers().answers
    told = answer.as_dict()
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        why = f": {told['reason']}" if "reason" in told else ""
        click.echo(f"{contract.__name__} {answer.outcome}{why}")
    if answer.outcome not in ("accepted", "duplicate"):
        raise click.exceptions.Exit(1)
