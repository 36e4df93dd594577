"""Real records imported: known totals and a recount, whatever the order, how often, and what is stopped meanwhile."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import TopicPartition

from schemas.topics import ALERT_EVENTS, LAB_RESULTS, RATES, SAMPLES, VERDICTS
from services.runtime.settings import PARTITIONS
from tests.imported import FILES, ITEMS, MISSING, TOTALS, import_all, import_file
from tests.recount import RECORDS, Table, differences, recount
from tests.system import COMMAND, WAIT_S, System, embedded, unique

CITY = {"uk-pesticides": "GB/UK", "chicago": "US-IL/Chicago"}
CUTS = ("all", "province", "city", "county", "category_1", "category_2", "stage", "laboratory", "producer")
CROSSED = ("sampled_party", "county_category", "stage_category")

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

Snapshot = dict[str, Any]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with both files imported, samples first."""
    with embedded(tmp_path_factory.mktemp("imported")) as system:
        import_all(system)
        yield system


@pytest.fixture(scope="module")
def expected(imported: System) -> Snapshot:
    """What follows from both files."""
    return snapshot(imported)


#: What depends on when an alert was raised.
_TIMES = ("raised_at", "changed_at", "ack_by", "act_by")


def snapshot(system: System) -> Snapshot:
    """Everything that people see, without when it came to be: rates, rates as published, verdicts and alerts."""
    rates = {cut: system.rates(cut=cut) for cut in (*CUTS, *CROSSED)}
    # as published, a cell's windows end on the day of its last change; "all" does not depend on it
    published = {message["cell"]: message["windows"].get("all") for message in system.messages(RATES.name)}
    verdicts: dict[str, dict[str, Any]] = {}
    for message in system.messages(VERDICTS.name):
        held = verdicts.setdefault(message["sample_id"], message)
        if message["revision"] > held["revision"]:
            verdicts[message["sample_id"]] = message
    alerts = {
        alert["alert_id"]: {name: value for name, value in alert.items() if name not in _TIMES}
        for alert in system.alerts()
    }
    return {"rates": rates, "published": published, "verdicts": verdicts, "alerts": alerts}


def assert_same(found: Snapshot, expected: Snapshot) -> None:
    """Names the first few differences: the whole of them would be tens of thousands of lines."""
    for part, wanted in expected.items():
        got = found[part]
        differing = [name for name in {**wanted, **got} if wanted.get(name) != got.get(name)]
        first = {str(name): (got.get(name), wanted.get(name)) for name in differing[:3]}
        assert not differing, f"{len(differing)} {part} differ, such as (found, wanted): {str(first)[:3000]}"


def only(snapshot: Snapshot, source: str) -> dict[str, dict[str, Any]]:
    """The verdicts of one import."""
    return {name: one for name, one in snapshot["verdicts"].items() if one["source"] == f"import:{source}"}


@pytest.mark.parametrize("name", FILES)
def test_totals(imported: System, expected: Snapshot, name: str) -> None:
    samples, passed, failed = TOTALS[name]
    [row] = imported.json("rates", "--cut", "city", "--cell", CITY[name])
    assert (row["domain"], row["plan"], row["pass"], row["fail"]) == ("food", "supervision", passed, failed)
    published = expected["published"][f"food|supervision|city|{CITY[name]}"]
    assert (published["pass"], published["fail"]) == (passed, failed)
    verdicts = only(expected, name)
    assert len(verdicts) == samples
    assert sum(verdict["items"] for verdict in verdicts.values()) == ITEMS[name]
    assert sum(verdict["outcome"] == "fail" for verdict in verdicts.values()) == failed


def test_every_cell_adds_up_to_the_verdicts(expected: Snapshot) -> None:
    outcomes = [verdict["outcome"] for verdict in expected["verdicts"].values()]
    wanted = (outcomes.count("pass"), outcomes.count("fail"))
    for cut in ("all", "province", "category_1", "stage", "laboratory", "stage_category"):
        rows = expected["rates"][cut]
        assert (sum(row["pass"] for row in rows), sum(row["fail"] for row in rows)) == wanted, cut
    for cell, window in expected["published"].items():
        cut, value = cell.split("|", 3)[2:]
        if cut in expected["rates"]:
            [row] = [row for row in expected["rates"][cut] if row["cell"] == value]
            assert (row["pass"], row["fail"]) == (window["pass"], window["fail"]), cell


def test_one_alert_per_failed_sample_and_item_class(imported: System, expected: Snapshot) -> None:
    wanted = {
        (verdict["sample_id"], item["item_class"])
        for verdict in expected["verdicts"].values()
        for item in verdict["failed_items"]
    }
    assert len(wanted) == TOTALS["uk-pesticides"][2] + TOTALS["chicago"][2]  # each import has one class of item
    alerts = list(expected["alerts"].values())
    assert len(alerts) == len(wanted)
    assert {(alert["sample_id"], alert["item_class"]) for alert in alerts} == wanted
    assert {alert["state"] for alert in alerts} == {"raised"}
    # the records fall under floors of rates as well, which is another kind
    events = [event for event in imported.messages(ALERT_EVENTS.name) if event["kind"] == "failed_sample"]
    assert sorted(event["alert_id"] for event in events) == sorted(expected["alerts"])


def by_api(system: System, path: str, rows: str, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        words = urllib.parse.urlencode({"domain": "food", "plan": "supervision", **asked, **cursor})
        with urllib.request.urlopen(f"{system.services['lab_results'].http}{path}?{words}", timeout=WAIT_S) as answer:
            page = json.load(answer)
        found += page[rows]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("name", RECORDS)
def test_a_recount_by_area_category_and_month(imported: System, name: str) -> None:
    prefix, columns = RECORDS[name]
    found: Table = {}
    for one in by_api(imported, "/rates/series", "series", cut="county_category", by="month", limit="500"):
        if one["cell"].startswith(prefix):
            area, _, category = one["cell"].removeprefix(prefix).partition(" × ")
            for point in one["points"]:
                found[area, category, point["from"][:7]] = (point["pass"], point["fail"])
    assert len(found) > 1000
    assert differences(found, recount(name, *columns, "area", "category", "month")) == {}


@pytest.mark.parametrize("name", RECORDS)
def test_a_recount_by_area_and_month(imported: System, name: str) -> None:
    prefix, columns = RECORDS[name]
    found = {
        (one["cell"].removeprefix(prefix), point["from"][:7]): (point["pass"], point["fail"])
        for one in by_api(imported, "/rates/series", "series", cut="county", by="month", limit="500")
        if one["cell"].startswith(prefix)
        for point in one["points"]
    }
    assert differences(found, recount(name, *columns, "area", "month")) == {}


def test_a_recount_by_category(imported: System) -> None:
    """The categories of both files lie in one cut; none is in both."""
    found = {
        (row["cell"],): (row["pass"], row["fail"]) for row in by_api(imported, "/rates", "rates", cut="category_1")
    }
    wanted: Table = {}
    for name, (_, columns) in RECORDS.items():
        wanted |= recount(name, *columns, "category")
    assert differences(found, wanted) == {}


def test_importing_again_changes_nothing(imported: System, expected: Snapshot) -> None:
    before = {topic: len(imported.records(topic)) for topic in (VERDICTS.name, SAMPLES.name, ALERT_EVENTS.name)}
    for name in FILES:
        report = import_file(imported, name)
        assert report["duplicate"] == 2 * TOTALS[name][0], report
    imported.wait_idle()
    assert_same(snapshot(imported), expected)
    assert {topic: len(imported.records(topic)) for topic in before} == before


def test_results_before_samples_and_a_stop_of_everything_in_the_middle_lead_to_the_same(
    expected: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with embedded(tmp_path_factory.mktemp("stopped")) as system:
        report = import_file(system, "uk-pesticides", "--results-first")
        assert (report["parked"], report["accepted"]) == (TOTALS["uk-pesticides"][0],) * 2
        with importing(system, "chicago") as process:
            sent = stop_in_the_middle(system)
            assert 0 < sent < TOTALS["chicago"][0], f"{sent} results were sent: not the middle of the import"
            assert process.poll() is None, "the import ended before everything was stopped"
            system.up()
            process.wait(2 * WAIT_S)  # it may have gone on, or given up
        report = import_file(system, "chicago", "--results-first")
        assert report["accepted"] + report["duplicate"] + report["parked"] == 2 * TOTALS["chicago"][0], report
        assert report["duplicate"] >= sent, report
        system.wait_idle()
        assert_same(snapshot(system), expected)


@contextlib.contextmanager
def importing(system: System, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """An import with its results first, under way."""
    argv = [str(COMMAND), "import", str(FILES[name]), "--format", name, "--results-first", "--timeout", "10"]
    output = system.dir / f"{unique('import')}.log"
    with output.open("wb") as log:
        process = subprocess.Popen([*argv, "--dir", str(system.dir)], env=system.env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stop_in_the_middle(system: System) -> int:
    """Stops everything once some of the results have come in; returns how many had been sent by then."""

    places = [TopicPartition(LAB_RESULTS.name, number) for number in range(PARTITIONS)]
    deadline, reached = time.monotonic() + WAIT_S, 0
    with contextlib.closing(system._consumer()) as consumer:  # one for all looks: they have to be quick
        while reached < 1_000:
            assert time.monotonic() < deadline, "the import sends nothing"
            reached = sum(consumer.end_offsets(places).values()) - TOTALS["uk-pesticides"][0]
    system.down()
    return reached
