"""What earlier releases kept in Redis is read as it was meant: two releases share it while one replaces the other.

The values are of fields told by their place. Where this fails, a field was put between others: it belongs to the end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.sampling import Sample, SampleReceived, SampleTaken, SampleVoided
from schemas.structs import mirror
from services.alerts.store import alert_message
from services.lab_results import domain as lab
from services.lab_results.store import DOSSIERS
from services.runtime.blocks import Blocks
from services.sampling.domain import Judged, Life, Reference, Watch
from services.sampling.store import LIVES
from tests.memory import FakeRedis

LIFE = (
    "01606f004d0700340a81a0c5016a97c5013e7461736b222c5b2261222c2262225d222c226272616e6669636261746368312d30326d616b6572"
    "222c22746865726573686f7032222c22223632312e302e322d30335430343a30353a30365b2241222c2242225d2c22492d31222c7472756922"
    "2c5b224c345430302277656c6c322d30356c6f7374225d5dc4083132333435363738940007010903960a0a0114021e81ab65706f7274920102"
    "0017fc5052306cd41443e46d5450c2f9b73ad72b55af6dd0655e22c52d9ef1adc0b881c9a4f85a001f31a5896dc2f16fa047a82bbb9303e034"
    "ce47d3fe6eb86e5d26693605"
)
DOSSIER = (
    "01601a006d050063c81ffe72d26aef93373300fe1fa7cfb8c4691b152c56a63c31f58194d55710344c71fd3c28621aabb8cc9258a93285089b"
    "cfefdfb232829918a4fc8a1254ae2821240410ece74c1393da39b47366c764b77fbd5169828a11b6df013ab38490114ed898a83441c5882b53"
    "be0374a6092a484c49628a2908a929524b0e24f1a2cc500efc80f25f3f1c0560c0296cd7ccb538a4f4cb21632c1e4e5a3fa569527d96f3e7ca"
    "203bc8da657c05ed0d"
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


def held(blocks: Blocks[Any], block: str) -> Any:
    """The value of sample S, in a block of its own."""
    redis = FakeRedis()
    redis.hashes["kept"]["*S"] = bytes.fromhex(block)
    return asyncio.run(blocks.load(redis, "kept", ["S"]))["S"]  # type: ignore[arg-type]


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
    assert held(LIVES, LIFE) == wanted


def test_a_dossier() -> None:
    dossier = held(DOSSIERS, DOSSIER)
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
