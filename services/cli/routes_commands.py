"""`samplewatch alerts routes`: checks the files that say who is told of alerts, and shows where an alert would go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from services.alerts.notify.reading import Configuration
    from services.alerts.notify.routing import Route

_file_argument = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def routes() -> None:
    """Who is told of alerts: check routes.yaml and receivers.yaml, and see where an alert would go.

    FILE is the routes.yaml; without it, the one that SAMPLEWATCH_ROUTES names.
    """


@routes.command()
@_file_argument
@click.option("--without-secrets", is_flag=True, help="Do not look at addresses, whose secrets may not be here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(file: Path | None, without_secrets: bool, as_json: bool) -> None:
    """Check the files. The exit status is 1 where anything is wrong, and every problem names file, line and field.

    \b
      samplewatch alerts routes check routes.yaml
    """
    from services.alerts.notify.reading import BadConfiguration, read_configuration

    path = _path(file)
    try:
        found = read_configuration(path, None if without_secrets else os.environ)
    except BadConfiguration as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "problems": [p._asdict() for p in error.problems]}, ensure_ascii=False))
        else:
            click.echo("\n".join(map(str, error.problems)))
        raise SystemExit(1) from None
    count = _count(found.routing.root)
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": [], "routes": count, "receivers": len(found.routing.receivers)}))
    else:
        click.echo(f"{path}: {count} routes to {len(found.routing.receivers)} receivers, as they should be")


@routes.command()
@_file_argument
@click.option("--region", help="A county or township code, such as 621002101.")
@click.option("--domain", help="food, drug, …")
@click.option("--plan", help="supervision, risk_monitoring, …")
@click.option("--severity", help="Extreme, Severe, Moderate or Minor.")
@click.option("--urgency", help="Immediate, Expected or Future.")
@click.option("--certainty", help="Observed, Likely or Possible.")
@click.option("--kind", help="failed_sample, hotspot, overdue, rate_drop or lab_integrity.")
@click.option("--level", help="township, county or city.")
@click.option("--measure", help="qualification, problem or suspicion.")
@click.option("--item-class", "item_class", help="pathogen, heavy_metal, …")
@click.option("--lab", "lab_id", help="A laboratory's id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(file: Path | None, as_json: bool, **given: str | None) -> None:
    """Show where an alert with these labels would go: the way through the tree, the receivers, and the group.

    \b
      samplewatch alerts routes test --region 621002 --kind failed_sample --severity Extreme --urgency Immediate
    """
    found = _read(_path(file))
    labels = _labels({name: value for name, value in given.items() if value is not None})
    routing = found.routing
    ways = [
        {
            "path": [f"{route.place}: {route.match}" for route in way],
            "receivers": list(way[-1].receivers),
        }
        for way in routing.path(labels)
    ]
    aims = [
        {
            "destination": str(aim.destination),
            "group": dict(aim.group),
            "wait": aim.timing.wait,
            "interval": aim.timing.interval,
            "repeat": aim.timing.repeat,
            "digest": [f"{minute // 60:02d}:{minute % 60:02d}" for minute in aim.digest],
        }
        for aim in routing.aims(labels)
    ]
    silences = [silence.name for silence in routing.silences if silence.match.takes(labels)]
    if as_json:
        shown = {"labels": labels, "ways": ways, "destinations": aims, "silences": silences}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    for way in ways:
        click.echo("\n".join(f"{'  ' * depth}{step}" for depth, step in enumerate(way["path"])))
        click.echo(f"{'  ' * len(way['path'])}-> {', '.join(way['receivers'])}")
    for aim in aims:
        click.echo(_told(aim))
    for name in silences:
        click.echo(f"silence {name!r} matches while it lasts")


def _told(aim: dict[str, Any]) -> str:
    when = (
        f"with the digest at {', '.join(aim['digest'])}"
        if aim["digest"]
        else f"after {aim['wait']:g} s, then every {aim['interval']:g} s"
    )
    again = f", again after {aim['repeat']:g} s" if aim["repeat"] else ""
    group = ", ".join(f"{name}={value}" for name, value in aim["group"].items()) or "all together"
    return f"{aim['destination']}: {when}{again}; grouped by {group}"


def _path(file: Path | None) -> Path:
    named = file or os.environ.get("SAMPLEWATCH_ROUTES")
    if not named:
        raise click.ClickException("name a routes.yaml, or set SAMPLEWATCH_ROUTES")
    return Path(named)


def _read(path: Path) -> Configuration:
    from services.alerts.notify.reading import BadConfiguration, read_configuration

    try:
        return read_configuration(path, None)
    except BadConfiguration as error:
        raise click.ClickException(str(error)) from None


def _labels(given: dict[str, str]) -> dict[str, str]:
    """The labels with the places that follow from the region; raises click.ClickException for an unknown value."""
    from schemas.regions import check_region, roll_up
    from services.alerts.notify.labels import PLACES, VOCABULARY

    for name, value in given.items():
        if name in VOCABULARY and value not in VOCABULARY[name]:
            raise click.ClickException(f"{name} is {value!r}, not one of {', '.join(VOCABULARY[name])}")
    if "region" not in given:
        return given
    try:
        places = zip(PLACES, roll_up(check_region(given["region"])), strict=True)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return {**given, **{name: code for name, code in places if code}}


def _count(route: Route) -> int:
    return 1 + sum(map(_count, route.routes))
