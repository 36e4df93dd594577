"""`samplewatch plan`: where to sample next, and whom the draw sends where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from services.alerts.hotspots.expected import Tally
from services.alerts.hotspots.quarters import first_day, last_day
from services.cli.connection import dir_option
from services.cli.csv_rows import csv_rows
from services.cli.http import ask_all
from services.cli.param_types import Quarter
from services.cli.tables import PlainTable
from services.lab_results.cuts import CROSS
from services.planning.allocation import BudgetTooSmall, Line, Place, allocate
from services.planning.draw import INSPECTORS, Draw, Inspector, Target, digest, draw
from services.planning.explain import explain
from services.planning.prospects import prospects

_CUT = "county_stage_category"
_YEAR = timedelta(days=365)
_MOST_SHOWN = 40


@click.command()
@click.option("--budget", type=click.IntRange(1), required=True, help="How many samples.")
@click.option(
    "--period",
    type=Quarter(),
    required=True,
    metavar="2027Q1",
    help="The quarter to plan; it rests on the year before it.",
)
@click.option("--domain", default="food", show_default=True)
@click.option("--plan", "of_plan", default="supervision", show_default=True, help="Plans are never pooled.")
@click.option("--floor", type=click.IntRange(0), default=1, show_default=True, help="Samples for each county, stage …")
@click.option("--seed", required=True, help="Any text; the same seed, the same plan. Use one that nobody could choose.")
@click.option("--targets", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV of parties to draw.")
@click.option(
    "--inspectors", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV of inspectors to draw."
)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Of the explanations.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: every line, every visit.")
@dir_option
def plan(
    *,
    budget: int,
    period: str,
    domain: str,
    of_plan: str,
    floor: int,
    seed: str,
    targets: Path | None,
    inspectors: Path | None,
    lang: str,
    as_json: bool,
    directory: str | None,
) -> None:
    """Propose how many samples of what, where, to take in a quarter, and why; draw whom to visit and who goes.

    Every county, stage and category stays covered; of the rest half goes where least is known, half by Thompson
    sampling where failures are likeliest. The draw is by SHA-256 of the seed and the names, so that anybody can check
    it: docs/planning.md says how.

    \b
    --targets     CSV with the columns identity, name, county, stage
    --inspectors  CSV with the columns identity, name, county (empty: all counties)
    """
    # up to the quarter, or to today where that comes first
    last = min(first_day(period) - timedelta(days=1), date.today())  # noqa: DTZ011  only a day's difference
    counts = dict(_counts(directory, domain, of_plan, last))
    if not any(tally.units for tally in counts.values()):
        raise click.ClickException(f"nothing of {domain} {of_plan} passed or failed from {last - _YEAR} to {last}")
    random = np.random.default_rng(int.from_bytes(sha256(seed.encode()).digest()[:8]))
    try:
        lines = allocate(prospects(counts), budget, random, floor)
    except BudgetTooSmall as error:
        raise click.ClickException(str(error)) from error
    parties = [Target(*row) for _, row in csv_rows(targets, Target._fields)] if targets else []
    people = [Inspector(*row) for _, row in csv_rows(inspectors, Inspector._fields)] if inspectors else []
    visits = {line.prospect.place: draw(seed, line.prospect.place, line.samples, parties, people) for line in lines}
    if as_json:
        lists = {"targets": digest(parties), "inspectors": digest(people)}
        head = {"period": period, "to": last_day(period).isoformat(), "budget": budget, "seed": seed, "lists": lists}
        rows = [_json(line, visits[line.prospect.place]) for line in lines]
        click.echo(json.dumps({**head, "domain": domain, "plan": of_plan, "lines": rows}, ensure_ascii=False))
        return
    _show(lines, visits, period, lang, targets is not None, inspectors is not None)


def _counts(directory: str | None, domain: str, plan: str, last: date) -> Iterator[tuple[Place, Tally]]:
    """Units and failures of each cell over the year up to `last`."""
    parameters = {"domain": domain, "plan": plan, "cut": _CUT, "from": last - _YEAR + timedelta(days=1), "to": last}
    rows, _ = ask_all(directory, "lab_results", "/rates", parameters, "rates")
    for row in rows:
        yield Place(*row["cell"].split(CROSS)), Tally(row["pass"] + row["fail"], row["fail"])


def _json(line: Line, visits: list[Draw]) -> dict[str, Any]:
    zh, en = explain(line)
    return {
        **line.prospect.place._asdict(),
        "samples": line.samples,
        "floor": line.floor,
        "information": line.information,
        "risk": line.risk,
        "estimate": line.prospect.mean,
        "units": line.prospect.units,
        "failed": line.prospect.failed,
        "why": {"zh": zh, "en": en},
        "visits": [
            {
                "number": visit.number,
                "target": visit.target and visit.target._asdict(),
                "inspectors": [inspector._asdict() for inspector in visit.inspectors],
            }
            for visit in visits
        ],
    }


def _show(
    lines: list[Line],
    visits: dict[Place, list[Draw]],
    period: str,
    lang: str,
    of_targets: bool = True,
    of_inspectors: bool = True,
) -> None:
    """Prints the plan, and for how many visits the lists that were given had nobody."""
    table = PlainTable("county", "stage", "category", "samples", "why", title=f"Plan of {period}")
    for line in lines[:_MOST_SHOWN]:
        table.add_row(*line.prospect.place, str(line.samples), explain(line)[lang == "en"])
    console = Console()
    console.print(table)
    if len(lines) > _MOST_SHOWN:
        console.print(f"and {len(lines) - _MOST_SHOWN} lines more: --json has all, with the draw of every visit")
    left_out = [name for name, given in (("--targets", of_targets), ("--inspectors", of_inspectors)) if not given]
    if left_out:
        console.print(f"the draw takes lists: {' and '.join(left_out)}")
    empty = sum(visit.target is None for line in lines for visit in visits[line.prospect.place])
    if of_targets and empty:
        console.print(f"for {empty} of the visits there was no party to draw: --targets lists those of each county")
    short = sum(len(visit.inspectors) < INSPECTORS for line in lines for visit in visits[line.prospect.place])
    if of_inspectors and short:
        console.print(
            f"for {short} of the visits there were not {INSPECTORS} inspectors to draw: --inspectors lists them"
        )
