"""`samplewatch capacity`: what a load needs, by measured costs, and what breaks first as it grows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from services.capacity.model import Costs, Plan, load_costs, plan
from services.cli.param_types import FiniteRange

_FACTORS = (1, 10, 100, 1000)


@click.command()
@click.option(
    "--samples-per-day",
    type=FiniteRange(0, 1e12, min_open=True),
    required=True,
    metavar="N",
    help="Samples taken a day.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def capacity(samples_per_day: float, as_json: bool) -> None:
    """Processes, partitions, memory and disk that a load needs, and what breaks first at 10, 100 and 1,000 times a
    country's. Reckoned from measured costs; each is printed with its source, and what was not measured says so."""
    costs = load_costs()
    needs = plan(samples_per_day, costs)
    country = costs["assumed"]["country_per_day"]["value"]
    grown = {factor: plan(country * factor, costs) for factor in _FACTORS}
    if as_json:
        countries = {str(factor): _as_dict(one) for factor, one in grown.items()}
        click.echo(json.dumps({"plan": _as_dict(needs), "times_a_country": countries, "costs": costs}, default=str))
        return
    _print_plan(needs)
    click.echo(f"\nA country ({country:,} samples a day), and multiples of it:")
    for factor, one in grown.items():
        first = one.limits[0]
        broken = ", ".join(f"{limit.name} ({limit.used:.1f} times)" for limit in one.broken)
        click.echo(f"  {factor:>5,} x  {broken or f'holds; tightest is {first.name}, {first.used:.0%} used'}")
    _print_costs(costs)


def _print_plan(needs: Plan) -> None:
    click.echo(f"{needs.samples_per_day:,.0f} samples a day, {needs.peak_per_second:,.1f} a second at the peak")
    for service, count in needs.workers.items():
        click.echo(f"  {service:<14}{count} processes")
    click.echo(f"  {'partitions':<14}{needs.partitions}")
    click.echo(f"  {'Redis':<14}{needs.redis_gb:,.1f} GB on {needs.redis_servers} server(s)")
    click.echo(f"  {'Kafka':<14}{needs.kafka_gb:,.1f} GB, {needs.replicas} times")
    click.echo(f"  {'rebuild':<14}{needs.rebuild_hours:,.2f} hours at best, after a lost Redis")
    for limit in needs.broken:
        click.echo(f"  {limit.name} breaks: {limit.need:,.1f} of {limit.limit:,.1f} {limit.unit}; {limit.remedy}")


def _print_costs(costs: Costs) -> None:
    click.echo(f"\nReckoned from (measured {costs['date']}, {costs['machine']}):")
    for part, entries in costs.items():
        if not isinstance(entries, dict):
            continue
        for name, entry in ({"": entries} if "value" in entries else entries).items():
            mark = "" if entry["measured"] else "assumed: "
            click.echo(f"  {part} {name} = {entry['value']}: {mark}{entry['source']}")


def _as_dict(one: Plan) -> dict[str, Any]:
    limits = [{**asdict(limit), "used": limit.used} for limit in one.limits]
    return {**asdict(one), "limits": limits, "breaks_first": one.broken[0].name if one.broken else None}
