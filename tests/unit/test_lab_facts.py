"""The screen decides nothing but speed: whatever it takes, the contract takes too, and means the same by it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.cloudevents import binary_headers
from schemas.results import RESULT_EVENT, ResultReported
from schemas.topics import LAB_RESULTS
from services.lab_results.facts import ReportFacts, content_mark, facts_of, mark_as_written, screen
from services.runtime.intake import Intake, Reading, Refused, Taken
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.memory import FakeRecord
from tests.strategies import results_reported

PLAIN: dict[str, Any] = {
    "type": "ResultReported",
    "source": "/lims/1",
    "event_id": "e1",
    "report_no": "R1",
    "sample_id": "S1",
    "lab_id": "L1",
    "issued_at": "2026-03-01T08:00:00+08:00",
    "conclusion": "pass",
    "items": [
        {"item": "苯甲酸", "value": 0.12, "unit": "g/kg", "limit": 0.5, "limit_kind": "max", "verdict": "pass"},
        {"item": "铅", "value": "<LOD", "unit": "mg/kg", "limit": 0.2, "verdict": "pass"},
    ],
}


def as_bytes(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def test_a_plain_report_is_screened() -> None:
    facts = screen(as_bytes(PLAIN))
    assert isinstance(facts, ReportFacts)
    assert (facts.sample_id, facts.conclusion, len(facts.items)) == ("S1", "pass", 2)


def test_a_plain_failure_is_screened_with_its_numbers_as_text() -> None:
    failed = PLAIN["items"][0] | {"value": 0.72, "limit": 1, "verdict": "fail"}
    body = as_bytes(PLAIN | {"conclusion": "fail", "items": [failed, PLAIN["items"][1]]})
    facts = screen(body)
    assert facts == facts_of(RESULT_EVENT.validate_json(body))
    assert [(item.value, item.limit) for item in facts.items] == [("0.72", "1"), ("<LOD", "0.2")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [
        {"conclusion": "fail"},
        {"conclusion": "fail", "items": [PLAIN["items"][0] | {"verdict": "fail", "value": 1e-7}]},
        {"conclusion": "fail", "items": [PLAIN["items"][0] | {"verdict": "fail", "value": -0.0}]},
        {"revision": 2},
        {"report_no": " R1"},
        {"lab_id": "L\n1"},
        {"issued_at": "2026-03-01T08:00:00"},
        {"issued_at": "2026-13-01T08:00:00+08:00"},
        {"issued_at": "2026-W01-1T08:00:00+08:00"},
        {"issued_at": "2026-03-01T08:00:00+08:60"},
        {"items": [PLAIN["items"][0], PLAIN["items"][0]]},
        {"items": [PLAIN["items"][0] | {"lod": 0.5}]},
        {"items": [PLAIN["items"][0] | {"value": None}]},
        {"items": [PLAIN["items"][0] | {"verdict": "fail"}]},
        {"items": [PLAIN["items"][0] | {"limit": None}]},
        {"type": "RetestReported", "retest_of": "R0"},
    ],
)
def test_what_is_not_plain_is_left_to_the_contract(change: dict[str, Any]) -> None:
    assert screen(as_bytes(PLAIN | change)) is None


_values = st.sampled_from(
    [
        0.12,
        0,
        -1,
        1.0,
        -2.5,
        1e-5,
        1e15,
        1e300,
        -0.0,
        2**53 + 1,
        "<LOD",
        "ND",
        "阴性",
        "",
        "0.5",
        None,
        True,
        [],
        0.1 + 0.2,
    ]
)
_words = st.sampled_from(
    ["test", "a", " a", "a ", "", "a b", "x\ty", "\u2028", "é", "样", "x" * 201, "x" * 501, None, 7]
)
_items = st.fixed_dictionaries(
    {"item": _words, "value": _values, "verdict": st.sampled_from(["pass", "pass", "fail", "fail", "untested", "ok"])},
    optional={
        "unit": _words,
        "portion": _words,
        "limit": _values,
        "limit_kind": st.sampled_from(["max", "min", "range", "absent", None, "x"]),
        "lod": _values,
        "item_class": _words,
        "method": _words,
    },
)
_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18)
_plain_items = st.fixed_dictionaries(
    {"item": st.sampled_from("abc"), "value": _numbers, "verdict": st.sampled_from(["pass", "fail"])},
    optional={"limit": _numbers},
)
_times = st.sampled_from(
    [
        "2026-03-01T08:00:00+08:00",
        "2026-03-01T08:00:00Z",
        "2026-03-01 08:00:00+08:00",
        "2026-02-30T08:00:00+08:00",
        "2026-W01-1T08:00:00+08:00",
        "2026-03-01T08:00:00+08:60",
        "2026-03-01T08:00:00+08,00",
        "2026-03-01T080000.0+08:00",
        None,
    ]
)
_bodies = st.fixed_dictionaries(
    {"report_no": _words, "sample_id": _words, "lab_id": _words, "issued_at": _times},
    optional={
        "source": _words,
        "event_id": _words,
        "received_at": _times,
        "items": st.lists(_items | _plain_items, max_size=2),
        "conclusion": st.sampled_from(["pass", "fail"]),
    },
).map(lambda body: PLAIN | body)


@given(_bodies)
@settings(max_examples=1500)
def test_what_the_screen_takes_the_contract_takes_and_means_the_same(body: dict[str, Any]) -> None:
    facts = screen(as_bytes(body))
    if facts is not None:
        event = RESULT_EVENT.validate_json(as_bytes(body))
        assert isinstance(event, ResultReported)
        assert content_mark(event) == content_mark(facts)
        assert (event.source, event.event_id) == (facts.source, facts.event_id)
        by_contract = facts_of(event)
        for name in ("report_no", "revision", "sample_id", "lab_id", "issued_at", "conclusion"):
            assert getattr(by_contract, name) == getattr(facts, name)
        if facts.conclusion == "fail":
            assert by_contract == facts


def read(body: Any, headers: Any, *, screened: bool) -> tuple[Any, ...]:
    """What intake makes of a body: what is taken, or the refusal."""
    reading = Reading(RESULT_EVENT, screen=screen if screened else lambda _: None, facts=facts_of)
    record = FakeRecord(
        LAB_RESULTS.name, 1, b"S1", as_bytes(body), headers, partition=home_of(b"S1", PARTITIONS), timestamp=ARRIVED
    )
    (found,) = Intake(LAB_RESULTS, "lab_results", reading).decode([record])
    if isinstance(found, Taken):
        return found.source, found.event_id, found.event.type, content_mark(found.event)
    assert isinstance(found, Refused)
    return found.field, found.reason


ARRIVED = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp() * 1000)
BINARY = binary_headers(type="ResultReported", source="/lims/1", event_id="e2")
_MODES = st.sampled_from([(), BINARY, BINARY[:3], (("ce_type", b"ResultReported"),), (("ce_type", b"ResultAmended"),)])
_names = st.sampled_from(["e1", "", " e", None, 7])


@given(
    _bodies,
    st.sets(st.sampled_from(["type", "source", "event_id", "sample_id"])),
    st.fixed_dictionaries({}, optional={"id": _names, "event_id": _names, "revision": st.just(1)}),
    _MODES,
)
@settings(max_examples=1000)
@example(PLAIN, {"event_id"}, {"id": "e1"}, ())
@example(PLAIN, {"event_id"}, {"id": 7}, BINARY)
@example(PLAIN, set(), {"event_id": None, "id": "e1"}, ())
@example(PLAIN, {"type"}, {}, ())
@example(PLAIN, {"type"}, {}, BINARY)
def test_with_the_screen_and_without_it_the_outcome_is_the_same(
    body: dict[str, Any], left_out: set[str], more: dict[str, Any], headers: Any
) -> None:
    told = {name: value for name, value in body.items() if name not in left_out} | more
    assert read(told, headers, screened=True) == read(told, headers, screened=False)


def test_what_comes_by_headers_alone_is_screened() -> None:
    body = {name: value for name, value in PLAIN.items() if name not in ("type", "source", "event_id")}
    reading = Reading(RESULT_EVENT, screen=screen, facts=facts_of)
    record = FakeRecord(LAB_RESULTS.name, 1, b"S1", as_bytes(body), BINARY, home_of(b"S1", PARTITIONS), ARRIVED)
    (found,) = Intake(LAB_RESULTS, "lab_results", reading).decode([record])
    assert isinstance(found, Taken)
    assert isinstance(found.event.items[0].value, float)


_decimals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**20), 10**20), st.sampled_from([-0.0, 5e-324])
)


def marks(value: Any, verdict: str = "pass", **more: Any) -> set[bytes]:
    """The marks of a report with this value, by the screen where it takes it, and by the contract."""
    item = {"item": "铅", "value": value, "limit": 0.5, "limit_kind": "max", "verdict": verdict}
    body = as_bytes(PLAIN | {"items": [item], "conclusion": verdict} | more)
    by_contract = RESULT_EVENT.validate_json(body)
    screened = screen(body)
    return {content_mark(facts) for facts in (by_contract, facts_of(by_contract), screened) if facts is not None}


@given(_decimals, st.sampled_from(["pass", "fail"]))
def test_a_number_is_the_same_however_it_is_written(number: Any, verdict: str) -> None:
    exact = Decimal(repr(number))
    written = [number, repr(number), f"{exact:e}", f" {exact}", str(exact.scaleb(0, Context(prec=60)))]
    assert len(set.union(*(marks(value, verdict) for value in written))) == 1
    assert marks("<LOD", verdict) != marks(number, verdict)


@pytest.mark.parametrize(
    ("one", "other"), [("1E+400", "2E+400"), ("1E-400", "0"), ("1E-400", "2E-400"), ("-1", "1"), ("阴性", "阳性")]
)
def test_other_numbers_and_words_are_told_apart(one: str, other: str) -> None:
    assert not marks(one) & marks(other)


def test_what_dossiers_of_before_have_is_known() -> None:
    plain = screen(as_bytes(PLAIN))
    assert plain is not None
    assert content_mark(plain).hex() == "843ee45fc7cae556"
    failed = PLAIN["items"][0] | {"value": 0.72, "verdict": "fail"}
    by_screen = screen(as_bytes(PLAIN | {"conclusion": "fail", "items": [failed]}))
    assert by_screen is not None
    assert mark_as_written(by_screen).hex() == "a4c38588b8238a65"


@given(results_reported)
def test_the_mark_is_of_what_is_said_not_of_who_said_it(event: ResultReported) -> None:
    again = event.model_copy(update={"source": "other", "event_id": "other"})
    assert content_mark(again) == content_mark(event)
    assert content_mark(event.model_copy(update={"lab_id": event.lab_id + "x"})) != content_mark(event)
