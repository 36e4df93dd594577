"""Events as laboratories and inspectors send them, and the three ways of sending one, built without the contracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from schemas.topics import ALERT_COMMANDS, LAB_RESULTS, SAMPLING_EVENTS
from tests.system import Raw, unique

Event = dict[str, Any]

_LEAD = {"item": "铅(以Pb计)", "unit": "mg/kg", "limit": "0.2", "limit_kind": "max", "basis": "GB 2762-2022"}
PASSED_ITEM = {**_LEAD, "value": "0.05", "verdict": "pass"}
FAILED_ITEM = {**_LEAD, "value": "0.31", "verdict": "fail"}
#: A second failure, of another class of items.
SALMONELLA = {"item": "沙门氏菌", "value": "检出", "limit_kind": "absent", "verdict": "fail"}


def sample_taken(sample_id: str, **more: Any) -> Event:
    """A food sample of a city's supervision."""
    return {
        "type": "SampleTaken",
        "sample_id": sample_id,
        "domain": "food",
        "plan": "supervision",
        "category": ["粮食加工品", "大米"],
        "product_name": "大米",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2024-02-20T09:30:00+08:00",
        "sampled_by": ["张三", "李四"],
        **more,
    }


def result(sample_id: str, lab_id: str, *items: Mapping[str, Any], **more: Any) -> Event:
    """The first report of a sample; it concludes what follows from the items. Without items, one passes."""
    found = items or (PASSED_ITEM,)
    return {
        "type": "ResultReported",
        "report_no": f"R-{sample_id}",
        "sample_id": sample_id,
        "lab_id": lab_id,
        "issued_at": "2024-03-01T12:00:00+08:00",
        "items": list(found),
        "conclusion": "fail" if any(item["verdict"] == "fail" for item in found) else "pass",
        **more,
    }


def amended(first: Event, *items: Mapping[str, Any], revision: int = 2, **more: Any) -> Event:
    """A later revision of a report."""
    return {
        **result(first["sample_id"], first["lab_id"], *items),
        "type": "ResultAmended",
        "revision": revision,
        "issued_at": "2024-03-05T12:00:00+08:00",
        **more,
    }


def retest(first: Event, *items: Mapping[str, Any], **more: Any) -> Event:
    """The retest that a report is answered by, of another laboratory."""
    return {
        **result(first["sample_id"], first["lab_id"], *items),
        "type": "RetestReported",
        "report_no": f"{first['report_no']}-retest",
        "retest_of": first["report_no"],
        "issued_at": "2024-03-20T12:00:00+08:00",
        **more,
    }


def withdrawn(first: Event, revision: int = 2) -> Event:
    """The end of a report."""
    return {
        "type": "ResultWithdrawn",
        "report_no": first["report_no"],
        "revision": revision,
        "sample_id": first["sample_id"],
        "lab_id": first["lab_id"],
        "withdrawn_at": "2024-03-06T12:00:00+08:00",
        "reason": "samples were mixed up",
    }


def voided(sample_id: str) -> Event:
    """The end of a sample."""
    return {
        "type": "SampleVoided",
        "sample_id": sample_id,
        "voided_at": "2024-03-07T12:00:00+08:00",
        "reason": "taken by mistake",
    }


def order(kind: str, alert_id: str, **more: Any) -> Event:
    """A command about an alert."""
    return {"type": kind, "alert_id": alert_id, "by": "inspector-7", "at": "2024-03-08T09:00:00+08:00", **more}


def binary(event: Event, source: str, event_id: str | None = None, **where: Any) -> Raw:
    """CloudEvents binary mode: the type, the source and the id in headers, the rest in the body."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", event["type"].encode()),
        ("ce_source", source.encode()),
        ("ce_id", (event_id or unique("e")).encode()),
        ("content-type", b"application/json"),
    ]
    return _raw(event, {name: value for name, value in event.items() if name != "type"}, headers, **where)


def structured(event: Event, source: str, event_id: str | None = None, **where: Any) -> Raw:
    """CloudEvents structured mode: one envelope around the body."""
    data = {name: value for name, value in event.items() if name != "type"}
    envelope = {
        "specversion": "1.0",
        "type": event["type"],
        "source": source,
        "id": event_id or unique("e"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return _raw(event, envelope, [("content-type", b"application/cloudevents+json; charset=utf-8")], **where)


def plain(event: Event, source: str, event_id: str | None = None, **where: Any) -> Raw:
    """A JSON body that says everything itself; no header at all."""
    return _raw(event, {**event, "source": source, "event_id": event_id or unique("e")}, [], **where)


Mode = Callable[[Event, str], Raw]
MODES: dict[str, Mode] = {"binary": binary, "structured": structured, "plain": plain}


def _raw(event: Event, body: Event, headers: list[tuple[str, bytes]], **where: Any) -> Raw:
    if "alert_id" in event:
        topic, key = ALERT_COMMANDS.name, event["alert_id"]
    elif "report_no" in event:
        topic, key = LAB_RESULTS.name, event["sample_id"]
    else:
        topic, key = SAMPLING_EVENTS.name, event["sample_id"]
    return Raw(topic, key.encode(), json.dumps(body, ensure_ascii=False).encode(), headers, **where)
