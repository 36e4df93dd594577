"""`samplewatch rates`, `alerts` and `sample`: what the services know, for people and as JSON."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from services.cli.connection import dir_option
from services.cli.http import ask

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _print_table(columns: list[str], rows: list[list[str]], empty: str, whole: str | None = None) -> None:
    """Prints a table; the column named `whole` is never cut or wrapped, for what is to be copied."""
    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column == whole, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@click.command()
@click.option("--domain", help="food, food_rapid, drug, medical_device, cosmetic or product.")
@click.option("--plan", help="supervision, risk_monitoring, evaluation or special; plans are never added up.")
@click.option(
    "--cut", default="all", show_default=True, help="city, county, category_1, stage, laboratory, producer, …"
)
@click.option("--cell", help="One cell of the cut, such as 621002.")
@click.option("--from", "first", metavar="DATE", help="First day, such as 2026-01-01.")
@click.option("--to", "last", metavar="DATE", help="Last day, included.")
@click.option("--window", help="7d, 30d, 90d, 365d or ytd: instead of --from and --to.")
@click.option("--as-of", metavar="DATE", help="The last day of the window. [default: today]")
@json_option
@dir_option
def rates(first: str | None, last: str | None, as_json: bool, directory: str | None, **chosen: Any) -> None:
    """Show qualification rates (合格率): passed, failed and the rate with its 95 % interval, a row for each cell.

    Without days, over all days. A day is a day of Asia/Shanghai, and a verdict counts on the day its first report was
    issued.

    \b
      samplewatch rates --cut county --domain food --plan supervision
      samplewatch rates --cut category_1 --window 30d --as-of 2026-06-30 --json
    """
    rows = ask(directory, "lab_results", "/rates", {**chosen, "from": first, "to": last})
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    shown = [
        [
            row["domain"],
            row["plan"],
            row["cell"],
            f"{row['from']} to {row['to']}",
            f"{row['pass']:,}",
            f"{row['fail']:,}",
            "" if row["rate"] is None else f"{row['rate']:.2%}",
            "" if row["rate"] is None else f"{row['low']:.2%} to {row['high']:.2%}",
        ]
        for row in rows
    ]
    columns = ["domain", "plan", chosen["cut"], "days", "pass", "fail", "rate", "95 % interval"]
    _print_table(columns, shown, "no verdict counts there")


@click.command()
@click.option("--kind", help="failed_sample, hotspot, overdue, rate_drop or lab_integrity.")
@click.option("--state", help="raised, acknowledged, acted, closed or cancelled.")
@click.option("--domain")
@click.option("--area", help="A region's code or its beginning, such as 6210.")
@click.option("--sample", "sample_id", help="The alerts of one sample.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
@dir_option
def alerts(as_json: bool, directory: str | None, **chosen: Any) -> None:
    """Show alerts, the newest first.

    \b
      samplewatch alerts --state raised --area 621002
    """
    rows = ask(directory, "alerts", "/alerts", chosen)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    shown = [
        [row["alert_id"], row["changed_at"][:10], row["state"], row["severity"], row["area"], row["headline"]["en"]]
        for row in rows
    ]
    _print_table(["alert", "changed", "state", "severity", "area", "what"], shown, "no alerts", whole="alert")


@click.command()
@click.argument("sample_id")
@json_option
@dir_option
def sample(sample_id: str, as_json: bool, directory: str | None) -> None:
    """Show one sample as it stands, with its whole history and its alerts.

    \b
      samplewatch sample CHI-529281
    """
    import urllib.parse

    found = ask(directory, "sampling", f"/samples/{urllib.parse.quote(sample_id, safe='')}")
    found["alerts"] = ask(directory, "alerts", "/alerts", {"sample_id": sample_id})
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    stands = found["sample"]
    if stands is None:
        click.echo(f"{sample_id}: not registered yet; events about it are parked")
    else:
        click.echo(f"{sample_id}: {stands['product_name']} ({' > '.join(stands['category'])}), {stands['status']}")
        click.echo(f"  {stands['domain']}, {stands['plan']}, {stands['targeting']}; region {stands['region']}")
    rows = [[entry["arrived_at"][:19], entry["topic"], _in_words(entry["event"])] for entry in found["history"]]
    _print_table(["arrived", "topic", "what"], rows, "no history")
    alerts_of_it = [[row["alert_id"], row["state"], row["headline"]["en"]] for row in found["alerts"]]
    _print_table(["alert", "state", "what"], alerts_of_it, "no alerts", whole="alert")


def _in_words(event: dict[str, Any]) -> str:
    if "outcome" in event or "counted_on" in event:
        outcome = event.get("outcome", "no verdict")
        return f"verdict: {outcome} ({event['status']}), report {event.get('report_no', 'none')}"
    return str(event.get("type", "event"))
