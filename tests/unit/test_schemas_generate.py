"""What is generated is current, the same every time, and names every topic and contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from schemas import generate
from schemas.asyncapi import as_yaml, document
from schemas.topics import TOPICS
from services.runtime.settings import PARTITIONS


def test_the_committed_files_are_those_of_the_contracts() -> None:
    assert generate.differing(generate.generated_files(), generate.GENERATED) == []


def test_generating_again_gives_the_same_text() -> None:
    assert generate.generated_files() == generate.generated_files()


def test_every_schema_is_a_valid_one_of_its_dialect_and_closed() -> None:
    for name, text in generate.schema_files().items():
        schema = json.loads(text)
        Draft202012Validator.check_schema(schema)
        assert (schema["$schema"], schema["$id"]) == (generate.DIALECT, name)
        assert schema["title"] == name.removesuffix(".schema.json")
        assert schema["description"]
        assert schema["additionalProperties"] is False


def test_a_field_with_an_alias_goes_by_it() -> None:
    schema = json.loads(generate.schema_files()["Rate.schema.json"])
    window = schema["$defs"]["Window"]["properties"]
    assert {"from", "pass", "fail"} <= set(window)
    assert "passed" not in window


def test_decimals_are_numbers_or_text_when_they_come_and_text_when_they_go() -> None:
    def types(file: str, *path: str) -> set[str]:
        node: Any = json.loads(generate.schema_files()[file])
        for step in path:
            node = node[step]
        return {part["type"] for part in node["anyOf"]}

    assert types("SampleTaken.schema.json", "properties", "quantity") == {"number", "string", "null"}
    assert types("Sample.schema.json", "properties", "quantity") == {"string", "null"}


def test_every_topic_is_a_channel_with_its_key_configuration_and_messages() -> None:
    described = yaml.safe_load(as_yaml(document()))
    assert list(described["channels"]) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        channel = described["channels"][topic.name]
        binding = channel["bindings"]["kafka"]
        assert (channel["address"], binding["partitions"]) == (topic.name, PARTITIONS)
        assert set(binding["topicConfiguration"]) == set(topic.config)
        for message in channel["messages"].values():
            assert message["bindings"]["kafka"]["key"]["description"] == topic.key
        assert set(channel["messages"]) == ({contract.__name__ for contract in topic.contracts} or {"DeadLetter"})


def test_every_payload_points_to_a_generated_file() -> None:
    files = generate.schema_files()
    for channel in document()["channels"].values():
        for message in channel["messages"].values():
            if "payload" in message:
                assert message["payload"]["schema"]["$ref"].removeprefix("./") in files


def test_operations_are_seen_from_samplewatch() -> None:
    operations = document()["operations"]
    assert operations["receive.lab.results.v1"]["action"] == "receive"
    assert operations["send.lab.verdicts.v1.lab_results"]["action"] == "send"
    assert "send.lab.results.v1" not in operations
    assert {name for name in operations if name.startswith("send.intake.receipts.v1")} == {
        f"send.intake.receipts.v1.{service}" for service in ("sampling", "lab_results", "alerts")
    }


def test_check_names_what_differs_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "GENERATED", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "Sample.schema.json").write_text("{}", "utf-8")
    (tmp_path / "left_over.json").write_text("{}", "utf-8")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    printed = capsys.readouterr().out
    assert "Sample.schema.json differs" in printed
    assert "left_over.json differs" in printed
    assert (tmp_path / "Sample.schema.json").read_text("utf-8") == "{}"
    assert generate.main([]) == 0
    assert not (tmp_path / "left_over.json").exists()
