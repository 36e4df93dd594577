"""`samplewatch publish-tables`: the two public tables of food sampling, from the record."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from services.cli.connection import bootstrap_of, dir_option

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(name="publish-tables")
@click.option("--from", "first", type=_DAY, required=True, metavar="DATE", help="First day, such as 2024-01-01.")
@click.option("--to", "last", type=_DAY, required=True, metavar="DATE", help="Last day, included.")
@click.option("--include-pending", is_flag=True, help="Also failures whose retest period is not over.")
@click.option("--as-of", type=_DAY, metavar="DATE", help="The day on which the periods are looked at. [default: today]")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Directory. [default: this one]"
)
@click.option("--values", "with_values", is_flag=True, help="不合格项目 with results and limits: item║result║limit.")
@click.option("--number", metavar="TEXT", help="公告号 of every row.")
@click.option("--date", "day", type=_DAY, metavar="DATE", help="公告日期 of every row.")
@click.option("--link", metavar="URL", help="公告网址链接 of every row.")
@click.option("--remark", metavar="TEXT", help="备注 of every row.")
@click.option(
    "--calendar", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Corrected working days."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@dir_option
def publish_tables(
    *,
    first: datetime,
    last: datetime,
    include_pending: bool,
    as_of: datetime | None,
    out: Path,
    with_values: bool,
    number: str | None,
    day: datetime | None,
    link: str | None,
    remark: str | None,
    calendar: Path | None,
    as_json: bool,
    directory: str | None,
) -> None:
    """Write 合格公示表.xlsx and 不合格公示表.xlsx: a row for each food sample whose verdict counts on one of the days.

    The source is the record in Kafka as it stands: withdrawn reports and voided samples do not appear, and a failure
    that a retest overturned appears as a pass. Problem samples of risk monitoring and suspicions of rapid tests are
    never published. A failure appears once the period for asking for a retest is over.

    \b
      samplewatch publish-tables --from 2024-01-01 --to 2024-03-31 --out tables
      samplewatch publish-tables --from 2024-01-01 --to 2024-03-31 --number 2024年第3号 --date 2024-04-15
    """
    from services.deadlines.table import load_table
    from services.deadlines.working_days import CalendarError, load_working_days
    from services.public_tables.gathering import gather
    from services.public_tables.retest import retest_closed_by
    from services.public_tables.rows import Announcement, Choice
    from services.public_tables.workbook import TooLarge, write_tables
    from services.reports.record import Record
    from services.runtime.calendar import SHANGHAI

    if first > last:
        raise click.BadParameter("is later than --to", param_hint="--from")
    try:
        working_days = load_working_days(calendar)
    except CalendarError as error:
        raise click.BadParameter(str(error), param_hint="--calendar") from None
    seen_on = (as_of or datetime.now(SHANGHAI)).date()
    closed = retest_closed_by(load_table(), working_days)
    choice = Choice(first.date(), last.date(), seen_on, closed, include_pending)
    with Record(bootstrap_of(directory)) as record:
        tables = gather(record, choice, Announcement(number, day.date() if day else None, link, remark))
    try:
        paths = write_tables(out, tables.passed, tables.failed, with_values)
    except TooLarge as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        counts = {"pass": len(tables.passed), "fail": len(tables.failed), "pending": tables.pending}
        click.echo(json.dumps({**counts, "files": [str(path) for path in paths]}, ensure_ascii=False))
        return
    for path, rows in zip(paths, (tables.passed, tables.failed), strict=True):
        click.echo(f"wrote {path}: {len(rows):,} samples")
    if tables.pending:
        click.echo(f"{tables.pending:,} failures wait for the end of their retest period (--include-pending)")
