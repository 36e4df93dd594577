"""The options of `samplewatch import --format public-table`: what a public table does not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from schemas.values import Plan, Stage
from services.importers.samr_public_events import Unsaid

_DAY = click.DateTime(["%Y-%m-%d"])
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--plan", type=click.Choice(get_args(Plan)), help="public-table: the plan. [default: supervision]"),
    click.option("--stage", type=click.Choice(get_args(Stage)), help="public-table: the stage. [default: circulation]"),
    click.option("--laboratory", metavar="NAME", help="public-table: who tested the samples that passed."),
    click.option("--region", metavar="CODE", help="public-table: where rows do not name the county, such as 621002."),
    click.option(
        "--sampled-on", type=_DAY, metavar="DATE", help="public-table: day of sampling. [default: of the report]"
    ),
    click.option(
        "--issued-on", type=_DAY, metavar="DATE", help="public-table: day of the reports. [default: 公告日期]"
    ),
)
_NAMES = ("plan", "stage", "laboratory", "region", "sampled_on", "issued_on")


def public_table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def unsaid_of(is_public_table: bool, given: dict[str, Any]) -> Unsaid | None:
    """What the options say; None for a file of another format, which they do not go with."""
    said = {name: given[name] for name in _NAMES if given[name] is not None}
    if not is_public_table:
        if said:
            option = f"--{next(iter(said)).replace('_', '-')}"
            raise click.UsageError(f"{option} goes with --format public-table only")
        return None
    if "region" in said:
        from schemas.regions import check_region

        try:
            check_region(said["region"])
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--region") from None
    return Unsaid(**{name: value.date() if name.endswith("_on") else value for name, value in said.items()})
