"""The commands with which operations look at dead letters and laboratories' data, on a running system."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from kafka import KafkaProducer

from schemas.topics import ALERT_COMMANDS, LAB_RESULTS
from tests.events import binary, result
from tests.hostile import send
from tests.system import Raw, System, unique


def test_a_dead_letter_is_listed_shown_and_sent_once_more(module_system: System) -> None:
    system, source, sample_id = module_system, unique("/lims"), unique()
    wrong = {**result(sample_id, "lab-1"), "conclusion": "fail"}  # all its items pass
    system.produce([binary(wrong, source, unique("e"))] * 2)
    system.wait_idle()
    rows = system.json("dlq", "list", "--topic", LAB_RESULTS.name)
    assert [(row["field"], row["source"]) for row in rows] == [("conclusion", source)] * 2
    place = [str(rows[0][name]) for name in ("topic", "partition", "offset")]
    shown = system.json("dlq", "show", *place)
    assert {"type": shown["headers"]["ce_type"], **json.loads(shown["value"])} == wrong
    assert (shown["key"], shown["headers"]["ce_source"]) == (sample_id, source)
    assert shown["why"]["reason"] == rows[0]["reason"]
    assert source in system.cli("dlq", "list").stdout
    # one letter, then all of them, of which those that say the same go once
    one = ("--topic", place[0], "--partition", place[1], "--offset", place[2])
    assert system.json("dlq", "replay", *one) == {"replayed": 1, "left_out": 0, "cut": 0}
    system.wait_idle()
    assert system.json("dlq", "replay", "--all") == {"replayed": 1, "left_out": 2, "cut": 0}
    system.wait_idle()
    assert len(system.json("dlq", "list")) == 4
    assert [answer["outcome"] for answer in system.receipts(source)] == ["rejected"] * 4


def test_a_dead_letter_goes_out_as_it_was_or_not_at_all(module_system: System) -> None:
    system, topic = module_system, ALERT_COMMANDS.name
    odd = Raw(topic, b"odd", b"", [("a", None), ("a", b""), ("sw_origin", None), ("名", b"\xff")])  # type: ignore[list-item]
    send(system, [odd])
    with closing(
        KafkaProducer(bootstrap_servers=system.bootstrap, compression_type="zstd", max_request_size=2**30)
    ) as producer:
        producer.send(topic, b"0" * (20 * 1024 * 1024), b"cut", [("ce_source", b"/lims")])
    system.wait_idle()
    (place,) = [row for row in system.json("dlq", "list", "--topic", topic) if row["reason"] and is_cut(system, row)]
    one = ("--topic", topic, "--partition", str(place["partition"]), "--offset", str(place["offset"]))
    refused = system.cli("dlq", "replay", *one, check=False)
    assert refused.returncode == 1
    said = f"{topic}.dlq, partition {place['partition']}, offset {place['offset']} was cut: its message had "
    assert said in refused.stderr
    everything = system.cli("dlq", "replay", "--topic", topic, "--all", "--json")
    assert json.loads(everything.stdout) == {"replayed": 1, "left_out": 0, "cut": 1}
    assert f"left out: {said}" in everything.stderr
    assert len(system.records(topic, "cut")) == 1
    first, again = system.records(topic, "odd")
    own = [(name, content) for name, content in first.headers if name != "sw_origin"]
    assert (again.value, again.headers) == (first.value, own)


def is_cut(system: System, row: dict[str, Any]) -> bool:
    shown = system.json("dlq", "show", row["topic"], str(row["partition"]), str(row["offset"]))
    return "cut_from" in shown["why"]


def test_a_laboratory_that_repeats_its_values_is_named_and_becomes_an_alert(module_system: System) -> None:
    system = module_system
    misconduct = ("--misconduct", "lab-qy3", "repeated_values")
    system.json("simulate", "--samples", "3000", "--seed", "5", "--start", "2025-01-01", *misconduct, "--publish")
    system.wait_idle()
    days = ("--from", "2025-01-01", "--to", "2025-12-31")
    found = system.json("integrity", "check", *days)
    named = {(one["lab"], one["kind"]) for one in found if one["priority"] == "high"}
    # and the one that never fails, which every simulated year has
    assert named == {("lab-qy3", "repeated_values"), ("lab-qy6", "few_failures")}
    assert "lab-qy3" in system.cli("integrity", "check", *days, "--publish").stdout
    system.wait_idle()
    assert {alert["subject"] for alert in system.alerts(kind="lab_integrity")} == {"|".join(one) for one in named}
    # a day without reports says nothing
    assert "nothing stands out" in system.cli("integrity", "check", "--from", "2020-01-01", "--to", "2020-01-31").stdout
