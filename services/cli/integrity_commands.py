"""`samplewatch integrity`: which laboratories' data an audit should see first, and how far that can be trusted."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import click
import msgspec
from rich.console import Console

from schemas.cloudevents import binary_headers
from schemas.topics import FINDINGS
from services.alerts.hotspots.standing import common_area
from services.alerts.integrity.check import Suspicion, check
from services.alerts.integrity.evaluate import evaluate
from services.alerts.integrity.finding import SOURCE, finding_of, with_untested
from services.alerts.integrity.gather import gather
from services.alerts.integrity.records import ReportRecord
from services.cli.connection import bootstrap_of, dir_option
from services.cli.tables import PlainTable
from services.runtime.calendar import SHANGHAI
from services.runtime.topic_writing import Writer
from services.simulate.places import LABORATORY_IDS

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def integrity() -> None:
    """Laboratories' data beside those of their peers: reasons to audit, never accusations."""


@integrity.command(name="check")
@click.option("--from", "first", type=_DAY, metavar="DATE", help="First day. [default: 89 days before the last]")
@click.option("--to", "last", type=_DAY, metavar="DATE", help="Last day, included. [default: today]")
@click.option("--publish", is_flag=True, help="Write what was found to alerts.findings.v1, so that alerts are raised.")
@click.option("--all", "everything", is_flag=True, help="Show every test, also those that say nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of all tests.")
@dir_option
def check_(
    *,
    first: datetime | None,
    last: datetime | None,
    publish: bool,
    everything: bool,
    as_json: bool,
    directory: str | None,
) -> None:
    """Test the first reports that laboratories issued in a period, against each other.

    Meant to be run once a night with --publish: what is named by e-BH becomes an alert, and one that is no longer named
    closes it. The commands of docs/hotspots.md say what each test looks at.
    """
    end = last.date() if last else datetime.now(SHANGHAI).date()
    start = first.date() if first else end - timedelta(days=89)
    if start > end:
        raise click.BadParameter("is later than --to", param_hint="--from")
    bootstrap = bootstrap_of(directory)
    reports = gather(bootstrap, start, end)
    found = check(reports) if reports else []
    if publish:
        _publish(bootstrap, found, reports, start, end)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    labs = len({report.lab for report in reports})
    table = PlainTable("laboratory", "test", "e-value", "priority", "cases", "evidence")
    table.title = f"{len(reports)} reports of {labs} laboratories, {start} to {end}"
    for one in found:
        if everything or one.priority != "none":
            table.add_row(one.lab, one.kind, f"{one.e_value:.3g}", one.priority, str(one.cases), "\n".join(one.details))
    Console().print(table)
    if not table.rows:
        click.echo("nothing stands out")


def _publish(bootstrap: str, found: list[Suspicion], reports: list[ReportRecord], first: date, last: date) -> None:
    areas: dict[str, str] = {}
    for report in reports:
        if report.region:
            areas[report.lab] = common_area(areas.get(report.lab, ""), report.region)
    checked_at = time.time()
    simulated = {report.lab for report in reports if report.simulated}
    with Writer(bootstrap, "samplewatch-cli") as writer:
        for one in with_untested(found, areas):
            if one.lab in areas:
                finding = finding_of(one, areas[one.lab], first, last, checked_at, one.lab in simulated)
                event_id = f"{finding.subject}:{finding.epoch}:{finding.revision}"
                writer.send(
                    FINDINGS.name,
                    finding.subject.encode(),
                    msgspec.json.encode(finding),
                    binary_headers(type="Finding", source=SOURCE, event_id=event_id),
                )
        writer.settle()


@integrity.command(name="evaluate")
@click.option(
    "--years", type=click.IntRange(2), default=20, show_default=True, help="Simulated years of each scenario."
)
@click.option("--samples", type=click.IntRange(500), default=5000, show_default=True, help="Samples a year.")
@click.option(
    "--laboratory",
    type=click.Choice(LABORATORY_IDS),
    default="lab-qy3",
    show_default=True,
    help="The one that misbehaves.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def evaluate_(*, years: int, samples: int, laboratory: str, seed: int, as_json: bool) -> None:
    """Simulate years in which a laboratory misbehaves in one way, or nobody does; count what is found.

    Found: the laboratory is named, by e-BH, for what it did. False: tests named of others, a year.
    """
    outcomes = list(evaluate(seed, years, samples, laboratory))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in outcomes]))
        return
    lines: list[tuple[Any, ...]] = [("misconduct", "found", "false names a year"), ("---", "---", "---")]
    for one in outcomes:
        found = "" if one.found is None else f"{one.found:.2f} ± {one.found_error:.2f}"
        lines.append((one.scenario, found, f"{one.false_a_year:.2f} ± {one.false_error:.2f}"))
    click.echo("\n".join("| " + " | ".join(line) + " |" for line in lines))
