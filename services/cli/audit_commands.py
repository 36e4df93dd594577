"""`samplewatch audit`: who asked what of which alert, when, and what the services answered.

alerts.commands.v1 keeps every command as it came for 400 days, stamped with the broker's time, and each has one receipt
(kept 30 days): so the log itself is the audit log, and nothing is written a second time. That people were taken out of
samples is said on sampling.events.v1, which is long and so read only on request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
from rich.console import Console

from services.cli.connection import bootstrap_of, dir_option
from services.cli.record_reading import records_since
from services.cli.tables import PlainTable

_REDACTED = b"SampleRedacted"
_DETAILS = ("assignee", "action", "step", "finding", "reason", "until", "expires_at", "note", "receiver", "channel")


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="From then on (UTC).")
@click.option("--by", help="Only this person's.")
@click.option("--alert", "alert_id", help="Only about this alert.")
@click.option("--notified", is_flag=True, help="Also the notices of delivery, which the services themselves send.")
@click.option("--samples", is_flag=True, help="Also redactions of samples: reads every sampling event.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines.")
@dir_option
def audit(
    since: datetime | None,
    by: str | None,
    alert_id: str | None,
    notified: bool,
    samples: bool,
    as_json: bool,
    directory: str | None,
) -> None:
    """Print every command about alerts, in the order of arrival, with the answer to each.

    A command whose receipt is no longer kept is answered "?". What is printed under `by` is what the sending system
    said; that only inspectors' systems can send is a matter of Kafka's ACLs.

    \b
    samplewatch audit --since 2026-01-01 --by zhang.san
    """
    since = since and since.replace(tzinfo=UTC)
    found = [
        row
        for row in _commands(bootstrap_of(directory), since, samples)
        if (by is None or row["by"] == by)
        and (alert_id is None or row["alert_id"] == alert_id)
        and (notified or row["type"] != "Notified")
    ]
    found.sort(key=lambda row: (row["arrived_at"], row["place"]))
    if as_json:
        for row in found:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    table = PlainTable("arrived", "by", "what", "alert or sample", "details", "answer")
    for row in found:
        details = "; ".join(f"{name} {row['command'][name]}" for name in _DETAILS if row["command"].get(name))
        answer = " ".join(filter(None, (row["outcome"] or "?", row["reason"])))
        subject = row["alert_id"] or row["command"].get("sample_id")
        cells = (row["arrived_at"], row["by"], row["type"], subject, details, answer)
        table.add_row(*(str(cell or "") for cell in cells))
    Console(emoji=False, highlight=False).print(table)


def _commands(bootstrap: str, since: datetime | None, samples: bool) -> Iterator[dict[str, Any]]:
    from schemas.topics import ALERT_COMMANDS, RECEIPTS, SAMPLING_EVENTS

    topics = [ALERT_COMMANDS.name, *([SAMPLING_EVENTS.name] if samples else [])]
    answers: dict[tuple[str, str | None], dict[str, Any]] = {}
    with closing(records_since(bootstrap, RECEIPTS.name, since)) as receipts:
        for record in receipts:
            receipt = json.loads(record.value)
            if receipt["topic"] in topics:
                # the first answer stands: a rebuild takes what was sent on inside a second time, as a duplicate
                answers.setdefault((receipt["receipt_id"], receipt.get("event_id")), receipt)
    for topic in topics:
        for row in _first_ones(_commands_on(bootstrap, topic, since)):
            place, said = row["place"], row["event_id"]
            answer = answers.get((place, said if isinstance(said, str) else None)) or answers.get((place, None), {})
            yield row | {name: answer.get(name) for name in ("outcome", "field", "reason")}


class _Command(NamedTuple):
    """A command: its moment and place, what it holds, from where it says that it was sent on, and its row."""

    moment: int
    place: str
    held: tuple[bytes, bytes]
    origin: str
    row: dict[str, Any]


def _first_ones(commands: Iterable[_Command]) -> Iterator[dict[str, Any]]:
    """Without those that were sent on inside: what they hold lies at the place that they name, and came there earlier.
    Anybody can write such a name beside a command."""
    seen: dict[str, tuple[bytes, bytes]] = {}
    for one in sorted(commands, key=lambda one: one[:2]):
        if seen.get(one.origin) != one.held:
            yield one.row
        seen[one.place] = one.held


def _commands_on(bootstrap: str, topic: str, since: datetime | None) -> Iterator[_Command]:
    from schemas.cloudevents import NotAnEvent, open_envelope, parse_object
    from schemas.topics import SAMPLING_EVENTS
    from services.runtime.intake import ORIGIN

    with closing(records_since(bootstrap, topic, since)) as commands:
        for record in commands:
            headers = dict(record.headers)
            of_samples = topic == SAMPLING_EVENTS.name
            if of_samples and headers.get("ce_type", _REDACTED) != _REDACTED:
                continue  # without reading it
            try:
                envelope = open_envelope(record.headers, record.value or b"")
                body = parse_object(envelope.data)
            except NotAnEvent as error:
                envelope, body = None, {"unreadable": str(error)}
            kind = (envelope and envelope.type) or body.get("type")
            if of_samples and kind != _REDACTED.decode():
                continue
            place = f"{record.topic}-{record.partition}-{record.offset}"
            origin = f"{record.topic}-{(headers.get(ORIGIN) or b'').decode(errors='replace')}"
            row = {
                "arrived_at": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
                "place": place,
                "type": kind,
                "by": body.get("by"),
                "alert_id": body.get("alert_id"),
                "source": (envelope and envelope.source) or body.get("source"),
                "event_id": (envelope and envelope.event_id) or body.get("event_id"),
                "command": body,
            }
            yield _Command(record.timestamp, place, (record.key, record.value), origin, row)
