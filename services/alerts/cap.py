"""Alerts as CAP 1.2 (Common Alerting Protocol, OASIS): one XML document for each message. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from xml.etree import ElementTree

from schemas.alerts import AlertEvent, Wording
from schemas.verdicts import FailedItem
from services.alerts.life import OVER
from services.runtime.calendar import SHANGHAI

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
_RESTRICTION: Final = "market regulators and those whom they inform"
#: What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What CAP forbids in identifiers and senders.
_RESERVED = re.compile(r"[\s,<&]")
_MAINLAND = re.compile(r"[1-9][0-9]{5}([0-9]{3}|[0-9]{6})?")


def cap_xml(alert: AlertEvent) -> bytes:
    """The message as a CAP document, in UTF-8. An update or a cancellation refers to the alert's first message."""
    root = ElementTree.Element("alert", xmlns=NAMESPACE)
    _add(root, "identifier", _RESERVED.sub("_", alert.event_id))
    _add(root, "sender", alert.sender)
    _add(root, "sent", _time(alert.changed_at))
    _add(root, "status", alert.status)
    _add(root, "msgType", alert.msg_type)
    _add(root, "scope", alert.scope)
    _add(root, "restriction", _RESTRICTION)
    _add(root, "note", alert.reason)
    if alert.sequence > 1:
        first = _RESERVED.sub("_", f"{alert.alert_id}:1")
        _add(root, "references", f"{alert.sender},{first},{_time(alert.raised_at)}")
    for language, of in (("zh-CN", "zh"), ("en-US", "en")):
        root.append(_info(alert, language, of))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _info(alert: AlertEvent, language: str, of: str) -> ElementTree.Element:
    def said(wording: Wording | None) -> str | None:
        return None if wording is None else str(getattr(wording, of))

    info = ElementTree.Element("info")
    _add(info, "language", language)
    _add(info, "category", alert.category)
    _add(info, "event", said(alert.event))
    if alert.state in OVER:
        _add(info, "responseType", "AllClear")
    _add(info, "urgency", alert.urgency)
    _add(info, "severity", alert.severity)
    _add(info, "certainty", alert.certainty)
    _add(info, "effective", _time(alert.raised_at))
    _add(info, "onset", None if alert.onset is None else _time(alert.onset))
    _add(info, "expires", None if alert.act_by is None else _time(alert.act_by))
    _add(info, "headline", said(alert.headline))
    _add(info, "description", said(alert.description))
    _add(info, "instruction", said(alert.instruction))
    _add(info, "contact", alert.contact)
    for name, value in _parameters(alert, said(alert.legal_basis)):
        parameter = ElementTree.SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    area = ElementTree.SubElement(info, "area")
    _add(area, "areaDesc", alert.area)
    if _MAINLAND.fullmatch(alert.area):
        for name, code in (("GB/T 2260", alert.area[:6]), ("township", alert.area[6:])):
            if code:
                geocode = ElementTree.SubElement(area, "geocode")
                _add(geocode, "valueName", name)
                _add(geocode, "value", code)
    return info


def _parameters(alert: AlertEvent, legal_basis: str | None) -> Iterator[tuple[str, str]]:
    facts = {
        "alert": alert.alert_id,
        "kind": alert.kind,
        "state": alert.state,
        "level": alert.level,
        "ackBy": alert.ack_by and _time(alert.ack_by),
        "actBy": alert.act_by and _time(alert.act_by),
        "legalBasis": legal_basis,
        "sample": alert.sample_id,
        "product": alert.product_name,
        "producer": alert.producer,
        "sampledParty": alert.sampled_party,
        "laboratory": alert.lab_id,
        "report": alert.report_no,
        "cell": alert.cell,
    }
    yield from ((name, str(value)) for name, value in facts.items() if value)
    for item in alert.items:
        yield "item", item.item
        if item.value is not None:
            yield "value", " ".join(filter(None, (str(item.value), item.unit)))
        if (limit := _limit(item)) is not None:
            yield "limit", limit
    for fact in alert.evidence:
        yield "evidence", f"{fact.name}: {fact.value}"


def _limit(item: FailedItem) -> str | None:
    if item.limit_kind == "absent":
        return "absent"
    if item.limit is None:
        return None
    if item.limit_kind == "range":
        return f"{item.limit_low} to {item.limit}"
    return f"{'>=' if item.limit_kind == 'min' else '<='} {item.limit}"


def _time(moment: datetime) -> str:
    """As CAP wants times: to the second, with the offset in figures."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S+08:00")


def _add(parent: ElementTree.Element, name: str, text: str | None) -> None:
    if text is not None:
        ElementTree.SubElement(parent, name).text = _UNWRITABLE.sub("\ufffd", text)
