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
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

C = TypeVar("C", bound=BaseModel)


def struct_of(
    contract: type[C],
    *,
    only: Iterable[str] | None = None,
    decimals: type = str,
    times: type = str,
    in_full: bool = False,
) -> type[C]:
    """A Struct with the contract's fields, or `only` some of them; for type checkers it is the contract.

    Decimals become text (or floats), so that nothing is rounded; so do dates and times, which then keep their offset.
    In writing, fields that have their default are left out; `in_full` leaves out only what is None, as contracts do.
    """
    names = [name for name in contract.model_fields if only is None or name in set(only)]
    fields = [_field(name, contract.model_fields[name], decimals, times, in_full) for name in names]
    made = msgspec.defstruct(
        contract.__name__,
        fields,
        namespace={name: getattr(contract, name) for name in contract.__class_vars__},
        kw_only=True,
        omit_defaults=True,
        frozen=True,
        gc=False,
    )
    return cast(type[C], made)


def mirror(value: BaseModel, struct: type[C], *, decimals: type = str) -> C:
    """A contract's instance as a Struct that `struct_of` made from its class: decimals as asked for, times as text."""
    return struct(
        **{name: _mirrored(getattr(value, name), nested, decimals) for name, nested in _nested_structs(struct)}
    )


@lru_cache
def _nested_structs(struct: Any) -> tuple[tuple[str, Any], ...]:
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


def _field(
    name: str, info: FieldInfo, decimals: type, times: type, in_full: bool
) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _bounded(_kind(info.annotation, decimals, times), info.metadata)
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


def _kind(annotation: Any, decimals: type, times: type) -> Any:
    """The annotation with decimals and times replaced, contracts mirrored, and of the rules only the bounds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(_kind(arguments[0], decimals, times), arguments[1:])
    if origin in (Union, UnionType):
        kinds = dict.fromkeys(_kind(argument, decimals, times) for argument in arguments)
        return Union[tuple(kinds)]  # noqa: UP007  the members are only known here
    if origin in (tuple, list, dict):
        return origin[tuple(a if a is Ellipsis else _kind(a, decimals, times) for a in arguments)]
    if isinstance(annotation, type) and annotation is not NoneType:
        if issubclass(annotation, BaseModel):
            return struct_of(annotation, decimals=decimals, times=times)
        if issubclass(annotation, Decimal):
            return decimals
        if issubclass(annotation, date | datetime):
            return times
    if getattr(annotation, "__name__", "") == "AwareDatetime":
        return times
    return annotation
