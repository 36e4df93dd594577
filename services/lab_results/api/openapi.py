"""The OpenAPI 3.1 document, made from the models of parameters and answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.lab_results.api.answers import Problem
from services.lab_results.api.parameters import Cells
from services.runtime.parameters import PROBLEM_JSON

_SCHEMAS = "#/components/schemas/"


class Page(NamedTuple):
    """A page that may be asked for."""

    path: str
    summary: str
    query: type[Cells]
    answer: type[BaseModel]


def document(pages: Iterable[Page], version: str) -> dict[str, Any]:
    """The document that describes the pages."""
    pages = list(pages)
    models: list[type[BaseModel]] = [*(page.answer for page in pages), Problem]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models], by_alias=True, ref_template=_SCHEMAS + "{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Samplewatch: rates",
            "version": version,
            "description": "Qualification rates (合格率) of cells, as they stand. Every answer has an ETag.",
        },
        "paths": {page.path: {"get": _operation(page)} for page in pages},
        "components": {"schemas": schemas["$defs"]},
    }


def _operation(page: Page) -> dict[str, Any]:
    return {
        "operationId": page.path.strip("/").replace("/", "_"),
        "summary": page.summary,
        "description": " ".join((page.answer.__doc__ or "").split()),
        "parameters": [*_parameters(page.query), _IF_NONE_MATCH],
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": {"ETag": _ETAG},
                "content": {"application/json": {"schema": {"$ref": _SCHEMAS + page.answer.__name__}}},
            },
            "304": {"description": "The answer that the client has is current.", "headers": {"ETag": _ETAG}},
            "400": _problem("A parameter is not understood; the answer names it."),
            "503": _problem("The counts can't be read at the moment."),
        },
    }


_ETAG = {"description": "Changes when the answer may have changed.", "schema": {"type": "string"}}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "Tags of answers that the client has.",
    "required": False,
    "schema": {"type": "string"},
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_JSON: {"schema": {"$ref": _SCHEMAS + Problem.__name__}}}}


def _parameters(query: type[Cells]) -> list[dict[str, Any]]:
    schema = query.model_json_schema()
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "description": field.get("description", ""),
            "required": name in required,
            "schema": _of_parameter(field),
        }
        for name, field in schema["properties"].items()
    ]


def _of_parameter(field: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is not given is absent, so null, as a default or as a choice, is left out."""
    kept = {name: value for name, value in field.items() if name not in ("title", "description", "anyOf")}
    if kept.get("default", ...) is None:
        del kept["default"]
    for part in field.get("anyOf", ()):
        if part != {"type": "null"}:
            kept.update(part)
    return kept
