"""Writes schemas/generated/: a JSON Schema for each contract, and the AsyncAPI document of the topics.

The JSON Schemas are those of writing: they refuse fields that the contract does not have. Of events from outside they
say what may be sent; of what the services write they say what will come.

    python -m schemas.generate [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from schemas.asyncapi import as_yaml, document, schema_file, written_inside
from schemas.topics import TOPICS
from schemas.values import Contract

GENERATED: Final = Path(__file__).parent / "generated"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def contracts() -> Iterator[tuple[type[Contract], bool]]:
    """(contract, whether it comes from outside) for every contract that travels on a topic."""
    for topic in TOPICS:
        for contract in topic.contracts:
            yield contract, not written_inside(topic)


def json_schema(contract: type[Contract], *, incoming: bool) -> dict[str, Any]:
    """The JSON Schema of writing `contract`. Decimals may come as numbers or text, and are written as text."""
    schema = contract.model_json_schema(by_alias=True, mode="validation" if incoming else "serialization")
    _forbid_unknown_fields(schema)
    return {"$schema": DIALECT, "$id": schema_file(contract), **schema}


def _forbid_unknown_fields(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
        for child in node.values():
            _forbid_unknown_fields(child)
    elif isinstance(node, list):
        for child in node:
            _forbid_unknown_fields(child)


def as_json(schema: dict[str, Any]) -> str:
    """The text of a schema file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def schema_files() -> dict[str, str]:
    """File name -> text of every contract's JSON Schema."""
    return {
        schema_file(contract): as_json(json_schema(contract, incoming=incoming)) for contract, incoming in contracts()
    }


def generated_files() -> dict[str, str]:
    """File name -> text of everything in schemas/generated/."""
    return {**schema_files(), "asyncapi.yaml": as_yaml(document())}


def differing(files: dict[str, str], folder: Path) -> list[str]:
    """The names of the files in `folder` that are not as in `files`: changed, missing or left over."""
    present = {path.name for path in folder.glob("*")}
    changed = {
        name for name, text in files.items() if name not in present or (folder / name).read_text("utf-8") != text
    }
    return sorted(changed | (present - set(files)))


def write(files: dict[str, str], folder: Path) -> None:
    """Makes `folder` hold exactly `files`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in differing(files, folder):
        if name in files:
            (folder / name).write_text(files[name], "utf-8")
        else:
            (folder / name).unlink()


def main(arguments: list[str] | None = None) -> int:
    """Writes the files, or with --check names those that differ from the contracts."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    options = parser.parse_args(arguments)
    files = generated_files()
    names = differing(files, GENERATED)
    if not options.check:
        write(files, GENERATED)
    for name in names:
        print(f"{GENERATED.name}/{name} {'differs from the contracts' if options.check else 'written'}")
    return 1 if options.check and names else 0


if __name__ == "__main__":
    sys.exit(main())
