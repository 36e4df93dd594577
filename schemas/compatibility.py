"""Whether the contracts of v1, as they now are, keep old readers and old writers working.

    python -m schemas.compatibility            compares with schemas/baseline/v1/
    python -m schemas.compatibility --accept   makes the present contracts the baseline, unless they break it

New readers must take what old writers write, and what is kept on the topics: that holds for every contract. Of what the
services write, old readers must also take what new writers write; readers ignore fields that they do not know. What
services keep in Redis by place is read by new services too, and by old ones beside them: there, fields are added last.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.asyncapi import schema_file
from schemas.generate import contracts, schema_files, write

BASELINE: Final = Path(__file__).parent / "baseline" / "v1"
Schema = Mapping[str, Any]

#: Keywords that bound a value: from below, and from above.
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")

#: Contracts, or parts of them, kept in Redis by place (services/sampling/packing.py, lab_results/store.py).
_BY_PLACE: Final = frozenset({"SampleTaken", "SampleReceived", "SampleVoided", "Party"})
#: Fields of those that are not kept.
_NOT_KEPT: Final = frozenset({"source", "event_id", "type"})


def breaks(old: Schema, new: Schema, *, incoming: bool) -> list[str]:
    """Why `new` breaks readers or writers of `old`: one "field: reason" each; empty where it does not.

    `incoming`: the contract is written outside and read here; else it is written here and read everywhere.
    """
    found = list(_Comparison(old, new, "new readers").fields("", old, new))
    if not incoming:
        found += _Comparison(new, old, "old readers").fields("", new, old)
    return [*found, *_misplaced(old, new)]


def _misplaced(old: Schema, new: Schema) -> Iterator[str]:
    """Fields that make what is kept by place unreadable."""
    before = {old.get("title"): old, **old.get("$defs", {})}
    for name, schema in {new.get("title"): new, **new.get("$defs", {})}.items():
        if name not in _BY_PLACE or name not in before:
            continue
        held = [field for field in before[name].get("properties", {}) if field not in _NOT_KEPT]
        now = [field for field in schema.get("properties", {}) if field not in _NOT_KEPT]
        if added := [field for field in now[: len(held)] if field not in held]:
            yield f"{name}.{added[0]}: services keep this by place: add it at the end"
        elif now[: len(held)] != held and set(held) <= set(now):
            yield f"{name}: services keep this by place: its fields changed places"


class _Comparison:
    """What the reader's schema refuses of what the writer's schema allows."""

    def __init__(self, writer: Schema, reader: Schema, readers: str) -> None:
        self._written: Mapping[str, Schema] = writer.get("$defs", {})
        self._read: Mapping[str, Schema] = reader.get("$defs", {})
        self._readers = readers

    def fields(self, path: str, writer: Schema, reader: Schema) -> Iterator[str]:
        """Differences of two objects' fields."""
        written: Mapping[str, Schema] = writer.get("properties", {})
        read: Mapping[str, Schema] = reader.get("properties", {})
        for name, field in written.items():
            here = f"{path}.{name}".removeprefix(".")
            if name in read:
                yield from self.values(here, field, read[name])
                # whoever leaves a field out means its default
                if self._readers == "new readers" and field.get("default") != read[name].get("default"):
                    yield f"{here}: its default changed"
            elif self._readers == "new readers":
                yield f"{here}: removed or renamed"
        for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
            yield f"{path}.{name}".removeprefix(".") + f": {self._readers} require it"

    def values(self, path: str, writer: Schema, reader: Schema) -> Iterator[str]:
        """Differences of what a field may hold: each alternative of the writer needs one of the reader."""
        accepted = _alternatives(reader, self._read)
        for alternative in _alternatives(writer, self._written):
            refusals = [list(self._alternative(path, alternative, candidate)) for candidate in accepted]
            if not any(not refusal for refusal in refusals):
                yield from min(refusals, key=lambda refusal: (any("type" in text for text in refusal), len(refusal)))

    def _alternative(self, path: str, writer: Schema, reader: Schema) -> Iterator[str]:
        kind, wanted = writer.get("type"), reader.get("type")
        if wanted is not None and kind != wanted and (kind, wanted) != ("integer", "number"):
            yield f"{path}: {self._readers} refuse the type {kind}"
            return
        if (allowed := _enumeration(reader)) is not None:
            possible = _enumeration(writer)
            if possible is None or (refused := [value for value in possible if value not in allowed]):
                yield f"{path}: {self._readers} refuse {'other values' if possible is None else refused}"
        for keyword in ("format", "pattern"):
            if keyword in reader and reader[keyword] != writer.get(keyword):
                yield f"{path}: {self._readers} want the {keyword} {reader[keyword]}"
        for keywords, sign in ((_LOWER, 1), (_UPPER, -1)):
            for keyword in keywords:
                bound, given = reader.get(keyword), writer.get(keyword)
                if bound is not None and (given is None or sign * given < sign * bound):
                    yield f"{path}: {self._readers} want {keyword} {bound}"
        yield from self._parts(path, writer, reader)

    def _parts(self, path: str, writer: Schema, reader: Schema) -> Iterator[str]:
        if "properties" in reader:
            yield from self.fields(path, writer, reader)
        for keyword in ("items", "additionalProperties"):
            if isinstance(reader.get(keyword), Mapping):
                yield from self.values(f"{path}.*", writer.get(keyword) or {}, reader[keyword])


def _enumeration(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> list[Schema]:
    """The schema's alternatives, with references followed. The contracts have no recursive types."""
    if "$ref" in schema:
        return _alternatives(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return [found for part in schema[keyword] for found in _alternatives(part, definitions)]
    return [schema]


def breaks_of_baseline(folder: Path) -> list[str]:
    """Every break between the baseline in `folder` and the models as they are."""
    present = schema_files()
    incoming = {schema_file(contract): from_outside for contract, from_outside in contracts()}
    found = []
    for path in sorted(folder.glob("*.schema.json")):
        if path.name not in present:
            found.append(f"{path.name}: the contract is gone")
            continue
        old, new = json.loads(path.read_text("utf-8")), json.loads(present[path.name])
        found += [f"{path.name}: {text}" for text in breaks(old, new, incoming=incoming[path.name])]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Prints the breaks and exits 1; with --accept and none, renews the baseline."""
    parser = argparse.ArgumentParser(prog="python -m schemas.compatibility", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="make the present contracts the baseline")
    options = parser.parse_args(arguments)
    found = breaks_of_baseline(BASELINE)
    for text in found:
        print(text)
    if found:
        print("A change that breaks readers or writers belongs into a new version of the topic.")
        return 1
    if options.accept:
        write(schema_files(), BASELINE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
