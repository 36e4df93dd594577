"""`samplewatch rates` and `sample`: what the services know, for people and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from services.cli.connection import dir_option
from services.cli.http import ask, ask_all
from services.cli.tables import print_table

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
@click.option("--targeting", help="Count only routine or only targeted samples. [default: together]")
@click.option("--series", "by", metavar="PERIOD", help="One rate for each day, week or month.")
@click.option("--ranking", is_flag=True, help="Rank the cells, small ones drawn towards the common rate.")
@click.option("--order", help="With --ranking: lowest or highest rate first. [default: lowest]")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the series or the ranking: FILE.svg or .png."
)
@json_option
@dir_option
def rates(
    first: str | None,
    last: str | None,
    by: str | None,
    ranking: bool,
    order: str | None,
    plot: Path | None,
    as_json: bool,
    directory: str | None,
    **chosen: Any,
) -> None:
    """Show qualification rates (合格率): passed, failed and the rate with its 95 % interval, a row for each cell.

    Without days, over all days. A day is a day of Asia/Shanghai, and a verdict counts on the day its first report was
    issued. --plot alone draws the series by month.

    \b
      samplewatch rates --cut county --domain food --plan supervision
      samplewatch rates --cut category_1 --window 30d --as-of 2026-06-30 --json
      samplewatch rates --series week --domain food --plan supervision --plot weeks.svg
      samplewatch rates --ranking --cut county --domain food --plan supervision --window 365d
    """
    from services.cli import rates_plots, rates_tables

    if by and ranking:
        raise click.UsageError("--series and --ranking exclude each other")
    if order and not ranking:
        raise click.UsageError("--order goes with --ranking")
    if plot is not None:
        rates_plots.check(plot)
        by = by or (None if ranking else "month")
    parameters = {**chosen, "from": first, "to": last}
    printed: Any
    if ranking:
        rows, answer = ask_all(directory, "lab_results", "/rates/ranking", {**parameters, "order": order}, "cells")
        answer["cells"] = rows
        table, printed = rates_tables.ranking(answer), answer
    elif by:
        rows, _ = ask_all(directory, "lab_results", "/rates/series", {**parameters, "by": by}, "series")
        table, printed = rates_tables.series(rows), rows
    else:
        rows, _ = ask_all(directory, "lab_results", "/rates", parameters, "rates")
        table, printed = rates_tables.rates(rows), rows
    if plot is not None:
        rates_plots.write(plot, printed)
    if as_json:
        click.echo(json.dumps(printed, ensure_ascii=False))
        return
    print_table(table.columns, table.rows, "no verdict counts there")
    for note in table.notes if rows else ():
        click.echo(note)


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
    print_table(["arrived", "topic", "what"], rows, "no history")
    alerts_of_it = [[row["alert_id"], row["state"], row["headline"]["en"]] for row in found["alerts"]]
    print_table(["alert", "state", "what"], alerts_of_it, "no alerts", whole="alert")


def _in_words(event: dict[str, Any]) -> str:
    if "outcome" in event or "counted_on" in event:
        outcome = event.get("outcome", "no verdict")
        return f"verdict: {outcome} ({event['status']}), report {event.get('report_no', 'none')}"
    return str(event.get("type", "event"))
