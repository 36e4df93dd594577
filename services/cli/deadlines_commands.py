"""`samplewatch deadlines`: who is late, the statutory table, and what a rule means for a day."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli.connection import dir_option
from services.cli.http import ask
from services.cli.query_commands import json_option
from services.cli.tables import print_table

if TYPE_CHECKING:
    from services.deadlines import Rule, Table

table_option = click.option(
    "--table",
    "path",
    envvar="SAMPLEWATCH_DEADLINES",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A table of your own. [default: the program's]",
)
days_option = click.option(
    "--working-days",
    envvar="SAMPLEWATCH_WORKING_DAYS",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that corrects the calendar of working days.",
)


@click.group()
def deadlines() -> None:
    """Statutory deadlines: which samples are late, and by which rule.

    \b
      samplewatch deadlines list --state passed --region 6210
      samplewatch deadlines table
      samplewatch deadlines due --rule food_report --from 2026-09-24T10:00
    """


@deadlines.command("list")
@click.option("--state", help="near or passed. [default: both]")
@click.option("--rule", help="One rule of the table, such as food_report.")
@click.option("--region", help="A region's code or its beginning, such as 6210.")
@click.option("--domain", help="food, food_rapid, drug, medical_device, cosmetic or product.")
@click.option("--liable", help="Who is late: sampler, laboratory, regulator or party.")
@click.option("--sample", "sample_id", help="Every clock of one sample.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
@dir_option
def list_(as_json: bool, directory: str | None, **chosen: Any) -> None:
    """Show deadlines that are near or passed, the earliest first."""
    rows = ask(directory, "sampling", "/deadlines", chosen)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    shown = [
        [
            row.get("sample_id") or chosen["sample_id"],
            row["state"] + (", late" if row["late"] else ""),
            _minute(row["due_at"]) + _marks(row["provisional"], row["confirmed"]),
            row["liable"],
            f"{row['title_en']} {row['title_zh']}",
            f"{row['law']} {row['article']}",
        ]
        for row in rows
    ]
    print_table(["sample", "state", "due", "who", "what", "by"], shown, "no deadlines", whole="sample")


@deadlines.command()
@table_option
@json_option
def table(path: Path | None, as_json: bool) -> None:
    """Show the statutory table. Rows that were not checked against the text in force are marked."""
    found = _load(path)
    if as_json:
        click.echo(json.dumps([rule.model_dump(mode="json", exclude_none=True) for rule in found.rules]))
        return
    rows = [
        [
            rule.id,
            ", ".join((*rule.domains, *rule.plans, *rule.categories)),
            _amount(rule),
            f"{rule.title_en} {rule.title_zh}",
            f"{rule.law} {rule.article}",
            rule.in_force_from.isoformat() + (f" to {rule.repealed_on}" if rule.repealed_on else ""),
            "confirmed" if rule.confirmed else "unconfirmed",
            rule.watched_by,
        ]
        for rule in found.rules
    ]
    columns = ["rule", "for", "time", "what", "by", "in force", "checked", "watched by"]
    print_table(columns, rows, "an empty table", whole="rule")
    unconfirmed = sum(not rule.confirmed for rule in found.rules)
    click.echo(f"table of {found.dated}: {len(found.rules)} rows, {unconfirmed} unconfirmed")


@deadlines.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def check(file: Path) -> None:
    """Check a table before it is used; every mistake is told by its rule and field."""
    found = _load(file)
    click.echo(f"{file}: {len(found.rules)} rows of {len(found.by_id)} rules, dated {found.dated}")


@deadlines.command()
@click.option("--rule", "rule_id", required=True, help="A rule of the table, such as food_report.")
@click.option("--from", "start", required=True, metavar="TIME", help="When the clock starts, such as 2026-09-24T10:00.")
@table_option
@days_option
@json_option
def due(rule_id: str, start: str, path: Path | None, working_days: Path | None, as_json: bool) -> None:
    """Reckon when a deadline ends. A time without an offset is one of Shanghai."""
    from services.deadlines import clock_for, load_working_days
    from services.deadlines.working_days import CalendarError
    from services.runtime.calendar import SHANGHAI

    try:
        moment = datetime.fromisoformat(start)
        calendar = load_working_days(working_days)
    except CalendarError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--from") from None
    found = _load(path)
    if rule_id not in found.by_id:
        raise click.BadParameter(f"{rule_id!r} is none of {', '.join(found.by_id)}", param_hint="--rule")
    started_at = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    try:
        clock = clock_for(found, rule_id, started_at, calendar)
    except OverflowError:
        raise click.BadParameter(f"{start} has no calendar around it", param_hint="--from") from None
    if clock is None:
        raise click.ClickException(f"no version of {rule_id} is in force at {start}")
    rule, end = clock.rule, clock.due
    if as_json:
        answer = {"rule": rule.id, "rule_version": rule.in_force_from.isoformat(), "started_at": started_at.isoformat()}
        answer |= {"near_at": end.near_at.isoformat(), "due_at": end.at.isoformat()}
        click.echo(json.dumps(answer | {"provisional": end.provisional, "confirmed": rule.confirmed}))
        return
    click.echo(f"{_minute(end.at.isoformat())}{_marks(end.provisional, rule.confirmed)}")
    click.echo(f"  {rule.title_en} {rule.title_zh}: {_amount(rule)}, {rule.law} {rule.article}")


def _load(path: Path | None) -> Table:
    from services.deadlines import TableError, load_table

    try:
        return load_table(path) if path else load_table()
    except TableError as error:
        raise click.ClickException(f"{path}:\n" + "\n".join(f"  {problem}" for problem in error.problems)) from None


def _amount(rule: Rule) -> str:
    unit = rule.unit.replace("_", " ")
    return f"{rule.amount} {unit.removesuffix('s') if rule.amount == 1 else unit}"


def _marks(provisional: bool, confirmed: bool) -> str:
    marks = [mark for mark, there in (("provisional", provisional), ("unconfirmed", not confirmed)) if there]
    return f" ({', '.join(marks)})" if marks else ""


def _minute(moment: str) -> str:
    """In Shanghai; midnight as 24:00 of the day that ends."""
    from datetime import timedelta

    from services.runtime.calendar import SHANGHAI

    local = datetime.fromisoformat(moment).astimezone(SHANGHAI)
    if (local.hour, local.minute) == (0, 0):
        return f"{local.date() - timedelta(days=1)} 24:00"
    return f"{local:%Y-%m-%d %H:%M}"
