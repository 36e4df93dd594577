"""The whole way: what goes in through Kafka, and the verdict, receipt, rate and alert that come out of it.

Every test names samples, sources and laboratories of its own, so that a laboratory's cell counts that test alone.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from kafka.partitioner import murmur2

from schemas.topics import ALERT_EVENTS, LAB_RESULTS, RATES, SAMPLES, SAMPLING_EVENTS, VERDICTS
from tests.events import (
    FAILED_ITEM,
    MODES,
    PASSED_ITEM,
    SALMONELLA,
    amended,
    binary,
    order,
    plain,
    result,
    retest,
    sample_taken,
    voided,
    withdrawn,
)
from tests.system import SERVICES, Place, Raw, System, unique

#: 0:30 on 2 March in Shanghai.
LATE = "2024-03-01T16:30:00Z"


def publish(system: System, *records: Raw) -> None:
    system.produce(records)
    system.wait_idle()


def counts(system: System, lab: str) -> tuple[int, int]:
    """(passed, failed) of a laboratory's cell, by the page and by the topic, which have to agree."""
    rows = system.rates(cut="laboratory", cell=lab)
    assert len(rows) <= 1, rows
    page = (rows[0]["pass"], rows[0]["fail"]) if rows else (0, 0)
    published = system.messages(RATES.name, f"food|supervision|laboratory|{lab}")
    window = published[-1]["windows"].get("all") if published else None
    assert page == ((window["pass"], window["fail"]) if window else (0, 0)), f"page {rows}, topic {published}"
    return page


def verdict(system: System, sample_id: str) -> dict[str, Any]:
    """The verdict that stands: the last one, which has to have the highest revision."""
    found = system.messages(VERDICTS.name, sample_id)
    assert found, f"no verdict of {sample_id}"
    revisions = [message["revision"] for message in found]
    assert revisions == sorted(set(revisions))
    return found[-1]


def answers(system: System, source: str, places: list[Place]) -> list[tuple[str, str | None]]:
    """(outcome, field) of the receipt for each place; the source has no other receipts, and none of them twice."""
    receipts = {Place(r["topic"], r["partition"], r["offset"]): r for r in system.receipts(source)}
    assert len(system.receipts(source)) == len(receipts)
    assert set(receipts) >= set(places), "an event has no receipt"
    return [(receipts[place]["outcome"], receipts[place].get("field")) for place in places]


def outcomes(system: System, source: str) -> list[str]:
    """What the receipts of a source say, in the order of arrival; each event has one."""
    receipts = system.receipts(source)
    ids = [receipt["receipt_id"] for receipt in receipts]
    assert len(set(ids)) == len(ids), f"an event has two receipts: {receipts}"
    return [receipt["outcome"] for receipt in sorted(receipts, key=lambda receipt: receipt["arrived_at"])]


@pytest.mark.parametrize("mode", MODES)
def test_from_sample_and_result_to_verdict_receipt_rate_and_alert(system: System, mode: str) -> None:
    send, source, lab = MODES[mode], unique("/lims"), unique("lab")
    good, bad = unique(), unique()
    samples = system.produce([send(sample_taken(good), source), send(sample_taken(bad), source)])
    system.wait_idle()
    results = system.produce(
        [
            send(result(good, lab, issued_at=LATE), source),
            send(result(bad, lab, FAILED_ITEM, SALMONELLA, PASSED_ITEM | {"item": "镉"}, issued_at=LATE), source),
        ]
    )
    system.wait_idle()

    assert answers(system, source, samples + results) == [("accepted", None)] * 4
    assert len(system.receipts(source)) == 4

    assert verdict(system, good)["outcome"] == "pass"
    failed = verdict(system, bad)
    assert (failed["outcome"], failed["status"], failed["counted_on"]) == ("fail", "concluded", "2024-03-02")
    assert [item["item"] for item in failed["failed_items"]] == ["铅(以Pb计)", "沙门氏菌"]
    [record] = system.records(VERDICTS.name, bad)
    headers = dict(record.headers)
    assert (headers["ce_type"], headers["ce_specversion"]) == (b"Verdict", b"1.0")
    assert headers["ce_id"] == f"{bad}:{failed['revision']}".encode()

    assert counts(system, lab) == (1, 1)
    [row] = system.rates(cut="laboratory", cell=lab, domain="food", plan="supervision")
    assert (row["from"], row["to"], row["rate"]) == ("2024-03-02", "2024-03-02", 0.5)
    assert 0 < row["low"] < 0.5 < row["high"] < 1
    [in_window] = system.rates(cut="laboratory", cell=lab, window="7d", as_of="2024-03-08")
    assert (in_window["from"], in_window["to"], in_window["pass"]) == ("2024-03-02", "2024-03-08", 1)
    assert not system.rates(cut="laboratory", cell=lab, window="7d", as_of="2024-03-09")

    assert not system.alerts(sample_id=good)
    alerts = {alert["item_class"]: alert for alert in system.alerts(sample_id=bad)}
    assert {name: alert["urgency"] for name, alert in alerts.items()} == {
        "heavy_metal": "Expected",
        "pathogen": "Immediate",
    }
    for alert in alerts.values():
        assert system.messages(ALERT_EVENTS.name, alert["alert_id"]) == [alert]
        assert (alert["kind"], alert["state"], alert["msg_type"]) == ("failed_sample", "raised", "Alert")

    found = system.get("sampling", f"/samples/{bad}")
    assert (found["sample"]["status"], found["sample"]["source"]) == ("taken", source)
    taken, concluded = found["history"]
    assert (taken["topic"], concluded["topic"]) == (SAMPLING_EVENTS.name, VERDICTS.name)
    assert concluded["event"] == failed | {"type": "Verdict", "event_id": headers["ce_id"].decode()}
    [stands] = system.messages(SAMPLES.name, bad)
    assert stands["revision"] == 1


def test_a_verdict_and_its_alert_carry_the_trace_of_the_result(embedded_system: System) -> None:
    name, source, trace = unique(), unique("/lims"), b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    publish(embedded_system, binary(sample_taken(name), source))
    sent = binary(result(name, unique("lab"), FAILED_ITEM), source)
    publish(embedded_system, replace(sent, headers=[*sent.headers, ("traceparent", trace)]))
    [verdict_record] = embedded_system.records(VERDICTS.name, name)
    [alert] = embedded_system.alerts(sample_id=name)
    [alert_record] = embedded_system.records(ALERT_EVENTS.name, alert["alert_id"])
    for record in (verdict_record, alert_record):
        assert dict(record.headers)["ce_traceparent"] == trace


def test_a_sample_nobody_knows_is_not_found(embedded_system: System) -> None:
    assert "no sample" in embedded_system.get("sampling", "/samples/nobody-knows", status=404)["error"]


def test_history_says_what_happened_in_whichever_mode_it_was_sent(embedded_system: System) -> None:
    for mode, send in MODES.items():
        sample_id, source = unique(), unique("/lims")
        publish(embedded_system, send(sample_taken(sample_id), source))
        [entry] = embedded_system.get("sampling", f"/samples/{sample_id}")["history"]
        assert (entry["event"].get("type"), entry["event"].get("sample_id")) == ("SampleTaken", sample_id), mode


def test_later_reports_move_counts_where_they_lay_and_cancel_alerts(system: System) -> None:
    source, lab = unique("/lims"), unique("lab")
    names = ("amended", "withdrawn", "retested", "voided", "worse")
    ids = {name: unique(name) for name in names}
    first = {name: result(ids[name], lab, FAILED_ITEM) for name in names}
    first["worse"] = result(ids["worse"], lab, PASSED_ITEM)
    publish(system, *(binary(sample_taken(sample_id), source) for sample_id in ids.values()))
    publish(system, *(binary(report, source) for report in first.values()))
    assert counts(system, lab) == (1, 4)
    assert {alert["state"] for name in names for alert in system.alerts(sample_id=ids[name])} == {"raised"}

    publish(
        system,
        binary(amended(first["amended"], PASSED_ITEM), source),
        binary(withdrawn(first["withdrawn"]), source),
        binary(retest(first["retested"], PASSED_ITEM), source),
        binary(voided(ids["voided"]), source),
        binary(amended(first["worse"], FAILED_ITEM), source),
    )
    assert outcomes(system, source) == ["accepted"] * 15
    stand = {name: verdict(system, ids[name]) for name in names}
    assert {name: (v["status"], v.get("outcome")) for name, v in stand.items()} == {
        "amended": ("revised", "pass"),
        "withdrawn": ("withdrawn", None),
        "retested": ("revised", "pass"),
        "voided": ("voided", None),
        "worse": ("revised", "fail"),
    }
    assert stand["retested"]["retest"]
    assert stand["retested"]["first_outcome"] == "fail"
    assert {stand[name]["counted_on"] for name in ("amended", "retested", "worse")} == {"2024-03-01"}
    assert counts(system, lab) == (2, 1)
    [row] = system.rates(cut="laboratory", cell=lab)
    assert (row["from"], row["to"]) == ("2024-03-01", "2024-03-01")

    for name in names:
        [alert] = system.alerts(sample_id=ids[name])
        events = system.messages(ALERT_EVENTS.name, alert["alert_id"])
        if name == "worse":
            assert [event["transition"] for event in events] == ["raised"]
        else:
            assert [event["transition"] for event in events] == ["raised", "cancelled"], name
            assert events[-1]["msg_type"] == "Cancel" and events[-1]["sequence"] > events[0]["sequence"]
            assert alert["state"] == "cancelled"
    [alert] = system.alerts(sample_id=ids["withdrawn"], state="cancelled")
    assert "withdrawn" in alert["reason"]

    publish(system, binary(amended(first["amended"], FAILED_ITEM, revision=3), source))
    [alert] = system.alerts(sample_id=ids["amended"])
    assert (alert["state"], alert["transition"]) == ("raised", "raised")
    assert counts(system, lab) == (1, 2)


def test_a_result_before_its_sample_is_parked_and_counts_when_the_sample_comes(system: System) -> None:
    source, lab = unique("/lims"), unique("lab")
    good, bad = unique(), unique()
    publish(system, binary(result(good, lab), source), binary(result(bad, lab, FAILED_ITEM), source))
    assert outcomes(system, source) == ["parked", "parked"]
    assert counts(system, lab) == (0, 0)
    assert not system.messages(VERDICTS.name, bad)
    publish(system, binary(sample_taken(good), source), binary(sample_taken(bad), source))
    assert outcomes(system, source) == ["parked", "parked", "accepted", "accepted"]
    assert counts(system, lab) == (1, 1)
    assert len(system.messages(VERDICTS.name, bad)) == 1
    assert len(system.alerts(sample_id=bad)) == 1


def test_the_order_of_arrival_does_not_matter(system: System) -> None:
    source, lab = unique("/lims"), unique("lab")
    rounds: list[list[Raw]] = [[], [], [], []]
    verdicts: dict[str, tuple[str, ...]] = {}
    for places in permutations(range(4)):
        sample_id = unique()
        first = result(sample_id, lab, FAILED_ITEM)
        events = [sample_taken(sample_id), first, amended(first, SALMONELLA), retest(first, PASSED_ITEM)]
        verdicts[sample_id] = tuple(events[place]["type"] for place in places)
        for sent, place in zip(rounds, places, strict=True):
            sent.append(binary(events[place], source))
    for sent in rounds:
        publish(system, *sent)
    said = {}
    for message in system.messages(VERDICTS.name):
        if message["sample_id"] in verdicts:
            said[message["sample_id"]] = {
                name: value for name, value in message.items() if name not in ("sample_id", "report_no", "revision")
            }
    assert set(said) == set(verdicts)
    expected = next(iter(said.values()))
    assert (expected["outcome"], expected["first_outcome"], expected["counted_on"]) == ("pass", "fail", "2024-03-01")
    others = {verdicts[sample_id]: found for sample_id, found in said.items() if found != expected}
    assert not others, f"expected {expected}"
    assert counts(system, lab) == (24, 0)
    states = {alert["state"] for sample_id in verdicts for alert in system.alerts(sample_id=sample_id)}
    assert states <= {"cancelled"}
    assert "rejected" not in outcomes(system, source)


def test_repeats_count_once_and_are_told_so(system: System) -> None:
    source, other, lab, sample_id = unique("/lims"), unique("/other"), unique("lab"), unique()
    taken, report = sample_taken(sample_id), result(sample_id, lab, FAILED_ITEM)
    sampled, reported = unique("e"), unique("e")
    publish(system, binary(taken, source, sampled))
    publish(system, binary(report, source, reported))
    publish(
        system,
        binary(taken, source, sampled),  # the same id
        binary({**taken, "product_name": "别的"}, source, sampled),  # the same id, whatever else it says
        plain(taken, source),  # the same content under another id
        binary({**taken, "product_name": "别的"}, source),  # a contradiction
        binary(report, source, reported),
        binary({**report, "lab_id": unique("lab")}, source, reported),
        plain(report, other),
        binary({**report, "lab_id": unique("lab")}, source),
    )
    receipts = sorted(system.receipts(source) + system.receipts(other), key=lambda r: (r["topic"], r["offset"]))
    by_topic = {
        topic: [(r["outcome"], r.get("field")) for r in receipts if r["topic"] == topic]
        for topic in (SAMPLING_EVENTS.name, LAB_RESULTS.name)
    }
    assert by_topic == {
        SAMPLING_EVENTS.name: [
            ("accepted", None),
            ("duplicate", "event_id"),
            ("duplicate", "event_id"),
            ("duplicate", None),
            ("rejected", "product_name"),
        ],
        LAB_RESULTS.name: [
            ("accepted", None),
            ("duplicate", "event_id"),
            ("duplicate", "event_id"),
            ("duplicate", None),
            ("rejected", "revision"),
        ],
    }
    assert len(system.messages(VERDICTS.name, sample_id)) == 1
    assert len(system.messages(SAMPLES.name, sample_id)) == 1
    assert counts(system, lab) == (0, 1)
    [alert] = system.alerts(sample_id=sample_id)
    assert alert["sequence"] == 1
    for topic in (SAMPLING_EVENTS, LAB_RESULTS):
        [letter] = system.records(topic.dead_letters, sample_id)
        why = {name: value.decode() for name, value in letter.headers if name.startswith("dlq_")}
        [refused] = [r for r in receipts if r["topic"] == topic.name and r["outcome"] == "rejected"]
        assert (why["dlq_topic"], why["dlq_offset"]) == (topic.name, str(refused["offset"]))
        assert why["dlq_reason"] == refused["reason"]


def test_an_alert_is_acknowledged_acted_on_and_closed(system: System) -> None:
    source, sample_id = unique("/inspectors"), unique()
    publish(system, binary(sample_taken(sample_id), source))
    publish(system, binary(result(sample_id, unique("lab"), FAILED_ITEM), source))
    [alert] = system.alerts(sample_id=sample_id)
    alert_id, seen = alert["alert_id"], unique("e")
    commands = [
        binary(order("Acknowledge", alert_id, note="我去"), source, seen),
        binary(order("Acknowledge", alert_id, note="我去"), source, seen),
        binary(order("Acknowledge", alert_id), source),
        binary(order("Assign", alert_id, assignee="inspector-9"), source),
        binary(order("Act", alert_id, action="下架"), source),
        binary(order("Close", alert_id, reason="已处置"), source),
        binary(order("Close", alert_id, reason="已处置"), source),
        binary(order("Acknowledge", "no-such-alert"), source),
    ]
    places = system.produce(commands)
    system.wait_idle()
    assert answers(system, source, places) == [
        ("accepted", None),
        ("duplicate", "event_id"),
        ("rejected", "type"),
        ("accepted", None),
        ("accepted", None),
        ("accepted", None),
        ("rejected", "type"),
        ("rejected", "alert_id"),
    ]
    events = system.messages(ALERT_EVENTS.name, alert_id)
    assert [(event["transition"], event["state"]) for event in events] == [
        ("raised", "raised"),
        ("acknowledged", "acknowledged"),
        ("assigned", "acknowledged"),
        ("acted", "acted"),
        ("closed", "closed"),
    ]
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(set(sequences)) and sequences[0] == 1
    assert [event["event_id"] for event in events] == [f"{alert_id}:{number}" for number in sequences]
    [now] = system.alerts(alert_id=alert_id)
    assert now == events[-1]
    assert (now["changed_by"], now["assignee"], now["reason"]) == ("inspector-7", "inspector-9", "已处置")
    assert now["sample_id"] not in {one["sample_id"] for one in system.alerts(state="raised")}


def test_a_key_that_another_client_hashed_elsewhere_is_taken_once(system: System) -> None:
    source, lab, sample_id = unique("/librdkafka"), unique("lab"), unique()
    home = (murmur2(sample_id.encode()) & 0x7FFFFFFF) % 12
    wrong = {"partition": (home + 5) % 12}
    taken, report, reported = sample_taken(sample_id), result(sample_id, lab, FAILED_ITEM), unique("e")
    places = system.produce([binary(taken, source, **wrong)])
    system.wait_idle()
    places += system.produce(
        [
            binary(report, source, reported, **wrong),
            binary(report, source, reported, **wrong),
            binary(amended(report, SALMONELLA), source, **wrong),
        ]
    )
    system.wait_idle()
    assert {place.partition for place in places} == {wrong["partition"]}
    assert [outcome for outcome, _ in answers(system, source, places)] == [
        "accepted",
        "accepted",
        "duplicate",
        "accepted",
    ]
    assert len(system.receipts(source)) == len(places)
    assert counts(system, lab) == (0, 1)
    [stands] = system.messages(SAMPLES.name, sample_id)
    assert stands["source"] == source
    assert verdict(system, sample_id)["report_revision"] == 2
    alerts = {alert["item_class"]: alert["state"] for alert in system.alerts(sample_id=sample_id)}
    assert alerts["pathogen"] == "raised"
    assert alerts.get("heavy_metal", "cancelled") == "cancelled"
    assert system.get("sampling", f"/samples/{sample_id}")["sample"]["sample_id"] == sample_id


def test_the_command_line_publishes_and_shows(embedded_system: System) -> None:
    system, lab, good, bad = embedded_system, unique("lab"), unique(), unique()

    def lines(*events: dict[str, Any]) -> str:
        return "".join(json.dumps(event) + "\n" for event in events)

    taken = lines(sample_taken(good), sample_taken(bad))
    report = system.json("publish", "samples", "-", stdin=taken)
    assert (report["events"], report["accepted"]) == (2, 2)
    report = system.json("publish", "samples", "-", stdin=taken)
    assert (report["events"], report["duplicate"]) == (2, 2)
    system.wait_idle()
    orphan = result(unique(), lab)
    wrong = {**result(good, lab), "report_no": unique(), "conclusion": "fail"}
    reports = lines(result(good, lab), result(bad, lab, FAILED_ITEM), orphan, wrong)
    done = system.cli("publish", "results", "-", "--no-check", stdin=reports, check=False)
    assert done.returncode == 1
    assert "contradicts the items" in done.stdout
    report = system.json("publish", "results", "-", stdin=reports, check=False)
    assert [answer["outcome"] for answer in report["answers"]] == ["duplicate", "duplicate", "duplicate", "rejected"]
    assert (report["answers"][3]["line"], report["answers"][3]["field"]) == (4, "conclusion")

    system.wait_idle()
    [row] = system.json("rates", "--cut", "laboratory", "--cell", lab)
    assert {name: row[name] for name in ("cut", "cell", "domain", "plan", "pass", "fail", "rate")} == {
        "cut": "laboratory",
        "cell": lab,
        "domain": "food",
        "plan": "supervision",
        "pass": 1,
        "fail": 1,
        "rate": 0.5,
    }
    assert lab in system.cli("rates", "--cut", "laboratory").stdout
    assert [alert["state"] for alert in system.json("alerts", "--sample", bad)] == ["raised"]
    assert bad in system.cli("alerts").stdout
    found = system.json("sample", bad)
    assert (found["sample"]["sample_id"], len(found["alerts"])) == (bad, 1)
    assert "verdict: fail" in system.cli("sample", bad).stdout
    assert system.cli("sample", "nobody-knows", check=False).returncode == 1
    assert system.cli("topics", "check").returncode == 0


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_taken(system: System, codec: str) -> None:
    source, lab = unique(f"/{codec}"), unique("lab")
    ids = [unique() for _ in range(50)]
    system.produce([binary(sample_taken(sample_id), source) for sample_id in ids], compression=codec)
    system.produce([binary(result(sample_id, lab), source) for sample_id in ids], compression=codec)
    system.wait_idle()
    assert counts(system, lab) == (50, 0)
    assert len(outcomes(system, source)) == 100
    # a sample that lies in the middle of a compressed batch is read back by itself
    assert system.get("sampling", f"/samples/{ids[25]}")["history"][0]["event"]["sample_id"] == ids[25]


@pytest.mark.parametrize("service", SERVICES)
def test_pages_that_every_service_has(system: System, service: str) -> None:
    assert system.get(service, "/healthz") == {"alive": True}
    assert system.get(service, "/readyz") == {"ready": True}
    metrics = system.get(service, "/metrics")
    values = {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in metrics.splitlines() if not line.startswith("#"))
    }
    assert values["samplewatch_ready"] == 1
    stage = {"lab_results": "lab", "hotspots": "hotspot_cells"}.get(service, service)
    assert values[f'samplewatch_assigned_partitions{{stage="{stage}"}}'] == 12
    system.get(service, "/no-such-page", status=404)


def test_receipts_are_counted_by_outcome(embedded_system: System) -> None:
    def rejected() -> float:
        lines = embedded_system.get("sampling", "/metrics").splitlines()
        name = 'samplewatch_receipts_total{outcome="rejected",topic="sampling.events.v1"} '
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

    before = rejected()
    publish(embedded_system, binary({**sample_taken(unique()), "domain": "plants"}, unique("/lims")))
    assert rejected() == before + 1


@pytest.mark.parametrize(
    ("service", "path", "parameter"),
    [
        ("lab_results", "/rates?cut=street", "cut"),
        ("lab_results", "/rates?window=7d&from=2024-01-01", "window"),
        ("lab_results", "/rates?from=yesterday", "from"),
        ("lab_results", "/rates?colour=red", "colour"),
        ("alerts", "/alerts?state=happy", "state"),
        ("alerts", "/alerts?limit=-1", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(embedded_system: System, service: str, path: str, parameter: str) -> None:
    answer = embedded_system.get(service, path, status=400)
    assert (answer["parameter"], answer["status"]) == (parameter, 400)
    assert answer["detail"].startswith(parameter)
