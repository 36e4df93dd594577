"""The capacity calculator: its arithmetic, its data file, and that it says what breaks first."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from services.capacity.model import FEWEST, load_costs, plan
from services.cli.capacity_commands import capacity
from services.runtime.settings import PARTITIONS

COSTS = load_costs()


def test_a_countrys_load_by_hand() -> None:
    needs = plan(19_178, COSTS)
    assert needs.redis_gb == pytest.approx(19_178 * 800 * (89 + 89 + 30 + 68) * 1.13 / 1e9)
    per_day = 19_178 / 1e9 * ((432 + 188) * 800 + 12 * 400 + 92 * 30 + 144 * 7)
    assert needs.kafka_gb == pytest.approx(per_day)
    assert needs.workers == dict.fromkeys(needs.workers, FEWEST) and needs.partitions == PARTITIONS
    assert not needs.broken


def test_memory_breaks_first_at_fourteen_and_more_countries() -> None:
    broken = [[limit.name for limit in plan(19_178 * times, COSTS).broken][:1] for times in (13, 14, 1000)]
    assert broken == [[], ["redis memory"], ["redis memory"]]
    assert plan(1_917_800, COSTS).redis_servers == 8


@given(st.floats(1, 1e10), st.floats(1, 100))
def test_more_samples_never_need_less(per_day: float, times: float) -> None:
    small, large = plan(per_day, COSTS), plan(per_day * times, COSTS)
    assert all(large.workers[name] >= count for name, count in small.workers.items())
    assert large.redis_gb >= small.redis_gb and large.kafka_gb >= small.kafka_gb
    assert large.partitions >= max(large.workers.values())
    assert {limit.name for limit in large.broken} >= {one.name for one in small.broken if "rebuild" not in one.name}


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_a_load_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        plan(wrong, COSTS)


def test_every_number_says_whether_and_where_it_was_measured() -> None:
    entries = [
        entry
        for part in COSTS.values()
        if isinstance(part, dict)
        for entry in ([part] if "value" in part else part.values())
    ]
    assert len(entries) > 20
    assert all(entry["source"] and isinstance(entry["measured"], bool) and entry["value"] > 0 for entry in entries)
    assert COSTS["limits"]["partitions"]["value"] == PARTITIONS


def test_the_command_prints_needs_sources_and_what_breaks() -> None:
    shown = CliRunner().invoke(capacity, ["--samples-per-day", "1917800"])
    assert shown.exit_code == 0 and "redis memory" in shown.output and "assumed: not measured" in shown.output
    found = json.loads(CliRunner().invoke(capacity, ["--samples-per-day", "1917800", "--json"]).output)
    assert found["plan"]["breaks_first"] == found["times_a_country"]["100"]["breaks_first"] == "redis memory"
    assert found["times_a_country"]["1"]["breaks_first"] is None
