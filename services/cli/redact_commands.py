"""`samplewatch redact`: takes people out of what names them, by one event or command for each sample or alert.

Where people are named is found in Kafka: in the samples and alerts as they stand, and in the commands. What is sent
names nobody, so that the log of it can be kept; see docs/security.md for what stays where, and for how long.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import IO, Any

import click

from services.cli.alerts_orders import person
from services.cli.connection import bootstrap_of, dir_option
from services.cli.outgoing import OUTCOMES, outgoing
from services.cli.publishing import Publisher
from services.cli.record_reading import records_since

#: Of a sample, an alert and a command: the fields that hold people, and free text that may name them.
_NAMES = ("sampled_by", "by", "assignee", "acknowledged_by", "changed_by")
_TEXTS = ("condition", "void_reason", "note", "action", "finding", "reason", "silence_reason")


@click.command()
@click.argument("people", type=click.File("rb"), metavar="FILE|-", required=False)
@click.option("--sample", "samples", multiple=True, help="This sample too, whoever it names.")
@click.option("--alert", "alerts", multiple=True, help="This alert too, whoever it names.")
@click.option("--by", default=person, show_default="SAMPLEWATCH_PERSON, or the user", help="Who asks for it.")
@click.option("--dry-run", is_flag=True, help="Only count what would be redacted.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds without an answer before giving up.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@dir_option
def redact(
    people: IO[bytes] | None,
    samples: tuple[str, ...],
    alerts: tuple[str, ...],
    by: str,
    dry_run: bool,
    timeout: float,
    as_json: bool,
    directory: str | None,
) -> None:
    """Take people out of samples and alerts: names and the free text about them. Counts and states stay.

    FILE (UTF-8) has one name a line; it is not an option, for other users can read a command's options. In a sample or
    an alert that names one of them, everybody's name and all free text is taken out. Names found nowhere are told.
    To be said again after they are named anew.

    \b
    samplewatch redact people.txt --by ops-3 --dry-run
    echo 张三 | samplewatch redact - --by ops-3
    """
    from schemas.alerts import Redact
    from schemas.sampling import SampleRedacted

    names = _read(people) if people else set[str]()
    if not (names or samples or alerts):
        raise click.UsageError("give a file of names, --sample or --alert")
    if by in names:
        raise click.UsageError("--by names somebody who is to be taken out; it stays in the log")
    bootstrap = bootstrap_of(directory)
    of_samples, of_alerts = _samples(bootstrap, names), _alerts(bootstrap, names)
    found = (sorted({*samples, *of_samples}), sorted({*alerts, *of_alerts}))
    told: dict[str, Any] = {"samples": len(found[0]), "alerts": len(found[1])}
    if not dry_run:
        said: dict[str, Any] = {"by": by, "at": datetime.now(UTC), "source": "samplewatch-cli"}
        events = [SampleRedacted(sample_id=each, event_id=uuid.uuid4().hex, **said) for each in found[0]]
        commands = [Redact(alert_id=each, event_id=uuid.uuid4().hex, **said) for each in found[1]]
        with Publisher(bootstrap, timeout) as publisher:
            publisher.publish(outgoing(event) for event in (*events, *commands))
            answers = publisher.answers()
        told |= {outcome: answers.counts[outcome] for outcome in OUTCOMES if answers.counts[outcome]}
    click.echo(json.dumps(told) if as_json else ", ".join(f"{name}: {count:,}" for name, count in told.items()))
    if nowhere := names.difference(*of_samples.values(), *of_alerts.values()):
        click.echo(f"found nowhere: {', '.join(sorted(nowhere))}", err=True)
    if not dry_run and not answers.ok:
        raise click.exceptions.Exit(1)


def _read(people: IO[bytes]) -> set[str]:
    try:
        text = people.read().decode("utf-8-sig")  # a mark at the start would make the first name another
    except UnicodeDecodeError as error:
        # guessed wrongly, people would stay named
        raise click.BadParameter(f"is not UTF-8 (byte {error.start})", param_hint="FILE") from None
    return {line.strip() for line in text.splitlines()} - {""}


def _samples(bootstrap: str, names: Collection[str]) -> dict[str, set[str]]:
    """The samples that name somebody as they stand, with whom of the names."""
    from schemas.topics import SAMPLES

    found: dict[str, set[str]] = {}
    for body in _bodies(bootstrap, SAMPLES.name) if names else ():
        found[body["sample_id"]] = _named(body, names)
    return {sample_id: people for sample_id, people in found.items() if people}


def _alerts(bootstrap: str, names: Collection[str]) -> dict[str, set[str]]:
    """The alerts that name somebody, as they stand or in the commands about them, with whom of the names."""
    from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS

    standing, said = dict[str, set[str]](), dict[str, set[str]]()
    for body in _bodies(bootstrap, ALERT_EVENTS.name) if names else ():
        standing[body["alert_id"]] = _named(body, names)
    # an alert as it stands does not say who moved it earlier; its history, made of the commands, does
    for body in _bodies(bootstrap, ALERT_COMMANDS.name) if names else ():
        if body["type"] == "Redact":
            said.pop(str(body.get("alert_id")), None)
        else:
            said.setdefault(str(body.get("alert_id")), set()).update(_named(body, names))
    both = {alert_id: people | said.get(alert_id, set()) for alert_id, people in standing.items()}
    return {alert_id: people for alert_id, people in both.items() if people}


def _bodies(bootstrap: str, topic: str) -> Iterator[dict[str, Any]]:
    from schemas.cloudevents import NotAnEvent, open_envelope, parse_object

    with closing(records_since(bootstrap, topic, None)) as records:
        for record in records:
            if not record.value:
                continue
            try:
                envelope = open_envelope(record.headers, record.value)
                yield {"type": envelope.type, **parse_object(envelope.data)}
            except NotAnEvent:
                continue


def _named(body: Mapping[str, Any], names: Collection[str]) -> set[str]:
    """Those of the names that the body has in a field for people or in free text."""
    people = [body.get(field) for field in _NAMES]
    said = {one for value in people for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)}
    texts = [text for field in _TEXTS if isinstance(text := body.get(field), str)]
    return {name for name in names if name in said or any(name in text for text in texts)}
