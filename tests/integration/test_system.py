"""The test harness itself."""

from __future__ import annotations

from schemas.topics import ALERT_COMMANDS
from tests.system import SERVICES, Raw, System, unique


def test_produces_reads_and_waits(system: System) -> None:
    source = unique("/harness")
    alert_id = unique("no-alert")
    value = b'{"type":"Acknowledge","by":"me","at":"2026-01-01T00:00:00Z","source":"%s"}' % source.encode()
    [place] = system.produce([Raw(ALERT_COMMANDS.name, alert_id.encode(), value, [("x", b"y")], partition=3)])
    assert (place.topic, place.partition) == (ALERT_COMMANDS.name, 3)
    system.wait_idle()
    [record] = system.records(ALERT_COMMANDS.name, alert_id)
    assert (record.value, record.offset, list(record.headers)) == (value, place.offset, [("x", b"y")])
    [receipt] = system.receipts(source)
    assert (receipt["outcome"], receipt["partition"], receipt["offset"]) == ("rejected", 3, place.offset)
    assert set(system.status()["services"]) == set(SERVICES)
