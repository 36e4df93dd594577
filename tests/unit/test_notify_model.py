"""Random histories of alerts, kills, wipes and receivers that are down: whatever happens, what is told makes sense."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.timeline import Timeline

ROUTES = """
route:
  receiver: desk
  group_by: [kind]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 0s
  routes:
    - {match: {level: township}, receiver: duty}
    - {match: {level: county}, receiver: county}
    - {match: {level: city}, receiver: [city, digest]}
inhibit:
  - {source: {kind: hotspot}, target: {kind: failed_sample}, evidence: true}
delivery: {dead_after_failures: 1000, dead_after: 7d}
"""
NAMES = ("A", "B")
RECEIVER_OF = {"township": ("duty/hook",), "county": ("county/hook",), "city": ("city/hook", "digest/hook")}
DAY = 86_400

_MOVES = ("raise", "update", "escalate", "acknowledge", "cancel", "close", "silence")
STEPS = st.sampled_from(
    [
        *((move, name) for move in _MOVES for name in NAMES),
        *(("hotspot", samples) for samples in ("A", "AB")),
        *((way, receiver) for way in ("down", "up") for receiver in ("duty", "county")),
        ("kill", ""),
        ("wipe", ""),
    ]
)
#: Most things happen when what was before has been told; some do not.
WAITS = st.sampled_from([0, 1, 11, 61, 61, 3_600])


def take(t: Timeline, states: dict[str, str], what: str, about: Any, number: int) -> None:
    """One step; what the alert's state does not allow does not happen."""
    if what in ("down", "up"):
        (t.down.add if what == "down" else t.down.discard)(about)
    elif what in ("kill", "wipe"):
        getattr(t, what)()
    elif what == "hotspot":
        evidence = [{"name": "sample", "value": f"S-{name}"} for name in about]
        t.alert("H", kind="hotspot", sample_id=None, evidence=evidence, level="city")
        states["H"] = "open"
    elif what == "raise":
        if states.get(about) != "open":
            t.alert(about, level="township", silenced_until=None)
            states[about] = "open"
    elif states.get(about) == "open":
        if what in ("cancel", "close"):
            getattr(t, what)(about)
            states[about] = what
        elif what == "update":
            t.change(about, "updated", headline={"zh": f"{about} {number}", "en": f"{about} {number}"})
        elif what == "escalate":
            t.escalate(about, ("county", "city")[number % 2])
        elif what == "silence":
            t.silence(about, until=t.seconds + 1_000)
        else:
            t.acknowledge(about)


@settings(max_examples=120)
@given(st.lists(st.tuples(STEPS, WAITS), min_size=6, max_size=20))
def test_whatever_happens_each_is_told_once_and_of_the_end(steps: list[tuple[tuple[str, Any], int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        t = Timeline(Path(folder), ROUTES)
        states: dict[str, str] = {}
        t.alert("A", level="township")
        states["A"] = "open"
        for number, ((what, about), wait) in enumerate(steps):
            take(t, states, what, about, number)
            t.run(t.seconds + wait)
        if states.get("H") == "open":
            t.close("H")
        t.down.clear()
        t.run(t.seconds + 2 * DAY)

    levels = {name: t.level_of(name) for name in states}
    ids = [received.planned.planned_id for received in t.sent]
    assert len(set(ids)) == len(ids)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for received in t.sent:
        for line in received.planned.lines:
            told[received.destination, line.item.alert_id.removeprefix("00-")].append(line.news)
    for place, news in told.items():
        is_open = False
        for one in news:
            assert (one == "raised") != is_open, (place, news)
            is_open = one not in ("closed", "cancelled")
        # whoever was told hears of the end; what began anew with another level is told there alone
        destination, name = place
        if states[name] != "open" or name == "H":
            assert not is_open, (place, news)
        elif destination in RECEIVER_OF[levels[name]]:
            assert is_open, (place, news)
    for name in NAMES:
        if states.get(name) == "open":
            assert any(about == name for _, about in told), name
