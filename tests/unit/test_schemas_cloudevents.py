"""Events are read in binary mode, structured mode and as plain JSON; and written strictly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Acknowledge
from schemas.cloudevents import (
    STRUCTURED,
    Envelope,
    NotAnEvent,
    binary_headers,
    claimed_identity,
    open_envelope,
    parse_object,
)
from schemas.results import RESULT_EVENT
from schemas.sampling import SAMPLING_EVENT, SampleVoided
from schemas.writing import parse_strict, strict_json

VOIDED = {"type": "SampleVoided", "sample_id": "S1", "voided_at": "2026-03-01T10:00:00+08:00", "reason": "破损"}
ENVELOPE = {"specversion": "1.0", "type": "SampleVoided", "source": "/lims", "id": "e1", "data": {"sample_id": "S1"}}


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def test_binary_mode_says_in_headers_what_the_event_is() -> None:
    headers = binary_headers(type="SampleTaken", source="/lims", event_id="e1", time=datetime(2026, 3, 1, tzinfo=UTC))
    assert dict(headers)["ce_time"] == b"2026-03-01T00:00:00+00:00"
    assert open_envelope(headers, b"{}") == Envelope("SampleTaken", "/lims", "e1", b"{}")


@pytest.mark.parametrize("headers", [(("content-type", STRUCTURED + b"; charset=utf-8"),), ()])
def test_structured_mode_is_known_by_content_type_or_specversion(headers: Any) -> None:
    assert open_envelope(headers, encoded(ENVELOPE)) == Envelope("SampleVoided", "/lims", "e1", b'{"sample_id": "S1"}')


@pytest.mark.parametrize("data", [None, "text", [1]])
def test_structured_mode_has_an_object_as_data(data: object) -> None:
    with pytest.raises(NotAnEvent) as refusal:
        open_envelope((), encoded({**ENVELOPE, "data": data}))
    assert refusal.value.field == "data"


def test_a_plain_body_speaks_for_itself() -> None:
    assert open_envelope((), b'{"type": "SampleTaken"}') == Envelope(None, None, None, b'{"type": "SampleTaken"}')


def test_a_body_that_mentions_specversion_elsewhere_stays_plain() -> None:
    value = encoded({"note": {"specversion": "1.0"}})
    assert open_envelope((), value).data == value


def test_a_header_that_is_not_utf8_is_named() -> None:
    with pytest.raises(NotAnEvent, match="ce_type: is not UTF-8"):
        open_envelope((("ce_type", b"\xff"),), b"{}")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff", "is not UTF-8|is not JSON"),
        (b"{", "is not JSON"),
        (b"[1]", "is a JSON list, not an object"),
        (b"null", "is a JSON NoneType"),
        (b"[" * 200_000, "nested too deeply|is not JSON"),
    ],
)
def test_what_is_no_json_object_is_refused_with_a_reason(value: bytes, reason: str) -> None:
    with pytest.raises(NotAnEvent, match=reason):
        parse_object(value)


@given(
    st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=20)), max_size=4), st.binary(max_size=60)
)
def test_no_message_does_worse_than_being_refused(headers: list[tuple[str, bytes | None]], value: bytes) -> None:
    try:
        open_envelope(headers, value)
    except NotAnEvent as refusal:
        assert refusal.field
    claimed_identity(headers, value)


@pytest.mark.parametrize(
    ("headers", "value", "identity"),
    [
        ((("ce_source", b"/lims"), ("ce_id", b"e1")), b"nonsense", ("/lims", "e1")),
        ((), encoded({"source": "/lims", "event_id": "e1"}), ("/lims", "e1")),
        ((), encoded(ENVELOPE), ("/lims", "e1")),
        ((("ce_source", b"/lims"),), encoded({"id": "e2"}), ("/lims", "e2")),
        ((), b"nonsense", (None, None)),
        ((), None, (None, None)),
        ((), encoded({"source": 5, "event_id": ""}), (None, None)),
    ],
)
def test_the_identity_of_a_bad_message_is_found_where_it_can_be(headers: Any, value: Any, identity: Any) -> None:
    assert claimed_identity(headers, value) == identity


def test_strict_writing_gives_json_that_reads_back() -> None:
    assert SampleVoided.model_validate_json(strict_json(SampleVoided, VOIDED)).reason == "破损"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"colour": "red"}, "colour: is not a field of this contract"),
        ({"Colour": "red"}, "Colour: is not a field of this contract"),
        ({"voided_at": "yesterday"}, "voided_at: Input should be a valid datetime"),
    ],
)
def test_strict_writing_names_the_field(more: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        strict_json(SampleVoided, {**VOIDED, **more})
    with pytest.raises(ValueError, match=text):
        parse_strict(SAMPLING_EVENT, encoded({**VOIDED, **more}))
    with pytest.raises(ValueError, match=text):
        parse_strict(SampleVoided, encoded({**VOIDED, **more}))


def test_parsing_strictly_gives_the_event() -> None:
    event = parse_strict(SAMPLING_EVENT, encoded({**VOIDED, "id": "e1"}))
    assert isinstance(event, SampleVoided)
    assert event.event_id == "e1"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"not json", "value: is not JSON"),
        (b"[]", "value: is a JSON list"),
        (b"{}", "type: "),
        (b'{"type": "Guess"}', "type: .*Guess"),
        (b'{"type": "ResultReported"}', "report_no: Field required"),
    ],
)
def test_parsing_strictly_says_what_is_wrong(line: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}"):
        parse_strict(RESULT_EVENT, line)


def test_a_fault_within_an_item_is_named_by_its_path() -> None:
    body = {"type": "ResultReported", "report_no": "R", "sample_id": "S", "lab_id": "L", "conclusion": "pass"}
    items = [{"item": "铅", "value": 1, "lod": 2, "verdict": "pass"}]
    with pytest.raises(ValueError, match=r"^items\.0\.value: a value below the detection limit"):
        parse_strict(RESULT_EVENT, encoded({**body, "issued_at": "2026-03-01T10:00:00Z", "items": items}))


def test_a_command_is_written_strictly_too() -> None:
    with pytest.raises(ValueError, match=r"^by: Field required"):
        strict_json(Acknowledge, {"alert_id": "A1", "at": "2026-03-01T10:00:00Z"})
