"""`samplewatch simulate`: a synthetic city year, into files or straight to Kafka, with its ground truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS
from services.cli.connection import bootstrap_of, dir_option
from services.cli.outgoing import OUTCOMES, Answers, Outgoing
from services.simulate.misconduct import WHATS, Misconduct, What
from services.simulate.places import LABORATORY_IDS
from services.simulate.problems import usual_problems
from services.simulate.simulate import MOST_SAMPLES, SimulatedEvent, Simulation
from services.simulate.simulate import simulate as simulate_year

_DEFAULT_OUT = Path("var/simulated")
_SAMPLES, _RESULTS, _TRUTH = "samples.jsonl", "results.jsonl", "truth.json"
#: Of the events that were not simply taken, so many are printed.
_REFUSED_SHOWN = 5


@click.command()
@click.option("--samples", type=click.IntRange(1, MOST_SAMPLES), default=5_000, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same year.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-01-01",
    show_default=True,
    metavar="DATE",
    help="First day of the year that the samples are taken in.",
)
@click.option(
    "--misconduct",
    type=(click.Choice(LABORATORY_IDS), click.Choice(WHATS)),
    multiple=True,
    metavar="LAB KIND",
    help=f"Besides the usual problems, what a laboratory does all year: {', '.join(WHATS)}.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help=f"Directory. [default: {_DEFAULT_OUT}]")
@click.option("--publish", is_flag=True, help="Send the events to Kafka; files are written only if --out is given.")
@click.option("--timeout", default=60.0, show_default=True, help="With --publish: seconds without an answer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: files, published, truth.")
@dir_option
def simulate(
    *,
    samples: int,
    seed: int,
    start: datetime,
    misconduct: tuple[tuple[str, What], ...],
    out: Path | None,
    publish: bool,
    timeout: float,
    as_json: bool,
    directory: str | None,
) -> None:
    """Make a synthetic year of samples and results of the city of Qingyang, and the truth behind it.

    Every event says in its source that it is synthetic. Some reports are amended, withdrawn, overturned by a retest,
    late or sent twice, and a few problems are injected; truth.json says which, and what the services must count.
    The same arguments give the same bytes; other arguments give other sample numbers.

    \b
    samplewatch simulate --samples 5000 --seed 1 --start 2025-01-01
    samplewatch publish samples var/simulated/samples.jsonl
    samplewatch publish results var/simulated/results.jsonl
    samplewatch simulate --samples 5000 --publish        the same in one step
    """
    first = start.date()
    if not 2001 <= first.year <= 2200:
        raise click.BadParameter("the year must lie between 2001 and 2200", param_hint="--start")
    odd = [Misconduct(lab, what, first) for lab, what in misconduct]
    simulation = simulate_year(samples, seed, first, (*usual_problems(first), *odd))
    folder = out if publish else out or _DEFAULT_OUT
    answers: Answers | None = None
    with ExitStack() as stack:
        files = _Files(folder, stack) if folder is not None else None
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True, disable=as_json))
        events = _written(simulation, progress, files)
        if publish:
            answers = _publish(events, bootstrap_of(directory), timeout)
        else:
            for _ in events:
                pass
    truth = simulation.truth.as_dict()
    paths = files.finish(truth) if files is not None else {}
    if as_json:
        published = {outcome: answers.counts[outcome] for outcome in OUTCOMES} if answers else None
        click.echo(json.dumps({"files": paths, "published": published, "truth": truth}, ensure_ascii=False))
    else:
        _print(truth, paths, answers)
    if answers is not None and not answers.ok:
        raise SystemExit(1)


class _Files:
    """The three files, under names of their own until all are whole."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._open: dict[bool, IO[bytes]] = {
            is_result: stack.enter_context(self._part(name).open("wb"))
            for is_result, name in ((False, _SAMPLES), (True, _RESULTS))
        }

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def write(self, event: SimulatedEvent) -> None:
        self._open[event.is_result].write(event.value + b"\n")

    def finish(self, truth: dict[str, Any]) -> dict[str, str]:
        """Gives the files their names, once they are closed; returns their paths."""
        text = json.dumps(truth, ensure_ascii=False, indent=1) + "\n"
        self._part(_TRUTH).write_text(text, encoding="utf-8")
        names = {"samples": _SAMPLES, "results": _RESULTS, "truth": _TRUTH}
        return {kind: str(self._part(name).replace(self._folder / name)) for kind, name in names.items()}


def _written(simulation: Simulation, progress: Progress, files: _Files | None) -> Iterator[SimulatedEvent]:
    task = progress.add_task("samples", total=simulation.samples)
    taken = 0
    for event in simulation:
        if files is not None:
            files.write(event)
        if event.type == "SampleTaken":
            taken += 1
            if taken % 500 == 0:
                progress.update(task, completed=taken)
        yield event


def outgoing(event: SimulatedEvent) -> Outgoing:
    """A simulated event as `Publisher` sends it."""
    topic = LAB_RESULTS if event.is_result else SAMPLING_EVENTS
    return Outgoing(topic.name, event.sample_id.encode(), event.value, event.type, event.source, event.event_id)


def _publish(events: Iterator[SimulatedEvent], bootstrap: str, timeout: float) -> Answers:
    from services.cli.publishing import Publisher

    with Publisher(bootstrap, timeout, keep=False) as publisher:
        publisher.publish(map(outgoing, events))
        return publisher.answers()


def _print(truth: dict[str, Any], paths: dict[str, str], answers: Answers | None) -> None:
    console = Console()
    events = sum(truth["events"].values())
    title = f"{truth['samples']:,} synthetic samples from {truth['start']}, seed {truth['seed']}: {events:,} events"
    table = Table("domain", "plan", "samples", "pass", "fail", "inconclusive", "fail %", title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in truth["programmes"]:
        decided = row["pass"] + row["fail"]
        share = f"{100 * row['fail'] / decided:.2f}" if decided else "-"
        counts = (f"{row[name]:,}" for name in ("samples", "pass", "fail", "inconclusive"))
        table.add_row(row["domain"], row["plan"], *counts, share)
    console.print(table)
    expected = truth["expected_alerts"]
    console.print(
        f"expected alerts: {expected['failed_samples']:,} failed samples, {expected['sample_item_classes']:,} by item "
        f"class; sent twice: {truth['duplicates']:,}; results ahead of their sample: "
        f"{truth['results_ahead_of_their_sample']:,}; late reports: {truth['late_reports']:,}"
    )
    console.print("injected:")
    for problem in truth["problems"]:
        parameters = {name: "/".join(value) if name == "category" else value for name, value in problem.items()}
        rest = ", ".join(f"{name} {value}" for name, value in parameters.items() if name != "kind")
        console.print(f"  {problem['kind']}: {rest}", highlight=False)
    for written in paths.values():
        console.print(f"wrote {written}", highlight=False)
    if answers is not None:
        told = ", ".join(f"{answers.counts[outcome]:,} {outcome}" for outcome in OUTCOMES if answers.counts[outcome])
        console.print(f"published: {told}")
        refused = [answer for answer in answers.answers if answer.outcome not in OUTCOMES[:3]]
        for answer in refused[:_REFUSED_SHOWN]:
            reason = answer.as_dict().get("reason", "")
            console.print(f"  {answer.outcome} {answer.event.event_id}: {reason}", highlight=False, markup=False)
