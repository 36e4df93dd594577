"""What people read, and when a message that failed is tried again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import AlertEvent
from services.alerts.notify.courier import WELL, Patience
from services.alerts.notify.groups import Line, Planned, next_minute
from services.alerts.notify.items import item_of
from services.alerts.notify.rendering import Text, fitted, place_of, render
from services.runtime.calendar import SHANGHAI, moment_of

LEAD = {"item": "铅", "value": "0.31", "limit": "0.2", "unit": "mg/kg", "limit_kind": "max", "basis": "GB 2762"}


def alert(number: int = 0, **fields: Any) -> AlertEvent:
    return AlertEvent.model_validate(
        {
            "event_id": f"00-{number}:1",
            "alert_id": f"00-{number}",
            "sequence": 1,
            "kind": "failed_sample",
            "rule": "failed_sample",
            "subject": "S",
            "epoch": "1",
            "state": "raised",
            "transition": "raised",
            "status": "Actual",
            "msg_type": "Alert",
            "category": "Health",
            "event": {"zh": "样品不合格", "en": "failed sample"},
            "severity": "Severe",
            "urgency": "Expected",
            "certainty": "Observed",
            "headline": {"zh": "大米不合格", "en": "rice failed"},
            "description": {"zh": "说明", "en": "text"},
            "instruction": {"zh": "封存同批次产品", "en": "seal the batch"},
            "area": "621002101",
            "level": "county",
            "ack_by": "2026-03-01T12:00:00+08:00",
            "act_by": "2026-03-03T00:00:00+08:00",
            "legal_basis": {"zh": "食品安全法第六十三条", "en": "Food Safety Law, art. 63"},
            "sample_id": "SC26-0001",
            "product_name": "大米",
            "producer": "某米业",
            "sampled_party": "某超市",
            "lab_id": "市检验院",
            "report_no": "R-77",
            "item_class": "heavy_metal",
            "items": [LEAD],
            "raised_at": "2026-02-28T09:00:00+08:00",
            "changed_at": "2026-02-28T09:00:00+08:00",
            "changed_by": "samplewatch/alerts",
            "source": "lims",
            **fields,
        }
    )


def planned(*events: AlertEvent, news: Any = "raised") -> Planned:
    lines = [Line(news, item_of(event, event.model_dump_json(exclude_none=True).encode())) for event in events]
    lines.sort(key=lambda line: line.item.gravity)
    return Planned("id", "duty/hook", "g", {}, 1, 0, tuple(lines))


WANTED = (
    "SC26-0001",
    "大米",
    "铅 0.31 mg/kg",
    "0.2 mg/kg",
    "甘肃省庆阳市西峰区 621002101",
    "某超市",
    "某米业",
    "市检验院",
    "R-77",
)


@pytest.mark.parametrize(
    ("language", "more"),
    [
        (
            "zh",
            ("新预警", "县(区)", "2026-03-01 12:00 前签收", "2026-03-03 00:00 前处置", "食品安全法第六十三条", "封存"),
        ),
        (
            "en",
            ("[new]", "county", "acknowledge by 2026-03-01 12:00", "act by 2026-03-03 00:00", "art. 63", "seal the"),
        ),
    ],
)
def test_a_message_says_all_that_one_has_to_know(language: str, more: tuple[str, ...]) -> None:
    text = render(planned(alert()), language)
    for part in (*WANTED, *more):
        assert part in text.body
    both = render(planned(alert()), "both")
    assert text.body in both.body
    assert "\n\n\n" not in both.body


def test_what_is_simulated_provisional_or_unconfirmed_says_so() -> None:
    event = alert(status="Exercise", act_by_provisional=True, act_by_unconfirmed=True)
    assert all(word in render(planned(event), "zh").body for word in ("演练数据", "暂定", "待核实"))
    assert all(word in render(planned(event), "en").body for word in ("simulated", "provisional", "unconfirmed"))


def test_an_end_says_why_and_asks_for_nothing() -> None:
    text = render(planned(alert(state="cancelled", reason="复检合格"), news="cancelled"), "zh").body
    assert "撤销" in text
    assert "复检合格" in text
    assert "前处置" not in text


@pytest.mark.parametrize("kind", ["hotspot", "overdue", "rate_drop", "lab_integrity"])
def test_an_alert_without_a_sample_can_be_told(kind: str) -> None:
    event = alert(
        kind=kind, sample_id=None, product_name=None, items=(), item_class=None, lab_id=None, legal_basis=None
    )
    for language in ("zh", "en"):
        text = render(planned(event), language).body
        assert "None" not in text
        assert "621002101" in text


def test_many_become_a_summary_with_the_gravest_first() -> None:
    events = [alert(n, area=("621002", "621021")[n % 2]) for n in range(40)]
    grave = alert(
        99, severity="Extreme", headline={"zh": "沙门氏菌检出", "en": "Salmonella found"}, item_class="pathogen"
    )
    text = render(planned(*events, grave), "zh")
    assert text.title == "41 条预警:甘肃省庆阳市 6210"
    lines = text.body.splitlines()
    assert lines[0] == "共 41 条预警:新预警 41。"
    assert "按县区:西峰区 21、庆城县 20" in lines
    assert next(line for line in lines if line.startswith("1. ")).startswith("1. 【新预警】沙门氏菌检出")
    assert lines[-1].endswith("samplewatch alerts list --area 6210")
    assert text.gravity == "Extreme"
    assert len(text.body) < 1500


def test_a_message_that_is_cut_says_where_the_rest_is() -> None:
    long = render(planned(*(alert(n, headline={"zh": "大米" * 90, "en": "rice"}) for n in range(12))), "zh")
    text = fitted(long, 2_048)
    assert len(f"{text.title}\r\n{text.body}".encode()) <= 2_048 < len(long.body.encode())
    assert text.body.endswith("samplewatch alerts list --area 621002101)")
    assert long.body.startswith(text.body.rpartition("\n")[0] + "\n"), "whole lines"
    assert fitted(long, None) is long


@given(st.text(max_size=60), st.text(max_size=20), st.integers(60, 300))
def test_a_text_is_cut_to_so_many_bytes_and_never_inside_a_character(body: str, title: str, most: int) -> None:
    text = fitted(Text(title, body, "Severe", "(其余)"), most + len(title.encode()))
    assert len(f"{text.title}\r\n{text.body}".encode()) <= most + len(title.encode())
    assert body.startswith(text.body.removesuffix("\n(其余)"))


def test_places_are_named() -> None:
    assert place_of("110101") == "北京市东城区 110101"
    assert place_of("62") == "甘肃省 62"
    assert place_of("US-IL/Chicago") == "US-IL/Chicago"
    assert place_of("interprovincial") == "跨省 interprovincial"


@given(st.floats(0, 1), st.integers(1, 40))
def test_pauses_double_up_to_five_minutes_and_are_shortened_by_half_at_most(jitter: float, failures: int) -> None:
    patience, health = Patience(), WELL
    for _ in range(failures):
        now = health.next_try
        health = patience.failed(health, now, jitter)
    pause, whole = health.next_try - now, min(300_000, 1_000 * 2 ** (failures - 1))
    assert whole // 2 - 1 <= pause <= whole
    assert health.failures == failures
    assert health.dead == (failures >= 10 or now - health.since >= 900_000)


@given(st.integers(1_700_000_000_000, 1_900_000_000_000), st.sets(st.integers(0, 1439), min_size=1, max_size=4))
def test_the_next_hour_of_a_digest_is_within_a_day_and_one_of_its_minutes(after: int, minutes: set[int]) -> None:
    found = next_minute(minutes, after)
    assert 0 <= found - after < 86_400_000 + 60_000
    here = moment_of(found).astimezone(SHANGHAI)
    assert here.hour * 60 + here.minute in minutes
    assert here.second == 0
