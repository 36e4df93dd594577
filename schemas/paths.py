"""Dotted paths into the contracts, such as ``SampleTaken.producer.name``: what the mapping tables name fields by."""

from __future__ import annotations

from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from schemas.results import Item
from schemas.topics import TOPICS
from schemas.values import Contract, Party
from schemas.verdicts import FailedItem

_NESTED: tuple[type[Contract], ...] = (Item, FailedItem, Party)
#: Every contract that a path may begin with, by name.
ROOTS: Final[dict[str, type[Contract]]] = {
    root.__name__: root for root in chain(*(topic.contracts for topic in TOPICS), _NESTED)
}


def _bare(annotation: Any) -> Any:
    """The type without Annotated and None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def field_type(path: str) -> Any:
    """The type of the field that `path` names, without Annotated and None. Raises LookupError where there is none."""
    name, *steps = path.split(".")
    if name not in ROOTS:
        raise LookupError(f"{path}: there is no contract {name}")
    found: Any = ROOTS[name]
    for step in steps:
        found = _step(path, found, step)
    return found


def _step(path: str, within: Any, step: str) -> Any:
    if get_origin(within) is tuple and step.isdigit():
        return _bare(get_args(within)[0])
    if isinstance(within, type) and issubclass(within, BaseModel) and step in within.model_fields:
        return _bare(within.model_fields[step].annotation)
    raise LookupError(f"{path}: there is no field {step}")


def value_at(contract: Contract, path: str) -> Any:
    """The value in `contract` that `path` names; None where the path ends in an absent part. Raises LookupError."""
    field_type(path)
    name, *steps = path.split(".")
    if type(contract).__name__ != name:
        raise LookupError(f"{path}: not a path into {type(contract).__name__}")
    value: Any = contract
    for step in steps:
        if value is None:
            return None
        value = next(iter(value[int(step) : int(step) + 1]), None) if isinstance(value, tuple) else getattr(value, step)
    return value
