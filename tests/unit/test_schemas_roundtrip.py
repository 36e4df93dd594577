"""Every contract survives JSON, ignores what it does not know, and fits its published JSON Schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.generate import contracts, json_schema
from schemas.topics import TOPICS
from schemas.values import Contract
from tests.strategies_inside import BY_CONTRACT

CONTRACTS = list(BY_CONTRACT)
INCOMING = dict(contracts())
few = settings(max_examples=25)


def _validator(contract: type[Contract]) -> Draft202012Validator:
    schema = json_schema(contract, incoming=INCOMING[contract])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_contract_of_every_topic_has_a_strategy() -> None:
    assert {contract for topic in TOPICS for contract in topic.contracts} == set(CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
@few
@given(data=st.data())
def test_json_brings_back_the_same_instance(contract: type[Contract], data: st.DataObject) -> None:
    instance = data.draw(BY_CONTRACT[contract])
    assert contract.model_validate_json(instance.model_dump_json(by_alias=True)) == instance
    # the services leave out what is absent
    assert contract.model_validate_json(instance.model_dump_json(by_alias=True, exclude_none=True)) == instance


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
@few
@given(data=st.data())
def test_what_is_written_fits_the_schema(contract: type[Contract], data: st.DataObject) -> None:
    instance = data.draw(BY_CONTRACT[contract])
    written = json.loads(instance.model_dump_json(by_alias=True))
    validator = _validator(contract)
    validator.validate(written)
    validator.validate(json.loads(instance.model_dump_json(by_alias=True, exclude_none=True)))
    assert not validator.is_valid({**written, "no_such_field": 1})


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
@settings(max_examples=3)
@given(data=st.data())
def test_unknown_fields_are_ignored_in_reading(contract: type[Contract], data: st.DataObject) -> None:
    instance = data.draw(BY_CONTRACT[contract])
    body: dict[str, Any] = json.loads(instance.model_dump_json(by_alias=True))
    assert contract.model_validate({**body, "added_in_v1_later": {"a": 1}}) == instance


@pytest.mark.parametrize("value", [0.5, "0.5", 3, "<LOD"])
def test_the_schema_of_a_report_takes_decimals_as_numbers_or_text(value: object) -> None:
    contract = next(contract for contract in CONTRACTS if contract.__name__ == "ResultReported")
    report = {
        "report_no": "R1",
        "sample_id": "S1",
        "lab_id": "L1",
        "issued_at": "2026-03-01T10:00:00+08:00",
        "conclusion": "pass",
        "items": [{"item": "铅", "value": value, "limit": 1, "verdict": "pass"}],
    }
    _validator(contract).validate(report)
    contract.model_validate(report)
