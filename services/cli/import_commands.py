"""`samplewatch import`: existing records to Kafka, with the answers counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.connection import bootstrap_of, dir_option
from services.cli.outgoing import OUTCOMES, Answers, outgoing
from services.cli.public_table_options import public_table_options, unsaid_of
from services.cli.publishing import Publisher
from services.importers import (
    BadRow,
    Found,
    Imported,
    Note,
    NotThisFormat,
    chicago,
    describe,
    samr_export,
    samr_public_tables,
    uk_pesticides,
)

FORMATS: dict[str, Callable[[Path], Iterator[Found]]] = {
    "chicago": chicago.load,
    "uk-pesticides": uk_pesticides.load,
    "samr-export": samr_export.load,
    "public-table": samr_public_tables.load,
}
#: Rows of each list of troubles; --json has them all.
_ROWS = 20


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "file_format", type=click.Choice(list(FORMATS)), required=True, help="What the file is.")
@click.option(
    "--results-first", is_flag=True, help="Publish the results before their samples; the outcome is the same."
)
@click.option("--only", type=click.Choice(["samples", "results"]), help="Publish only one of the two.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds without an answer before giving up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@public_table_options
@dir_option
def import_(
    *,
    file: Path,
    file_format: str,
    results_first: bool,
    only: str | None,
    timeout: float,
    as_json: bool,
    directory: str | None,
    **of_public_table: Any,
) -> None:
    """Publish the samples and results in FILE, wait until each is answered, and sum up.

    \b
    chicago         CSV of the City of Chicago's food inspections
    uk-pesticides   CSV of the UK's pesticide residue samples; the results' file lies beside it,
                    with _results_ in its name instead of _samples_
    samr-export     xlsx of the national sampling system, sheet data_1, one row per sample and item
    public-table    xlsx or csv of a public table of food samples, 合格公示表 or 不合格公示表; what
                    such a table does not say, --plan and the options after it do

    Importing a file twice changes nothing: everything is a duplicate the second time. The exit status is 0 only if
    every row was read, and every event answered and none rejected.
    """
    unsaid = unsaid_of(file_format == "public-table", of_public_table)
    bootstrap = bootstrap_of(directory)
    try:
        found = list(samr_public_tables.load(file, unsaid) if unsaid else FORMATS[file_format](file))
    except (NotThisFormat, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name} is not {file_format}: {error}") from error
    imported = [one for one in found if isinstance(one, Imported)]
    steps = [only] if only else ["results", "samples"] if results_first else ["samples", "results"]
    total = sum(len(_events(imported, step)) for step in steps)
    with _progress(total, shown=not as_json) as progress, Publisher(bootstrap, timeout, progress) as publisher:
        for step in steps:
            publisher.publish(map(outgoing, _events(imported, step)))
            # answered before the next: a result then finds its sample, and is not parked for a moment
            answers = publisher.answers()
    report = _report(file_format, found, answers, steps)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    if report["bad_rows"] or not answers.ok:
        raise SystemExit(1)


def _events(imported: list[Imported], step: str) -> list[Any]:
    if step == "samples":
        return [one.sample for one in imported]
    return [one.result for one in imported if one.result]


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bars:
        published, answered = bars.add_task("published", total=total), bars.add_task("answered", total=total)

        def update(count_published: int, count_answered: int) -> None:
            bars.update(published, completed=count_published)
            bars.update(answered, completed=count_answered)

        yield update


def _report(file_format: str, found: Iterable[Found], answers: Answers, steps: list[str]) -> dict[str, Any]:
    counts = describe(found)
    if "samples" not in steps:
        counts["samples"] = 0
    if "results" not in steps:
        counts |= dict.fromkeys(("results", "items", "pass", "fail", "inconclusive"), 0)
    return {
        "format": file_format,
        **counts,
        **{outcome: answers.counts[outcome] for outcome in OUTCOMES},
        "bad_rows": [asdict(one) for one in found if isinstance(one, BadRow)],
        "notes": [one.text for one in found if isinstance(one, Note)],
        "refused": [answer.as_dict() for answer in answers.answers if answer.outcome in OUTCOMES[3:]],
    }


def _print(report: dict[str, Any]) -> None:
    console = Console(emoji=False, highlight=False)
    table = Table("in the file", "", "answers", "", title=f"import of {report['format']}")
    table.columns[1].justify = table.columns[3].justify = "right"
    in_file = ("samples", "results", "items", "pass", "fail", "inconclusive")
    for left, right in zip(in_file, OUTCOMES, strict=True):
        table.add_row(left, f"{report[left]:,}", right, f"{report[right]:,}")
    console.print(table)
    for note in report["notes"][:_ROWS]:
        console.print(f"note: {escape(note)}")
    _print_list(
        console, "not read", [f"row {bad['row']}: {bad['column']}: {bad['reason']}" for bad in report["bad_rows"]]
    )
    refused = [
        f"{answer['event_id']}: {answer['outcome']}: {answer.get('field', '')} {answer.get('reason', '')}"
        for answer in report["refused"]
    ]
    _print_list(console, "not taken", refused)


def _print_list(console: Console, title: str, lines: list[str]) -> None:
    for line in lines[:_ROWS]:
        console.print(f"{title}: {escape(line)}")
    if len(lines) > _ROWS:
        console.print(f"{title}: {len(lines) - _ROWS:,} more, which --json prints")
