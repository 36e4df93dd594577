"""A mirror writes what its contract would write, and reads what its contract would read."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.alerts import AlertEvent
from schemas.qualification import Delta, Rate
from schemas.receipts import Receipt
from schemas.sampling import Sample
from schemas.structs import mirror, struct_of
from schemas.values import Contract
from schemas.verdicts import Verdict
from tests.strategies import samples
from tests.strategies_inside import alert_events, concluded, deltas, rates_of_cells, receipts_given

WRITTEN = {
    Verdict: concluded,
    Receipt: receipts_given,
    Delta: deltas,
    Rate: rates_of_cells,
    Sample: samples,
    AlertEvent: alert_events,
}
MIRRORS = {contract: struct_of(contract, in_full=True) for contract in WRITTEN}


@pytest.mark.parametrize("contract", WRITTEN, ids=lambda contract: contract.__name__)
@given(data=st.data())
def test_a_mirror_writes_as_its_contract_does(contract: type[BaseModel], data: st.DataObject) -> None:
    value = data.draw(WRITTEN[contract])  # type: ignore[index]
    facts = mirror(value, MIRRORS[contract])  # type: ignore[index]
    written = msgspec.json.encode(facts)
    assert contract.model_validate_json(written) == value
    assert set(json.loads(written)) == set(json.loads(value.model_dump_json(exclude_none=True, by_alias=True)))
    assert msgspec.json.decode(written, type=MIRRORS[contract]) == facts  # type: ignore[index]


class Example(Contract):
    """A contract of a few kinds of fields."""

    number: int = 3
    word: str | None = None


def test_what_has_its_default_is_written_only_in_full() -> None:
    assert msgspec.json.encode(struct_of(Example)()) == b"{}"
    assert msgspec.json.encode(struct_of(Example, in_full=True)()) == b'{"number":3}'


def test_only_some_fields() -> None:
    assert [field.name for field in msgspec.structs.fields(struct_of(Verdict, only=("sample_id", "items")))] == [
        "sample_id",
        "items",
    ]


def test_what_two_fields_hold_can_be_compared() -> None:
    read = msgspec.json.Decoder(struct_of(AlertEvent)).decode
    text = {"zh": "甲", "en": "a"}
    body = dict.fromkeys(("event_id", "alert_id", "rule", "subject", "epoch", "area", "source", "changed_by"), "x")
    body |= {"sequence": 1, "kind": "hotspot", "state": "raised", "transition": "raised", "status": "Actual"}
    body |= {"msg_type": "Alert", "category": "Other", "severity": "Minor", "urgency": "Future", "level": "city"}
    body |= {"certainty": "Likely", "raised_at": "2026-01-01T00:00:00Z", "changed_at": "2026-01-01T00:00:00Z"}
    alert = read(json.dumps(body | dict.fromkeys(("event", "headline", "description", "instruction"), text)))
    assert alert.headline == alert.description
