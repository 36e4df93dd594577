"""`samplewatch topics`: creates the topics and checks their settings."""

from __future__ import annotations

import json

import click

from services.cli.connection import bootstrap_of, dir_option


@click.group()
def topics() -> None:
    """Create the topics with their settings, and check that they still have them."""


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@dir_option
def create(directory: str | None, as_json: bool) -> None:
    """Create every topic that is missing. Topics that exist are left as they are: `topics check` says how they differ.

    \b
    SAMPLEWATCH_KAFKA=broker:9092 samplewatch topics create     on a broker of your own
    """
    from schemas.topics import TOPICS
    from services.runtime.topics import TopicsNotReady, create_topics

    try:
        created = create_topics(bootstrap_of(directory))
    except TopicsNotReady as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({"created": created, "topics": len(TOPICS)}))
        return
    for name in created:
        click.echo(f"created {name}")
    click.echo(f"{len(created)} created, {len(TOPICS) - len(created)} were there")


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@dir_option
def check(directory: str | None, as_json: bool) -> None:
    """Compare every topic's partitions and settings with those wanted. The exit status is 1 where any differs."""
    from schemas.topics import TOPICS
    from services.runtime.topics import check_topics

    problems = check_topics(bootstrap_of(directory))
    if as_json:
        found = [problem.as_dict() for problem in problems]
        click.echo(json.dumps({"ok": not problems, "topics": len(TOPICS), "problems": found}))
    elif problems:
        click.echo("\n".join(map(str, problems)))
    else:
        click.echo(f"all {len(TOPICS)} topics are as wanted")
    if problems:
        raise SystemExit(1)
