"""Strict writing: what this system or its command line publishes names no field that the contract does not have."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.cloudevents import parse_object
from schemas.paths import ROOTS
from schemas.values import Contract

ContractT = TypeVar("ContractT", bound=Contract)
T = TypeVar("T")


def first_error(error: ValidationError) -> tuple[str, str]:
    """(field, reason) of the first thing that is wrong, the field by dotted path: ``items.0.value``."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "type", first["msg"]
    steps = [str(step) for step in first["loc"]]
    if len(steps) > 1 and steps[0] in ROOTS:
        # pydantic puts the contract that the type chose in front; the message has no such field
        del steps[0]
    reason = "is not a field of this contract" if first["type"] == "extra_forbidden" else first["msg"]
    return ".".join(steps) or "value", reason.removeprefix("Value error, ")


def strict_json(contract: type[ContractT], data: dict[str, Any]) -> bytes:
    """`data` as the JSON of `contract`; raises ValueError "field: reason" for an unknown field or a broken rule."""
    try:
        return contract.model_validate(data, extra="forbid").model_dump_json(by_alias=True).encode()
    except ValidationError as error:
        raise ValueError(": ".join(first_error(error))) from None


def parse_strict(contract: TypeAdapter[T] | type[T], line: bytes) -> T:
    """The event in one line of JSON; raises ValueError "field: reason" for what would not be accepted."""
    adapter = contract if isinstance(contract, TypeAdapter) else TypeAdapter(contract)
    parse_object(line)
    try:
        return adapter.validate_json(line, extra="forbid")
    except ValidationError as error:
        raise ValueError(": ".join(first_error(error))) from None
