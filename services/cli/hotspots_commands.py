"""`samplewatch hotspots`: how good the detector is, and where cases cluster in space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from services.alerts.hotspots.evaluation import tables
from services.alerts.hotspots.evaluation.real import Observation
from services.alerts.hotspots.scan import Cluster, scan
from services.cli.connection import dir_option
from services.cli.csv_rows import csv_rows
from services.cli.http import ask
from services.cli.import_commands import FORMATS
from services.cli.param_types import FiniteRange, Quarter
from services.cli.tables import PlainTable
from services.importers import Imported, NotThisFormat
from services.runtime.calendar import day_of

_COLUMNS = ("place", "x", "y", "population", "cases")


@click.group()
def hotspots() -> None:
    """Where risk rises: how far the detector can be trusted, and clusters in space."""


@hotspots.command(name="list")
@click.option("--domain", help="Only this domain.")
@click.option("--plan", help="Only this plan.")
@click.option("--cut", help="Only cells of this cut.")
@click.option("--quarter", type=Quarter(), metavar="2026Q4", help="Only this quarter.")
@click.option("--level", help="high_confidence, confirmed, watch or none; by default all but none.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer.")
@dir_option
def list_(*, as_json: bool, directory: str | None, **parameters: Any) -> None:
    """Show the cells that have a level, those of the most evidence first."""
    answer = ask(directory, "hotspots", "/hotspots", parameters)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    cut = parameters["cut"]
    if cut and not answer["hotspots"] and not _known(directory, cut):
        raise click.ClickException(f"the detector looks at no cell of a cut {cut!r}")
    confirmed = answer["confirmed_from"]
    title = "Hotspots (no model yet: nothing is confirmed)"
    if confirmed is not None:
        title = f"Hotspots (model {answer['model']}, {answer['active_cells']} cells, confirmed from E = {confirmed:g})"
    table = PlainTable("quarter", "cell", "level", "failed", "expected", "units", "E", "since", title=title)
    for row in answer["hotspots"]:
        table.add_row(
            row["quarter"],
            f"{row['domain']} {row['plan']} {row['cut']} {row['cell']}",
            row["level"],
            str(row["failed"]),
            f"{row['expected']:.1f}",
            str(row["units"]),
            f"{row['e_value']:.3g}",
            row["since"] or "",
        )
    console = Console()
    console.print(table)
    for group, phi in answer["overdispersion"].items():
        if phi > 1:
            console.print(f"overdispersion of {group.replace('|', ' ')}: phi = {phi:.2f}", highlight=False)


def _known(directory: str | None, cut: str) -> bool:
    """Whether there are cells of the cut, with a level or without. Only the service knows which cuts it was given."""
    every = ({"cut": cut}, {"cut": cut, "level": "none"})
    return any(ask(directory, "hotspots", "/hotspots", {**each, "limit": 1})["hotspots"] for each in every)


@hotspots.command()
@click.option("--replicates", type=click.IntRange(2), default=200, show_default=True, help="Simulated quarters each.")
@click.option("--cells", type=click.IntRange(2), default=200, show_default=True, help="Cells of a quarter.")
@click.option("--mean", type=FiniteRange(0.001, 0.3), default=0.0286, show_default=True, help="Mean failure rate.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same numbers.")
@click.option(
    "--real",
    type=(click.Choice(sorted(FORMATS)), click.Path(exists=True, dir_okay=False, path_type=Path)),
    multiple=True,
    metavar="FORMAT FILE",
    help="Real records to run the methods on, as `samplewatch import` reads them; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    *, replicates: int, cells: int, mean: float, seed: int, real: tuple[tuple[str, Path], ...], as_json: bool
) -> None:
    """Compare the detector with three baselines: false alarms a quarter, power and delay.

    The quarters are simulated, with rises of odds ratio 2, 3 and 5 put into a cell of 300 samples; every mean comes
    with its Monte Carlo standard error, every median with its 95 % interval. docs/hotspots.md has the tables of
    the default settings.
    """
    settings = tables.Settings(seed, cells, replicates, mean)
    results = tables.simulated(settings, tell=lambda line: click.echo(line, err=True))
    for file_format, file in real:
        results += [tables.on_records(file.name, list(_observations(file_format, file)))]
    if as_json:
        click.echo(json.dumps([asdict(table) for table in results], ensure_ascii=False))
        return
    click.echo("\n\n".join(table.markdown() for table in results))


def _observations(file_format: str, file: Path) -> Iterator[Observation]:
    """A unit for each record: its stratum is stage and category, its cell the region."""
    try:
        found = list(FORMATS[file_format](file))
    except (NotThisFormat, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name} is not {file_format}: {error}") from error
    for one in found:
        if isinstance(one, Imported) and one.result is not None and one.result.conclusion in ("pass", "fail"):
            sample = one.sample
            path = (sample.domain, sample.plan, sample.targeting, sample.stage, *sample.category)
            yield Observation(day_of(one.result.issued_at), path, sample.region, one.result.conclusion == "fail")


@hotspots.command(name="scan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", type=click.Choice(["poisson", "bernoulli"]), default="bernoulli", show_default=True)
@click.option(
    "--share", type=FiniteRange(0, 0.5, min_open=True), default=0.1, show_default=True, help="Largest window."
)
@click.option("--replicates", type=click.IntRange(0), default=999, show_default=True, help="Random data sets.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same p-values.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def scan_(*, file: Path, model: str, share: float, replicates: int, seed: int, as_json: bool) -> None:
    """Find clusters of cases in FILE by Kulldorff's scan with circular windows.

    FILE is a CSV with the columns place, x, y, population and cases: coordinates in a plane (or degrees, where the area
    is small), and for the Bernoulli model samples and failures.
    """
    places, numbers = _read(file)
    xy, population, cases = numbers[:, :2], numbers[:, 2].astype(np.int64), numbers[:, 3].astype(np.int64)
    random = np.random.default_rng(seed)
    try:
        clusters = scan(xy, population, cases, random=random, model=_model(model), share=share, replicates=replicates)
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {error}") from error
    if as_json:
        click.echo(json.dumps([_named(cluster, places) for cluster in clusters], ensure_ascii=False))
        return
    if not clusters:
        click.echo("no window has more cases than its population explains")
        return
    table = PlainTable(
        "centre", "places", "observed", "expected", "log likelihood ratio", "p", title=f"Clusters ({model})"
    )
    for cluster in clusters:
        p = "" if cluster.p_value is None else f"{cluster.p_value:.4f}"
        table.add_row(
            places[cluster.places[0]],
            str(len(cluster.places)),
            str(cluster.observed),
            f"{cluster.expected:.2f}",
            f"{cluster.llr:.6f}",
            p,
        )
    Console().print(table)


def _model(name: str) -> Any:
    return name


def _named(cluster: Cluster, places: list[str]) -> dict[str, Any]:
    return {**asdict(cluster), "places": [places[place] for place in cluster.places]}


def _read(file: Path) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float64]]]:
    places, rows = [], []
    for line, (place, x, y, population, cases) in csv_rows(file, _COLUMNS):
        places.append(place)
        try:
            rows.append([float(x), float(y), int(population), int(cases)])
        except ValueError as error:
            raise click.ClickException(f"{file.name}: line {line}: {error}") from error
    if not rows:
        raise click.ClickException(f"{file.name}: no places")
    return places, np.array(rows, dtype=np.float64)
