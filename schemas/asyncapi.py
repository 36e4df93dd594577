"""The AsyncAPI 3.0 document of the topics, from Samplewatch's point of view: what it receives and what it sends."""

from __future__ import annotations

from typing import Any, Final

import yaml

from schemas.receipts import DeadLetter
from schemas.topics import CONSUMED, TOPICS, Topic
from schemas.values import Contract
from services.runtime.settings import PARTITIONS

#: The version of the Kafka bindings' own specification.
BINDING: Final = "0.5.0"
SERVICES: Final = frozenset({"sampling", "lab_results", "alerts"})
#: Settings that the Kafka binding wants as lists or numbers; the broker takes text.
_LISTS: Final = frozenset({"cleanup.policy"})


def schema_file(contract: type[Contract]) -> str:
    """The name of a contract's JSON Schema file."""
    return f"{contract.__name__}.schema.json"


def written_inside(topic: Topic) -> bool:
    """Whether only services of Samplewatch write to `topic`."""
    return set(topic.written_by.split(", ")) <= SERVICES


def document() -> dict[str, Any]:
    """The document as plain values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Samplewatch",
            "version": "1.0.0",
            "description": (
                "Samples that a market regulator takes, the laboratories' results, the verdicts, rates and alerts that"
                " follow. Events travel as CloudEvents 1.0 in binary mode; structured mode and plain JSON bodies that"
                " carry type, source and event_id themselves are taken as well. Unknown fields are ignored in reading."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(operation for topic in TOPICS for operation in _operations(topic)),
    }


def as_yaml(value: dict[str, Any]) -> str:
    """`value` as YAML, in the order given and without aliases."""
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda _self, _data: True})
    return yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=110)


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.purpose[0].upper()}{topic.purpose[1:]}. Key: {topic.key}. By {topic.written_by}.",
        "messages": {contract.__name__: _message(topic, contract) for contract in topic.contracts}
        or {"DeadLetter": _dead_letter(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": PARTITIONS,
                "topicConfiguration": {name: _setting(name, text) for name, text in topic.config.items()},
                "bindingVersion": BINDING,
            }
        },
    }


def _setting(name: str, text: str) -> str | int | list[str]:
    if name in _LISTS:
        return text.split(",")
    return int(text) if text.isdigit() else text


def _key(topic: Topic) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING}}


def _message(topic: Topic, contract: type[Contract]) -> dict[str, Any]:
    return {
        "name": contract.__name__,
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": _cloud_events(contract.__name__),
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{schema_file(contract)}"},
        },
        "bindings": _key(topic),
    }


def _cloud_events(event_type: str) -> dict[str, Any]:
    """The headers of binary mode. None is required: the other two modes have them in the value."""
    return {
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_type": {"type": "string", "const": event_type},
            "ce_source": {"type": "string", "description": "who sends, for example /lims/qy-01"},
            "ce_id": {"type": "string", "description": "unique at its source"},
            "ce_time": {"type": "string", "format": "date-time"},
            "content-type": {"type": "string", "const": "application/json"},
        },
        "dependencies": {"ce_specversion": ["ce_type", "ce_source", "ce_id"]},
    }


def _dead_letter(topic: Topic) -> dict[str, Any]:
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A message that could not be taken: its key and value untouched, whatever they are.",
        "headers": {
            "type": "object",
            "properties": {f"dlq_{name}": {"type": "string"} for name in DeadLetter.model_fields},
            "required": [f"dlq_{name}" for name in DeadLetter.model_fields],
        },
        "bindings": _key(topic),
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = f"#/channels/{topic.name}"
    names = [contract.__name__ for contract in topic.contracts] or ["DeadLetter"]
    common = {"channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names]}
    operations: list[tuple[str, dict[str, Any]]] = []
    if topic in CONSUMED:
        operations.append((f"receive.{topic.name}", {"action": "receive", **common}))
    if written_inside(topic):
        operations += [
            (f"send.{topic.name}.{service}", {"action": "send", "title": f"by {service}", **common})
            for service in topic.written_by.split(", ")
        ]
    elif not topic.contracts:
        operations.append((f"send.{topic.name}", {"action": "send", "title": f"by {topic.written_by}", **common}))
    return operations
