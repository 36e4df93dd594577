"""`samplewatch alerts watch`: a live view of alerts as they move."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from typing import Any, get_args

import click
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from schemas.alerts import AlertKind, Severity
from schemas.regions import in_region
from schemas.topics import ALERT_EVENTS
from services.cli.connection import bootstrap_of, dir_option
from services.cli.tables import PlainTable
from services.runtime.kafka_security import client_options

_COLOURS = {"Extreme": "bold red", "Severe": "red", "Moderate": "yellow", "Minor": "cyan"}


@click.command()
@click.option("--area", default="", help="A region's code or its beginning, such as 6210.")
@click.option("--kind", type=click.Choice(get_args(AlertKind)), help="Only this kind.")
@click.option("--severity", type=click.Choice(get_args(Severity)), help="Only this severity.")
@click.option("--from-beginning", is_flag=True, help="Begin with all that the topic still has.")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1), help="How many to show.")
@click.option("--seconds", type=float, help="End after so long. [default: when interrupted]")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@dir_option
def watch(
    area: str,
    kind: str | None,
    severity: str | None,
    from_beginning: bool,
    rows: int,
    seconds: float | None,
    lang: str,
    directory: str | None,
) -> None:
    """See what happens to alerts while it happens; without a terminal, a line for each transition."""
    console, shown = Console(), deque[dict[str, Any]](maxlen=rows)
    end = None if seconds is None else time.monotonic() + seconds
    open_alerts: dict[str, str] = {}
    with contextlib.closing(_consumer(bootstrap_of(directory), from_beginning)) as consumer:
        live = Live(console=console, refresh_per_second=4) if console.is_terminal else contextlib.nullcontext()
        with live as screen, contextlib.suppress(KeyboardInterrupt):
            while end is None or time.monotonic() < end:
                for records in consumer.poll(timeout_ms=250).values():
                    for record in records:
                        alert = json.loads(record.value)
                        if not _wanted(alert, area, kind, severity):
                            continue
                        shown.appendleft(alert)
                        open_alerts[alert["alert_id"]] = alert["state"]
                        if screen is None:
                            click.echo(_line(alert, lang))
                if screen is not None:
                    screen.update(_view(shown, open_alerts, lang))


def _wanted(alert: dict[str, Any], area: str, kind: str | None, severity: str | None) -> bool:
    return (
        in_region(alert["area"], area)
        and (kind is None or alert["kind"] == kind)
        and (severity is None or alert["severity"] == severity)
    )


def _line(alert: dict[str, Any], lang: str) -> str:
    who = f"{alert['transition']} by {alert['changed_by']}"
    return f"{alert['changed_at'][:19]} {alert['alert_id']} {alert['severity']} {who}: {alert['headline'][lang]}"


def _view(shown: deque[dict[str, Any]], states: dict[str, str], lang: str) -> Group:
    table = PlainTable(box=None, header_style="bold", expand=True)
    for column in ("at", "alert", "what", "state", "level", "severity", "area"):
        table.add_column(column, no_wrap=True)
    table.add_column("headline", ratio=1, overflow="ellipsis", no_wrap=True)
    for alert in shown:
        table.add_row(
            alert["changed_at"][11:19],
            alert["alert_id"],
            alert["transition"],
            alert["state"],
            alert["level"],
            Text(alert["severity"], style=_COLOURS[alert["severity"]]),
            alert["area"],
            alert["headline"][lang],
        )
    counts = {state: sum(held == state for held in states.values()) for state in sorted(set(states.values()))}
    seen = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing has moved yet"
    return Group(table, Text(f"seen here: {seen}; Ctrl-C ends", style="dim"))


def _consumer(bootstrap: str, from_beginning: bool) -> KafkaConsumer:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="samplewatch-cli",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        fetch_max_wait_ms=100,
        **client_options(),
    )
    places = [
        TopicPartition(ALERT_EVENTS.name, number) for number in consumer.partitions_for_topic(ALERT_EVENTS.name) or ()
    ]
    if not places:
        consumer.close()
        raise click.ClickException(
            f"there is no topic {ALERT_EVENTS.name}; `samplewatch topics create` makes the topics"
        )
    consumer.assign(places)
    found = consumer.beginning_offsets(places) if from_beginning else consumer.end_offsets(places)
    for place, offset in found.items():
        consumer.seek(place, offset)
    return consumer
