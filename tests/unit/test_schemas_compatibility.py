"""Each kind of break is caught, harmless changes pass, and the present contracts keep to the baseline."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from schemas import compatibility
from schemas.compatibility import breaks, breaks_of_baseline

OLD: dict[str, Any] = {
    "$defs": {"Party": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^x"},
        "stage": {"enum": ["a", "b"], "type": "string"},
        "kind": {"const": "K", "default": "K", "type": "string"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "at": {"type": "string", "format": "date-time"},
        "party": {"$ref": "#/$defs/Party"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Party"}, "maxItems": 5},
        "cells": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["id", "stage"],
}


def changed(**fields: Any) -> dict[str, Any]:
    """OLD with other fields; None removes one."""
    new = copy.deepcopy(OLD)
    for name, field in fields.items():
        if field is None:
            del new["properties"][name]
        else:
            new["properties"][name] = field
    return new


def required(*names: str) -> dict[str, Any]:
    return {**copy.deepcopy(OLD), "required": list(names)}


def party(**properties: Any) -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    new["$defs"]["Party"]["properties"] = properties
    return new


ALWAYS = {
    "removed": (changed(count=None), "count: removed or renamed"),
    "renamed": (changed(share=None, portion={"type": "number"}), "share: removed or renamed"),
    "removed within": (party(title={"type": "string"}), "party.name: removed or renamed"),
    "removed within a list": (party(title={"type": "string"}), "parts.*.name: removed or renamed"),
    "required": (required("id", "stage", "at"), "at: new readers require it"),
    "type": (changed(count={"type": "string"}), "count: new readers refuse the type integer"),
    "type of a number": (changed(share={"type": "integer"}), "share: new readers refuse the type number"),
    "null": (changed(note={"type": "string", "default": None}), "note: new readers refuse the type null"),
    "value of an enum": (changed(stage={"enum": ["a"], "type": "string"}), "stage: new readers refuse ['b']"),
    "new enum": (
        changed(at={"enum": ["a"], "type": "string", "format": "date-time"}),
        "new readers refuse other values",
    ),
    "constant": (changed(kind={"const": "L", "default": "K", "type": "string"}), "kind: new readers refuse ['K']"),
    "default": (changed(kind={"const": "K", "type": "string"}), "kind: its default changed"),
    "longest": (changed(id={**OLD["properties"]["id"], "maxLength": 10}), "id: new readers want maxLength 10"),
    "shortest": (changed(id={**OLD["properties"]["id"], "minLength": 2}), "id: new readers want minLength 2"),
    "new bound": (changed(share={"type": "number", "minimum": 0}), "share: new readers want minimum 0"),
    "pattern": (changed(id={**OLD["properties"]["id"], "pattern": "^y"}), "id: new readers want the pattern ^y"),
    "format": (changed(at={"type": "string", "format": "date"}), "at: new readers want the format date"),
    "items": (changed(parts={"type": "array", "items": {"type": "string"}, "maxItems": 5}), "parts.*: new readers"),
    "cells": (
        changed(cells={"type": "object", "additionalProperties": {"type": "string"}}),
        "cells.*: new readers refuse the type integer",
    ),
}
WRITTEN_ONLY = {
    "wider enum": (changed(stage={"enum": ["a", "b", "c"], "type": "string"}), "stage: old readers refuse ['c']"),
    "no longer required": (required("id"), "stage: old readers require it"),
    "another type": (
        changed(share={"anyOf": [{"type": "number"}, {"type": "string"}]}),
        "share: old readers refuse the type string",
    ),
    "longer": (changed(id={**OLD["properties"]["id"], "maxLength": 50}), "id: old readers want maxLength 20"),
    "unbounded": (changed(count={"type": "integer", "minimum": 1}), "count: old readers want maximum 9"),
}


@pytest.mark.parametrize("incoming", [True, False])
@pytest.mark.parametrize("kind", ALWAYS)
def test_a_break_is_caught_whoever_writes(kind: str, incoming: bool) -> None:
    new, text = ALWAYS[kind]
    assert any(text in found for found in breaks(OLD, new, incoming=incoming))


def kept_by_place(*names: str, within: bool = False) -> dict[str, Any]:
    """A contract of which services keep values by place, or one with such a part, with these fields."""
    fields = {"properties": {name: {"type": "string"} for name in names}}
    return {"$defs": {"Party": fields}} if within else {"title": "SampleTaken", **fields}


@pytest.mark.parametrize("within", [True, False])
def test_what_is_kept_by_place_keeps_its_places(within: bool) -> None:
    def found(*names: str) -> list[str]:
        old = kept_by_place("name", "licence", "source", "type", within=within)
        return breaks(old, kept_by_place(*names, within=within), incoming=True)

    assert found("name", "licence", "new", "source", "type") == []  # source and type are not kept
    [inserted] = found("name", "new", "licence", "source", "type")
    assert inserted == f"{'Party' if within else 'SampleTaken'}.new: services keep this by place: add it at the end"
    [moved] = found("licence", "name", "source", "type")
    assert moved.endswith(": services keep this by place: its fields changed places")


@pytest.mark.parametrize("kind", WRITTEN_ONLY)
def test_what_old_readers_would_refuse_is_a_break_of_what_we_write_only(kind: str) -> None:
    new, text = WRITTEN_ONLY[kind]
    assert breaks(OLD, new, incoming=True) == []
    assert any(text in found for found in breaks(OLD, new, incoming=False))


@pytest.mark.parametrize("incoming", [True, False])
@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(extra={"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}),
        party(name={"type": "string"}, licence={"type": "string"}),
        changed(share={"type": "number", "title": "Share", "description": "of the whole"}),
    ],
    ids=["nothing", "optional field", "optional field within", "wording"],
)
def test_harmless_changes_pass(new: dict[str, Any], incoming: bool) -> None:
    assert breaks(OLD, new, incoming=incoming) == []


def test_the_present_contracts_keep_to_the_baseline() -> None:
    assert list(compatibility.BASELINE.glob("*.schema.json"))
    assert breaks_of_baseline(compatibility.BASELINE) == []


def test_every_present_contract_has_a_baseline() -> None:
    committed = {path.name for path in compatibility.BASELINE.glob("*.schema.json")}
    assert committed == set(compatibility.schema_files())


def test_accepting_refuses_a_break(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(compatibility, "BASELINE", tmp_path)
    assert compatibility.main(["--accept"]) == 0
    baseline = tmp_path / "Receipt.schema.json"
    before = baseline.read_text("utf-8").replace('"outcome"', '"result"')
    baseline.write_text(before, "utf-8")
    assert compatibility.main(["--accept"]) == 1
    assert baseline.read_text("utf-8") == before
    assert "Receipt.schema.json: result: removed or renamed" in capsys.readouterr().out


def test_a_contract_that_is_gone_is_a_break(tmp_path: Any) -> None:
    (tmp_path / "Gone.schema.json").write_text("{}", "utf-8")
    assert breaks_of_baseline(tmp_path) == ["Gone.schema.json: the contract is gone"]
