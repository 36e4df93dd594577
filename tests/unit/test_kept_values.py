"""What earlier releases kept in Redis is read as it was meant: two releases share it while one replaces the other.

The values are of fields told by their place. Where this fails, a field was put between others: it belongs to the end.
"""

from __future__ import annotations

from schemas.sampling import Sample, SampleReceived, SampleTaken, SampleVoided
from schemas.structs import mirror
from services.alerts.store import alert_message
from services.lab_results import domain as lab
from services.lab_results.store import unpack_dossier
from services.sampling.domain import Judged, Life, Reference, Watch
from services.sampling.packing import unpack_life

LIFE = (
    "01603e00cd050084077461736b222c5b2261222c2262225d222c226272616e6669636261746368312d30326d616b6572222c22746865726573"
    "686f7032222c22223632312e302e322d30335430343a30353a30365b2241222c2242225d2c22492d31222c74727569222c5b224c3454303022"
    "77656c6c322d30356c6f7374225d5d16fca8923a24204b50c2d6ef1164574e2fda68c7bc26885b54f1957c7183974981b4a03562920adbcc23"
    "92408f2e577a8f032813ce21d3dedc70896592065895c4083132333435363738940007010903960a0a0114021e81ab666f6f645f7265706f72"
    "7492010228"
)
DOSSIER = (
    "016014002d0500f3c71dfe72d26aef9337b3ffc7e9332e71da46058b95294f4c7d2065f515040d535c3f0f8a98c62a2eb32456aa4c21c2e6f3"
    "fbb7ac8c60260629bfa204952b4a08090104fb39c3a4760eed9cd931d9ed5f6f549aa06284ed7780ce2c2164841336262a4d5031e2ca94ef00"
    "9d69820a12539298620a426a8ad4520efc80a25f3f1cb55fc01f6c57cab53890f4cb0d63c4396c362b4a1ba4aa2ce3c595e17308b18cafa0b5"
    "01"
)
#: With the first dictionary of alerts.
ALERT = "01206d1d0100c340023434a0cdd47df79a1007fc2c158214bf0cdd8e624be907fe352d0c8c1a242205"
SHEET = {
    "sample_id": "S",
    "domain": "food",
    "plan": "special",
    "targeting": "targeted",
    "task": "task",
    "category": ["a", "b"],
    "product_name": "product",
    "brand": "brand",
    "specification": "specification",
    "batch": "batch",
    "production_date": "2026-01-02",
    "producer": {"name": "maker", "licence": "SC1", "address": "there"},
    "sampled_party": {"name": "shop", "licence": "SC2", "address": "here"},
    "region": "621002",
    "stage": "catering",
    "quantity": "1.5",
    "quantity_unit": "kg",
    "backup_quantity": "0.5",
    "sampled_at": "2026-02-03T04:05:06+08:00",
    "sampled_by": ["A", "B"],
    "linked_inspection": "I-1",
    "imported_cold_chain": True,
}


def test_a_life() -> None:
    received = {"sample_id": "S", "lab_id": "L", "received_at": "2026-02-04T00:00:00+08:00", "condition": "well"}
    voided = {"sample_id": "S", "voided_at": "2026-02-05T00:00:00+08:00", "reason": "lost"}
    wanted = Life(
        taken=SampleTaken.model_validate(SHEET),
        taken_from="/i",
        received=SampleReceived.model_validate(received),
        voided=SampleVoided.model_validate(voided),
        marks=frozenset([b"12345678"]),
        history=(Reference("event", 7), Reference("verdict", 9)),
        verdict_revision=3,
        judged=Judged(10, 20, "fail", 30, 2, 40),
        watches={"food_report": Watch(1, 2)},
    )
    assert unpack_life(bytes.fromhex(LIFE), "S") == wanted


def test_a_dossier() -> None:
    dossier = unpack_dossier(bytes.fromhex(DOSSIER), "S")
    sample = Sample.model_validate({**SHEET, "revision": 4, "status": "received", "source": "/i"})
    assert dossier.sample == mirror(sample, lab.SampleFacts)
    [report] = dossier.reports
    [revision] = report.revisions
    assert (report.report_no, report.retest_of, dossier.marks) == ("R-S", None, (b"87654321",))
    assert (revision.number, revision.content, revision.lab_id, revision.source) == (1, b"content1", "L", "/l")
    assert (revision.issued_at, revision.conclusion, revision.items) == ("2024-03-01T12:00:00+08:00", "fail", 1)
    [item] = revision.failed_items
    assert (item.item, item.value, item.unit) == ("铅(以Pb计)", "0.31", "mg/kg")
    assert (item.limit, item.limit_kind, item.basis) == ("0.2", "max", "GB 2762-2022")


def test_an_alert() -> None:
    said = '{"alert_id":"07-1","state":"raised","area":"621002","headline":{"zh":"抽检不合格","en":"failed sample"}}'
    assert alert_message(bytes.fromhex(ALERT), "07-1").decode() == said
    assert alert_message(said.encode(), "07-1").decode() == said
