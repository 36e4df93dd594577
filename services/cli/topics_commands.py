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


@topics.command()
@click.option("--services", "services", multiple=True, metavar="USER", help="The services' principal.")
@click.option("--inspectors", multiple=True, metavar="USER", help="An inspectors' system.")
@click.option("--laboratory", "laboratories", multiple=True, metavar="USER", help="A laboratory.")
@click.option("--no-receipts", is_flag=True, help="Laboratories may not read receipts, which are one topic for all.")
@click.option("--dry-run", is_flag=True, help="Only print them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@dir_option
def acls(directory: str | None, *, no_receipts: bool, dry_run: bool, as_json: bool, **users: tuple[str, ...]) -> None:
    """Create what principals need to be allowed, and nothing else. Safe to repeat; never takes anything away.

    \b
    samplewatch topics acls --services samplewatch --laboratory lab-qy1
    """
    from services.runtime.acls import acls_for, create_acls

    wanted = acls_for(users["services"], users["inspectors"], users["laboratories"], receipts=not no_receipts)
    if not wanted:
        raise click.UsageError("name at least one of --services, --inspectors, --laboratory")
    if not dry_run:
        create_acls(bootstrap_of(directory), wanted)
    if as_json:
        click.echo(json.dumps([grant._asdict() for grant in wanted]))
        return
    for grant in wanted:
        click.echo(f"{grant.principal} may {grant.operation} {grant.kind} {grant.name}{'*' if grant.prefix else ''}")
