"""Alerts as CAP 1.2: whatever an alert holds, the document keeps to the schema and says what the alert says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from lxml import etree

from schemas.alerts import AlertEvent
from services.alerts.cap import NAMESPACE, cap_xml
from tests.strategies_inside import alert_events
from tests.unit.test_alerts import LEAD, events, order, shard, verdict

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("cap12.xsd")))


def parsed(alert: AlertEvent) -> etree._Element:
    root = etree.fromstring(cap_xml(alert))
    SCHEMA.assertValid(root)
    return root


def texts(node: etree._Element, path: str) -> list[str]:
    steps = "/".join(f"cap:{step}" for step in path.split("/"))
    return [str(found.text) for found in node.findall(steps, {"cap": NAMESPACE})]


def parameters(node: etree._Element) -> dict[str, str]:
    names = texts(node, "parameter/valueName")
    return dict(zip(names, texts(node, "parameter/value"), strict=True))


@given(alert_events)
def test_every_alert_is_a_valid_document(alert: AlertEvent) -> None:
    assert texts(parsed(alert), "info/language") == ["zh-CN", "en-US"]


def test_the_document_says_what_the_alert_says() -> None:
    (alert,) = events(shard(verdict(2, region="621002101", producer={"name": "甲<&>厂"})))
    root = parsed(alert)
    assert (texts(root, "identifier"), texts(root, "msgType")) == ([f"{alert.alert_id}:1"], ["Alert"])
    assert texts(root, "sent") == ["2026-04-01T07:33:20+08:00"]
    chinese, english = root.findall("cap:info", {"cap": NAMESPACE})
    assert texts(chinese, "headline") == [alert.headline.zh] and texts(english, "headline") == [alert.headline.en]
    assert texts(chinese, "area/geocode/value") == ["621002", "101"]
    said = parameters(chinese)
    assert said["sample"] == "S1" and said["item"] == "铅" and said["limit"] == "<= 0.2"
    assert said["value"] == "0.9 mg/kg" and said["producer"] == "甲<&>厂" and said["laboratory"] == "L1"
    assert said["ackBy"] == "2026-04-01T15:33:20+08:00" and said["actBy"] == "2026-07-02T00:00:00+08:00"
    assert "食品安全抽样检验管理办法" in said["legalBasis"]


def test_a_later_message_refers_to_the_first() -> None:
    one = shard(verdict(2))
    one.feed([order("Close", events(one)[0].alert_id, reason="处置完毕")])
    raised, closed = events(one)
    root = parsed(closed)
    assert texts(root, "references") == [f"samplewatch/alerts,{raised.event_id},2026-04-01T07:33:20+08:00"]
    assert texts(root, "info/responseType") == ["AllClear", "AllClear"]
    assert texts(root, "note") == ["处置完毕"]


def test_a_cancelled_alert_is_a_cancellation() -> None:
    assert texts(parsed(events(shard(verdict(2), verdict(3, "pass")))[-1]), "msgType") == ["Cancel"]


def test_what_xml_cannot_write_is_replaced() -> None:
    (alert,) = events(shard(verdict(2, items=(LEAD | {"item": "铅\x00\x0b"},))))
    assert parameters(parsed(alert).findall("cap:info", {"cap": NAMESPACE})[0])["item"] == "铅��"


def test_the_schema_refuses_what_is_no_cap() -> None:
    (alert,) = events(shard(verdict(2)))
    good = cap_xml(alert)
    for wrong in (
        good.replace(b"<status>Actual", b"<status>Real"),
        good.replace(b"<urgency>Expected</urgency>", b""),
        good.replace(b"+08:00</sent>", b"Z</sent>"),
        good.replace(b"<identifier>", b"<identifier>a b,"),
    ):
        assert wrong != good
        with pytest.raises(etree.DocumentInvalid):
            SCHEMA.assertValid(etree.fromstring(wrong))
