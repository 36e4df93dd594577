"""Structs that mirror the contracts, for where speed counts: msgspec reads, holds and writes them many times faster.

The contracts stay the only definition. A mirror has a contract's fields by name, with their shapes but not their rules,
so it serves for what the services themselves write and keep, and for a first look at what comes from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

C = TypeVar("C", bound=BaseModel)


class _Form(NamedTuple):
    """What decimals and times become, and whether values are told by their place."""

    decimals: type
    times: type
    positional: bool


def struct_of(
    contract: type[C],
    *,
    only: Iterable[str] | None = None,
    decimals: type = str,
    times: type = str,
    in_full: bool = False,
    positional: bool = False,
) -> type[C]:
    """A Struct with the contract's fields, or `only` some of them; for type checkers it is the contract.

    Decimals become text (or floats), so that nothing is rounded; so do dates and times, which then keep their offset.
    With `times=datetime` and `decimals=Decimal` they stay what they are in the contract.
    In writing, fields that have their default are left out; `in_full` leaves out only what is None, as contracts do.
    A `positional` one is written as an array of its values, nested ones too: short, but only its own reader knows which
    is which.
    """
    form = _Form(decimals, times, positional)
    names = [name for name in contract.model_fields if only is None or name in set(only)]
    fields = [_field(name, contract.model_fields[name], form, in_full) for name in names]
    made = msgspec.defstruct(
        contract.__name__,
        fields,
        namespace={name: getattr(contract, name) for name in contract.__class_vars__},
        kw_only=True,
        omit_defaults=True,
        frozen=True,
        gc=False,
        array_like=positional,
    )
    return cast(type[C], made)


def mirror(value: BaseModel, struct: type[C], *, decimals: type = str) -> C:
    """A contract's instance as a Struct that `struct_of` made from its class: decimals as asked for, times as text."""
    return struct(
        **{name: _mirrored(getattr(value, name), nested, decimals) for name, nested in nested_structs(struct)}
    )


def contract_of(struct: Any, contract: type[C], **more: Any) -> C:
    """The contract's instance of which `struct` is the mirror, unchecked: times and decimals are those of the contract.

    `more` are fields that the mirror has not; any others that it lacks have their default.
    """
    fields = _blank(contract) | msgspec.structs.asdict(struct) | more
    for name, nested in _contracts_within(cast(Any, type(struct)), contract):
        if fields[name] is not None:
            fields[name] = contract_of(fields[name], nested)
    return constructed(contract, fields)


def constructed(contract: type[C], fields: dict[str, Any]) -> C:
    """An instance that has all of the contract's fields, in their order, unchecked: `model_construct` at a fifth of the
    price, for fields that are known to be right and none of which is missing."""
    made = contract.__new__(contract)
    object.__setattr__(made, "__dict__", fields)
    object.__setattr__(made, "__pydantic_fields_set__", set(fields))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


@lru_cache
def _blank(contract: type[BaseModel]) -> dict[str, Any]:
    """Every field in its order, with its default if it has one."""
    return {name: None if info.is_required() else info.default for name, info in contract.model_fields.items()}


@lru_cache
def _contracts_within(struct: Any, contract: type[BaseModel]) -> tuple[tuple[str, Any], ...]:
    """The fields that hold one other contract, with that contract."""
    names = [field.name for field in msgspec.structs.fields(struct)]
    found = ((name, _contract_in(contract.model_fields[name].annotation)) for name in names)
    return tuple((name, nested) for name, nested in found if nested is not None)


def _contract_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) not in (Union, UnionType, Annotated):
        return None
    found = (_contract_in(argument) for argument in get_args(annotation))
    return next((contract for contract in found if contract is not None), None)


@lru_cache
def nested_structs(struct: Any) -> tuple[tuple[str, Any], ...]:
    """Each field's name with the Struct in its type, if there is one."""
    return tuple((field.name, _struct_in(field.type)) for field in msgspec.structs.fields(struct))


def _mirrored(value: Any, nested: Any, decimals: type) -> Any:
    if isinstance(value, Decimal):
        return decimals(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return mirror(value, nested, decimals=decimals)
    if isinstance(value, tuple):
        return tuple(_mirrored(member, nested, decimals) for member in value)
    if isinstance(value, dict):
        return {name: _mirrored(member, nested, decimals) for name, member in value.items()}
    return value


def _struct_in(kind: Any) -> Any:
    """The Struct among the members of a type such as ``tuple[Item, ...]`` or ``Party | None``."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    found = (_struct_in(argument) for argument in get_args(kind))
    return next((struct for struct in found if struct is not None), None)


def _field(name: str, info: FieldInfo, form: _Form, in_full: bool) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _bounded(_kind(info.annotation, form), info.metadata)
    spec: dict[str, Any] = {"name": info.alias} if info.alias else {}
    if not info.is_required():
        if in_full and info.default is not None:
            # msgspec leaves out what has its default, but cannot tell when that is made anew each time
            spec["default_factory"] = partial(_same, info.default)
        else:
            spec["default"] = info.default
    return (name, kind, msgspec.field(**spec)) if spec else (name, kind)


_BOUNDS: dict[Any, tuple[str, ...]] = {str: ("min_length", "max_length"), int: ("ge", "le")}


def _same(value: Any) -> Any:
    return value


def _bounded(kind: Any, rules: Iterable[Any]) -> Any:
    bounds = {
        name: bound
        for rule in rules
        for name in _BOUNDS.get(kind, ())
        if (bound := getattr(rule, name, None)) is not None
    }
    return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind


@lru_cache
def _nested(contract: type[BaseModel], form: _Form) -> type[BaseModel]:
    """One Struct for a contract wherever it is nested, so that what two fields hold can be compared."""
    return struct_of(contract, decimals=form.decimals, times=form.times, positional=form.positional)


#: A time without an offset could be any of a day's.
_AWARE = Annotated[datetime, msgspec.Meta(tz=True)]


def _kind(annotation: Any, form: _Form) -> Any:
    """The annotation with decimals and times replaced, contracts mirrored, and of the rules only the bounds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(_kind(arguments[0], form), arguments[1:])
    if origin in (Union, UnionType):
        kinds = dict.fromkeys(_kind(argument, form) for argument in arguments)
        return Union[tuple(kinds)]  # noqa: UP007  the members are only known here
    if origin in (tuple, list, dict):
        return origin[tuple(a if a is Ellipsis else _kind(a, form) for a in arguments)]
    if getattr(annotation, "__name__", "") == "AwareDatetime":
        return _AWARE if form.times is datetime else form.times
    if isinstance(annotation, type) and annotation is not NoneType:
        if issubclass(annotation, BaseModel):
            return _nested(annotation, form)
        if issubclass(annotation, Decimal):
            return form.decimals
        if issubclass(annotation, date):
            return annotation if form.times is datetime else form.times
    return annotation
