"""What a run comes to: counts, verdicts, alerts and answers, in a form that can be compared."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from redis import Redis

from schemas.topics import ALERT_EVENTS, RATES, RECEIPTS, VERDICTS
from services.lab_results.counts_store import value_of
from services.lab_results.cuts import CUT_NAMES
from services.runtime.packed_counts import add_packed
from tests.system import System

#: When the broker took something in, and when something was computed, is another time in each run.
#: An alert's sequence, and so the id of its event, is such a moment too.
_TIMES = (
    *("raised_at", "changed_at", "notified_at", "ack_by", "act_near_at", "act_by", "ack_expires_at"),
    *("sequence", "event_id"),
)
Outcome = dict[str, Any]


def raw_counts(system: System) -> dict[str, dict[int, int]]:
    """Each partition's part of each cell, by the codes of the counts."""
    with Redis.from_url(system.redis) as redis:
        found: dict[str, dict[int, int]] = {}
        for key in redis.scan_iter("sw:{lab:*}:counts:*", count=10_000, _type="HASH"):
            for value, packed in redis.hgetall(key).items():
                add_packed(packed, found.setdefault(f"{key.decode()}|{value_of(value)}", {}))
        return found


def alerts(system: System) -> dict[str, dict[str, Any]]:
    """Every alert by its id, with its state, the number of steps it took and all it says but times."""
    steps: dict[str, set[int]] = defaultdict(set)
    for event in system.messages(ALERT_EVENTS.name):
        steps[event["alert_id"]].add(event["sequence"])
    return {
        alert["alert_id"]: {name: value for name, value in alert.items() if name not in _TIMES}
        | {"steps": len(steps[alert["alert_id"]])}
        for alert in system.alerts()
    }


def outcome(system: System) -> Outcome:
    """All of it, once the system is idle."""
    verdicts: dict[str, dict[str, Any]] = {}
    for verdict in system.messages(VERDICTS.name):
        if verdict["revision"] >= verdicts.get(verdict["sample_id"], verdict)["revision"]:
            verdicts[verdict["sample_id"]] = verdict
    published = {record.key.decode(): json.loads(record.value) for record in system.records(RATES.name)}
    answered: dict[str, list[str]] = defaultdict(list)
    for receipt in system.messages(RECEIPTS.name):
        answered[f"{receipt['source']} {receipt['event_id']}"].append(receipt["outcome"])
    return {
        "rates": {cut: system.rates(cut=cut) for cut in CUT_NAMES},
        "counts": raw_counts(system),
        "published rates": published,
        "verdicts": {name: {**verdict, "revision": None} for name, verdict in verdicts.items()},
        "alerts": alerts(system),
        "answered": {event: "rejected" in outcomes for event, outcomes in answered.items()},
    }


def assert_equal(found: Outcome, wanted: Outcome) -> None:
    """Fails with the first few differences of each kind."""
    told = []
    for kind in wanted:
        here, there = found[kind], wanted[kind]
        differing = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
        if differing:
            told.append(f"{len(differing)} of {len(there)} {kind} differ")
            told += [f"  {name}:\n    {here.get(name)!r}\n    wanted {there.get(name)!r}" for name in differing[:3]]
    assert not told, "\n".join(told)
