"""Alerts of every source through all services: a deadline that nears, a rate that fell, an inspector's commands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from schemas.topics import ALERT_EVENTS
from services.deadlines.reckoning import due
from services.deadlines.table import load_table
from services.deadlines.working_days import WorkingDays
from tests.events import FAILED_ITEM, binary, result, sample_taken
from tests.system import COMMAND, ROOT, WAIT_S, System, unique


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def watched(system: System) -> Iterator[str]:
    """The lines of `alerts watch` from the beginning, as they come."""
    words = ("alerts", "watch", "--from-beginning", "--seconds", str(WAIT_S), "--dir", str(system.dir))
    with subprocess.Popen([str(COMMAND), *words], env=system.env, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            yield from watch.stdout
        finally:
            watch.terminate()


def test_a_deadline_that_nears_raises_an_alert_and_what_meets_it_closes_it(system: System) -> None:
    source, sample_id, now = unique("/inspectors"), unique(), datetime.now(UTC)
    rule, calendar = load_table().by_id["food_report"][-1], WorkingDays()
    # received so long ago that the report is due soon, but not yet: not even where this runs over midnight
    ends = {days: due(rule, now - timedelta(days=days), calendar) for days in range(15, 60)}
    days = min(days for days, end in ends.items() if end.near_at <= now)
    sampled_at, received_at = ((now - timedelta(days=back)).isoformat() for back in (days + 1, days))
    received = {"type": "SampleReceived", "sample_id": sample_id, "lab_id": "L", "received_at": received_at}
    taken = sample_taken(sample_id, sampled_at=sampled_at)
    system.produce([binary(taken, source), binary(received, source)])
    wanted = {"sample_id": sample_id, "kind": "overdue", "rule": "food_report"}
    [alert] = system.eventually(lambda: system.alerts(**wanted), "the alert")
    assert (alert["state"], alert["severity"], alert["deadline"]["phase"]) == ("raised", "Minor", "near")
    assert "第24条" in alert["legal_basis"]["zh"] and alert["act_by"] == alert["deadline"]["due_at"]
    system.produce([binary(result(sample_id, unique("lab"), issued_at=ago(0.1)), source)])
    [closed] = system.eventually(lambda: system.alerts(**wanted, state="closed"), "its end")
    assert closed["alert_id"] == alert["alert_id"] and closed["reason"].startswith("done in time")
    assert [event["transition"] for event in system.messages(ALERT_EVENTS.name, alert["alert_id"])][-1] == "closed"


def test_a_rate_under_its_floor_raises_an_alert_of_the_county(system: System) -> None:
    source, lab, county = unique("/lims"), unique("lab"), "659012"
    ids = [unique() for _ in range(60)]
    where = {"region": county, "sampled_at": ago(3)}
    system.produce([binary(sample_taken(sample_id, **where), source) for sample_id in ids])
    items: list[list[dict[str, Any]]] = [[FAILED_ITEM] if number % 3 == 0 else [] for number in range(60)]
    system.produce(
        [binary(result(one, lab, *failed, issued_at=ago(1)), source) for one, failed in zip(ids, items, strict=True)]
    )
    wanted = {"kind": "rate_drop", "rule": "food-county-30d", "area": county}
    [alert] = system.eventually(lambda: system.alerts(**wanted), "the alert")
    assert (alert["kind"], alert["severity"], alert["level"]) == ("rate_drop", "Extreme", "county")
    facts = {fact["name"]: fact["value"] for fact in alert["evidence"]}
    assert float(facts["high"]) < float(facts["floor"])


def test_an_inspector_takes_an_alert_through_its_life_on_the_command_line(system: System, tmp_path: Any) -> None:
    source, sample_id = unique("/lims"), unique()
    system.produce([binary(sample_taken(sample_id, sampled_at=ago(3)), source)])
    system.wait_idle()
    system.produce([binary(result(sample_id, unique("lab"), FAILED_ITEM, issued_at=ago(1)), source)])
    [alert] = system.eventually(lambda: system.alerts(sample_id=sample_id), "the alert")
    name = alert["alert_id"]
    for command, told in (
        (("ack", name, "--note", "收到", "--by", "李四"), "Acknowledge accepted"),
        (("assign", name, "--to", "王五"), "Assign accepted"),
        (("act", name, "--action", "下架", "--step", "sealed"), "Act accepted"),
        (("verify", name, "--finding", "好"), "Verify accepted"),
        (("silence", name, "--until", "2090-01-01T00:00:00+08:00", "--reason", "x"), "Silence accepted"),
        (("close", name, "--reason", "完毕"), "Close accepted"),
    ):
        assert system.cli("alerts", *command).stdout.strip() == told
    found = system.json("alerts", "show", name)
    assert [past["transition"] for past in found["history"]] == [
        *("raised", "acknowledged", "assigned", "acted", "verified", "silenced", "closed")
    ]
    assert (found["steps"], found["assignee"], found["history"][1]["by"]) == (["sealed"], "王五", "李四")
    assert "closed" in system.cli("alerts", "show", name).stdout
    assert any(name in line for line in watched(system))
    assert name not in system.cli("alerts", "watch", "--seconds", "0.5").stdout
    system.cli("alerts", "export", "--cap", "--sample", sample_id, "--out", str(tmp_path / "cap"))
    schema = etree.XMLSchema(etree.parse(ROOT / "tests" / "unit" / "cap12.xsd"))
    documents = list((tmp_path / "cap").glob("*.xml"))
    assert [document.stem for document in documents] == [name]
    schema.assertValid(etree.parse(documents[0]))
