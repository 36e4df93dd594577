"""`samplewatch alerts`: list, show and export alerts; the commands that move them on are in `alerts_orders.py`."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from services.cli.connection import dir_option
from services.cli.http import ask
from services.cli.tables import print_table

#: Commands that have files of their own, by name: module:attribute, and their line in the help.
_ELSEWHERE = {
    "ack": ("services.cli.alerts_orders:ack", "take an alert on"),
    "assign": ("services.cli.alerts_orders:assign", "hand an alert to somebody"),
    "act": ("services.cli.alerts_orders:act", "say what was done"),
    "verify": ("services.cli.alerts_orders:verify", "say that what was done has worked"),
    "close": ("services.cli.alerts_orders:close", "say that the matter is settled"),
    "silence": ("services.cli.alerts_orders:silence", "hold back messages about an alert until a time"),
    "watch": ("services.cli.alerts_watch:watch", "see alerts as they move"),
    "routes": ("services.cli.routes_commands:routes", "check who is told of alerts"),
}
_PAGE = 500


class _AlertsGroup(click.Group):
    """Loads the commands of other files when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = _ELSEWHERE[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*own, *((name, line) for name, (_, line) in _ELSEWHERE.items())])


def _filters(command: Any) -> Any:
    for option in reversed(
        [
            click.option("--kind", help="failed_sample, hotspot, overdue, rate_drop or lab_integrity."),
            click.option("--state", help="One or several, with commas: raised, notified, acknowledged, acted, …"),
            click.option("--open", "open_", is_flag=True, help="Only what is neither closed nor cancelled."),
            click.option("--severity", help="Extreme, Severe, Moderate or Minor."),
            click.option("--level", help="Who it is with: township, county or city."),
            click.option("--domain", help="food, food_rapid, drug, medical_device, cosmetic or product."),
            click.option("--area", help="A region's code or its beginning, such as 6210."),
            click.option("--assignee", help="To whom it was handed."),
            click.option("--sample", "sample_id", help="The alerts of one sample."),
            click.option("--since", metavar="TIME", help="Changed then or later, such as 2026-03-01T08:00:00+08:00."),
        ]
    ):
        command = option(command)
    return command


_limit = click.option("--limit", type=click.IntRange(1), help="At most so many.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=_AlertsGroup, invoke_without_command=True)
@_filters
@_limit
@_json
@dir_option
@click.pass_context
def alerts(ctx: click.Context, /, as_json: bool, directory: str | None, **chosen: Any) -> None:
    """Look at alerts and move them on. Without a command: `list`.

    \b
      samplewatch alerts list --open --area 621002
      samplewatch alerts show 05-2614c07ca423c85754e7
      samplewatch alerts ack 05-2614c07ca423c85754e7 --note 收到
    """
    if ctx.invoked_subcommand is None:
        _list(as_json, directory, chosen)


@alerts.command(name="list")
@_filters
@_limit
@_json
@dir_option
def list_(as_json: bool, directory: str | None, **chosen: Any) -> None:
    """Show alerts, what changed last first."""
    _list(as_json, directory, chosen)


@alerts.command()
@click.argument("alert_id")
@_json
@dir_option
def show(alert_id: str, as_json: bool, directory: str | None) -> None:
    """Show one alert with everything that happened to it."""
    found = ask(directory, "alerts", f"/alerts/{alert_id}")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{found['alert_id']}  {found['state']}, {found['severity']}, with the {found['level']}")
    for text in ("headline", "description", "instruction", "legal_basis"):
        if text in found:
            click.echo(f"  {found[text]['zh']}\n  {found[text]['en']}")
    for name, label in _TIMES.items():
        if name in found:
            doubts = [word for word in ("provisional", "unconfirmed") if found.get(f"{name}_{word}")]
            click.echo(f"  {label}: {found[name]}{' (' + ', '.join(doubts) + ')' if doubts else ''}")
    if found.get("assignee"):
        click.echo(f"  assigned to: {found['assignee']}")
    rows = [
        [past["at"][:19], past["transition"], past["state"], past["level"], past["by"], past.get("reason", "")]
        for past in found["history"]
    ]
    print_table(["at", "what", "state", "level", "by", "why"], rows, "no history", whole="at")


_TIMES = {
    "raised_at": "raised",
    "ack_by": "to be acknowledged by",
    "ack_expires_at": "the acknowledgement lapses",
    "act_by": "to be acted on by",
    "silenced_until": "silenced until",
}


@alerts.command()
@click.option("--cap", is_flag=True, required=True, help="As CAP 1.2 (Common Alerting Protocol).")
@click.option("--id", "alert_id", help="One alert, to standard output or to --out.")
@_filters
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="A directory; a file for each alert.")
@dir_option
def export(cap: bool, alert_id: str | None, out: Path | None, directory: str | None, **chosen: Any) -> None:
    """Write alerts as they stand as CAP 1.2 XML, a document each.

    \b
      samplewatch alerts export --cap --id 05-2614c07ca423c85754e7
      samplewatch alerts export --cap --open --area 6210 --out cap/
    """
    from schemas.alerts import AlertEvent
    from services.alerts.cap import cap_xml

    if out is None and alert_id is None:
        raise click.UsageError("one document has one alert: name it with --id, or a directory with --out")
    rows = [ask(directory, "alerts", f"/alerts/{alert_id}")] if alert_id else _pages(directory, chosen)
    count = 0
    for row in rows:
        document = cap_xml(AlertEvent.model_validate(row))
        count += 1
        if out is None:
            click.echo(document.decode())
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{row['alert_id']}.xml").write_bytes(document)
    if out is not None:
        click.echo(f"{count} written to {out}")


def _pages(directory: str | None, chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        rows = ask(directory, "alerts", "/alerts", {**_query(chosen), "limit": _PAGE, "after": after})
        yield from rows
        if len(rows) < _PAGE:
            return
        after = place_of(rows[-1])


def place_of(row: dict[str, Any]) -> str:
    """Where the page goes on that ended with this alert."""
    from services.alerts.values import milliseconds_of, tie_of

    return f"{milliseconds_of(row['changed_at'])}-{tie_of(row['alert_id'])}"


def _query(chosen: dict[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in chosen.items() if name != "open_"}
    return {**others, "open": "true" if chosen["open_"] else None}


def _list(as_json: bool, directory: str | None, chosen: dict[str, Any]) -> None:
    rows = ask(directory, "alerts", "/alerts", _query(chosen))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    shown = [
        [
            row["alert_id"],
            row["changed_at"][:10],
            row["state"],
            row["severity"],
            row["area"],
            row.get("sample_id", ""),
            row["headline"]["en"],
        ]
        for row in rows
    ]
    columns = ["alert", "changed", "state", "severity", "area", "sample", "what"]
    print_table(columns, shown, "no alerts", whole="alert")
