"""`samplewatch dlq`: what could not be taken, why, and sending it once more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import click
from rich.console import Console

from schemas.topics import DEAD_LETTERS
from services.cli.connection import bootstrap_of, dir_option
from services.cli.dead_letters import Letter, dead_letter_topic, read_letter, read_letters, replay_letters
from services.cli.tables import PlainTable

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _DeadLetterTopic(click.ParamType):
    name = "topic"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return dead_letter_topic(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_topic_option = click.option("--topic", type=_DeadLetterTopic(), help="Only this topic's, such as lab.results.v1.")


@click.group()
def dlq() -> None:
    """Look at the dead letters: messages that could not be taken, kept for 90 days, each with its reason.

    They are unchanged, but of a message that was larger than any topic takes only the beginning is kept.

    \b
    samplewatch dlq list --topic lab.results.v1
    samplewatch dlq show lab.results.v1 3 17
    samplewatch dlq replay --topic lab.results.v1 --all
    """


@dlq.command(name="list")
@_topic_option
@_json_option
@dir_option
def list_(topic: str | None, as_json: bool, directory: str | None) -> None:
    """List the dead letters: where each lies, when it came, which field was refused and why, and who sent it."""
    rows = [letter.as_dict() for letter in _all(bootstrap_of(directory), topic)]
    rows.sort(key=lambda row: row["when"] or "")
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = PlainTable(title=f"{len(rows):,} dead letters")
    table.add_column("topic, partition, offset", no_wrap=True)
    for title in ("when", "field", "reason", "source"):
        table.add_column(title, overflow="fold")
    for row in rows:
        # the place as `dlq show` takes it
        place = f"{row['topic'].removesuffix('.dlq')} {row['partition']} {row['offset']}"
        cells = (place, (row["when"] or "")[:19], *(row[name] or "" for name in ("field", "reason", "source")))
        table.add_row(*cells)
    Console(emoji=False, highlight=False).print(table if rows else "no dead letters")


@dlq.command()
@click.argument("topic", type=_DeadLetterTopic())
@click.argument("partition", type=int)
@click.argument("offset", type=int)
@_json_option
@dir_option
def show(topic: str, partition: int, offset: int, as_json: bool, directory: str | None) -> None:
    """Show one dead letter, by the place that `dlq list` gives: why it was refused, its headers, key and value."""
    letter = _one(bootstrap_of(directory), topic, partition, offset)
    shown = {
        **letter.as_dict(),
        "why": letter.why,
        "headers": {name: _readable(content) for name, content in letter.headers},
        "key": _readable(letter.key),
        "value": _readable(letter.value),
    }
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    click.echo(f"{topic} partition {partition} offset {offset}")
    for title, values in (("why", letter.why), ("headers", shown["headers"])):
        click.echo(f"\n{title}")
        for name, content in values.items():
            click.echo(f"  {name}: {content}")
    click.echo(f"\nkey\n  {shown['key']}\n\nvalue\n{_indented(shown['value'])}")


@dlq.command()
@_topic_option
@click.option("--partition", type=int, help="With --offset: one letter, by the place that `dlq list` gives.")
@click.option("--offset", type=int)
@click.option("--all", "everything", is_flag=True, help="Every letter that lies there now.")
@_json_option
@dir_option
def replay(
    *,
    topic: str | None,
    partition: int | None,
    offset: int | None,
    everything: bool,
    as_json: bool,
    directory: str | None,
) -> None:
    """Send dead letters once more to the topic they came from, with key, value and headers as they were.

    Without the headers whose names begin with dlq_ or sw_, which are the services' own. A letter that was cut, for it
    was larger than any topic takes, is not sent: with --all it is left out and named, by its place it is refused.

    The letters stay where they are, and what was taken after all is a duplicate the next time. What is refused again
    lies among the dead letters again.
    """
    one = topic is not None and partition is not None and offset is not None
    if everything == one or (everything and (partition is not None or offset is not None)):
        raise click.UsageError("choose one letter with --topic, --partition and --offset, or --all [--topic TOPIC]")
    bootstrap = bootstrap_of(directory)
    if topic is not None and partition is not None and offset is not None:
        letters: Iterable[Letter] = [_one(bootstrap, topic, partition, offset)]
    else:
        letters = _all(bootstrap, topic)
    done = replay_letters(bootstrap, letters)
    cut = [
        f"{letter.topic}, partition {letter.partition}, offset {letter.offset} was cut: its message had "
        f"{letter.why['cut_from']} bytes, and only its source can send it again"
        for letter in done.cut
    ]
    if cut and one:
        raise click.ClickException(cut[0])
    for line in cut:
        click.echo(f"left out: {line}", err=True)
    if as_json:
        click.echo(json.dumps({"replayed": done.sent, "left_out": done.repeats, "cut": len(cut)}))
    else:
        click.echo(f"{done.sent:,} replayed" + (f", {done.repeats:,} repeats left out" if done.repeats else ""))


def _all(bootstrap: str, topic: str | None) -> Iterator[Letter]:
    return read_letters(bootstrap, [topic] if topic else [letters.name for letters in DEAD_LETTERS])


def _one(bootstrap: str, topic: str, partition: int, offset: int) -> Letter:
    letter = read_letter(bootstrap, topic, partition, offset)
    if letter is None:
        raise click.ClickException(f"no dead letter lies in {topic}, partition {partition}, offset {offset}")
    return letter


def _readable(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(errors="backslashreplace")


def _indented(value: str | None) -> str:
    try:
        return json.dumps(json.loads(value or ""), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return "(null)" if value is None else value
