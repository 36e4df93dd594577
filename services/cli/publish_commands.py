"""`samplewatch publish`: events from JSON Lines to Kafka, and the answer to each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import click
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from schemas.cloudevents import NotAnEvent, parse_object
from schemas.results import RESULT_EVENT
from schemas.sampling import SAMPLING_EVENT
from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS, Topic
from services.cli.connection import bootstrap_of, dir_option
from services.cli.event_lines import BadLine, read_lines
from services.cli.outgoing import OUTCOMES, Answers, Outgoing
from services.cli.publishing import Publisher
from services.cli.tables import PlainTable

#: Rows of the table that says what was not simply accepted; --json has them all.
_ROWS = 50


@click.group()
def publish() -> None:
    """Publish events from a file of JSON Lines and wait for the answer to each.

    A line is one event: a JSON object with the fields of its contract (schemas/generated has the JSON Schemas).
    type, source and event_id may be left out: the type is then SampleTaken or ResultReported, the source that of
    --source, and the event_id follows from the line's content, so that publishing a file twice changes nothing.
    """


def _options(command: Any) -> Any:
    for option in reversed(
        [
            click.argument("file", type=click.File("rb"), metavar="FILE|-"),
            click.option(
                "--source", default="samplewatch-cli", show_default=True, help="Who sends, if a line is silent."
            ),
            click.option("--no-check", is_flag=True, help="Send every line as it is and let the services judge."),
            click.option(
                "--timeout", default=60.0, show_default=True, help="Seconds without an answer before giving up."
            ),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every answer."),
            dir_option,
        ]
    ):
        command = option(command)
    return command


@publish.command()
@_options
def samples(file: IO[bytes], **options: Any) -> None:
    """Publish sampling events: SampleTaken, SampleReceived, SampleVoided.

    Lines that break the contract are not sent and count as rejected, unless --no-check sends them. The exit status is
    0 only if every line was sent, answered and not rejected.

    \b
    samplewatch publish samples taken.jsonl --source /inspectors/qingyang
    """
    _publish(file, SAMPLING_EVENTS, SAMPLING_EVENT, "SampleTaken", **options)


@publish.command()
@_options
@click.option("--key", "key_file", type=click.Path(path_type=Path), help="Sign with this private key (PEM).")
@click.option("--lab", "lab_id", help="The laboratory whose key it is; by default each line's lab_id.")
def results(file: IO[bytes], key_file: Path | None, lab_id: str | None, **options: Any) -> None:
    """Publish laboratory results: ResultReported, ResultAmended, ResultWithdrawn, RetestReported.

    Lines that break the contract are not sent and count as rejected, unless --no-check sends them. A result whose
    sample is not known yet is parked until the sample comes. The exit status is 0 only if every line was sent,
    answered and not rejected.

    \b
    samplewatch publish results reports.jsonl --source /lims/qy-01
    samplewatch publish results reports.jsonl --source /lims/qy-01 --key lab-qy1.pem
    """
    from services.runtime.signatures import Signer

    sign = None
    if key_file is not None:
        key = Signer.from_file(lab_id or "", key_file)  # read once, and before anything is sent

        def sign(event: Outgoing) -> Outgoing:
            return replace(event, signer=key if lab_id else key.for_laboratory(_lab_of(event)))

    _publish(file, LAB_RESULTS, RESULT_EVENT, "ResultReported", sign=sign, **options)


def _lab_of(event: Outgoing) -> str:
    try:
        return str(parse_object(event.value).get("lab_id", ""))
    except NotAnEvent:
        return ""  # with --no-check: let the services judge


def _publish(
    file: IO[bytes],
    topic: Topic,
    contract: TypeAdapter[Any],
    default_type: str,
    *,
    source: str,
    no_check: bool,
    timeout: float,
    as_json: bool,
    directory: str | None,
    sign: Callable[[Outgoing], Outgoing] | None = None,
) -> None:
    bad: list[BadLine] = []
    lines = read_lines(file, topic, None if no_check else contract, default_type, source)
    with Publisher(bootstrap_of(directory), timeout) as publisher:
        good = _good(lines, bad)
        publisher.publish(map(sign, good) if sign else good)
        answers = publisher.answers()
    report = _report(answers, bad)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        print_answers(report)
    if bad or not answers.ok:
        raise SystemExit(1)


def _good(lines: Iterable[Outgoing | BadLine], bad: list[BadLine]) -> Iterator[Outgoing]:
    for line in lines:
        if isinstance(line, BadLine):
            bad.append(line)
        else:
            yield line


def _report(answers: Answers, bad: list[BadLine]) -> dict[str, Any]:
    counts = Counter(answers.counts)
    counts["rejected"] += len(bad)
    events = [answer.as_dict() for answer in answers.answers] + [line.as_dict() for line in bad]
    events.sort(key=lambda event: event.get("line", 0))
    return {"events": counts.total(), **{outcome: counts[outcome] for outcome in OUTCOMES}, "answers": events}


def print_answers(report: dict[str, Any], rows: int = _ROWS) -> None:
    """Prints how many events came to which outcome, and each of those that were not simply accepted."""
    console = Console(emoji=False, highlight=False)
    table = Table("outcome", "events", title=f"{report['events']:,} events")
    table.columns[1].justify = "right"
    for outcome in OUTCOMES:
        if report[outcome] or outcome in OUTCOMES[:4]:
            table.add_row(outcome, f"{report[outcome]:,}")
    console.print(table)
    # the worst first: with many rows, the table ends before the harmless ones
    told = sorted(
        (answer for answer in report["answers"] if answer["outcome"] != "accepted"),
        key=lambda answer: -OUTCOMES.index(answer["outcome"]),
    )
    if not told:
        return
    table = PlainTable("line", "outcome", "event", "field", "reason")
    for answer in told[:rows]:
        table.add_row(*(str(answer.get(name, "")) for name in ("line", "outcome", "event_id", "field", "reason")))
    console.print(table)
    if len(told) > rows:
        console.print(f"and {len(told) - rows:,} more: --json prints them all")
