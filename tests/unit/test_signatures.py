"""Laboratories' signatures: any changed byte is refused, and the intake answers with the field."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import binary_headers
from schemas.results import RESULT_EVENT
from schemas.topics import LAB_RESULTS
from services.lab_results.facts import facts_of, screen
from services.runtime.intake import Intake, Reading, Refused, Taken
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.runtime.signatures import (
    HEADER,
    SIGNED_HEADERS,
    BadKey,
    BadRegistry,
    Laboratory,
    RegisteredKey,
    Registry,
    Signer,
    load_registry,
)
from tests.events import result

FIRST, SECOND = Ed25519PrivateKey.from_private_bytes(b"1" * 32), Ed25519PrivateKey.from_private_bytes(b"2" * 32)
ALWAYS = (0, 2**63)
REGISTRY = Registry(
    {
        "lab-1": Laboratory([RegisteredKey(FIRST.public_key(), *ALWAYS)], frozenset({"/lims/1"})),
        "lab-2": Laboratory([RegisteredKey(SECOND.public_key(), *ALWAYS)], frozenset({"/lims/2"})),
    }
)
TOPIC, ARRIVED = LAB_RESULTS.name, 1_710_000_000_000


@dataclasses.dataclass(frozen=True)
class Sent:
    """A record as the intake gets it."""

    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: bytes = b"S-1"
    topic: str = TOPIC
    partition: int = home_of(b"S-1", PARTITIONS)
    offset: int = 7
    timestamp: int = ARRIVED


def signed(signer: Signer, source: str = "/lims/1", **event: Any) -> Sent:
    value = json.dumps(result("S-1", event.pop("lab_id", "lab-1")) | event).encode()
    headers = binary_headers(type="ResultReported", source=source, event_id="e1")
    return Sent(value, (*headers, signer.header(TOPIC, b"S-1", headers, value)))


ONE = Signer("lab-1", FIRST)


def read(record: Sent, registry: Registry | None = REGISTRY) -> Any:
    intake = Intake(
        LAB_RESULTS, "lab_results", Reading(RESULT_EVENT, screen=screen, facts=facts_of, laboratories=registry)
    )
    [found] = intake.decode([record])  # type: ignore[list-item]
    return found


def refused(record: Sent, registry: Registry = REGISTRY) -> str:
    found = read(record, registry)
    assert isinstance(found, Refused), found
    return found.field


def verdict(record: Sent, topic: str = TOPIC, registry: Registry = REGISTRY) -> tuple[str, str] | None:
    return registry.refusal(topic, record.key, record.headers, record.value, record.timestamp, "lab-1", "/lims/1")


def test_what_a_laboratory_signed_is_taken() -> None:
    assert isinstance(read(signed(ONE)), Taken)
    assert verdict(signed(ONE)) is None


def test_without_a_registry_no_signature_is_asked_for() -> None:
    bare = dataclasses.replace(signed(ONE), headers=signed(ONE).headers[:-1])
    assert isinstance(read(bare, None), Taken)
    assert refused(bare) == HEADER


def test_a_laboratory_cannot_report_as_another() -> None:
    assert refused(signed(ONE, lab_id="lab-2")) == "lab_id"
    assert refused(signed(Signer("lab-2", FIRST), lab_id="lab-2", source="/lims/2")) == HEADER
    assert refused(signed(Signer("lab-3", FIRST))) == HEADER


def test_a_laboratory_cannot_name_anothers_source() -> None:
    assert refused(signed(ONE, source="/lims/2")) == "source"


_PARTS = st.sampled_from(["value", "key", *(name for name, _ in signed(ONE).headers)])


@given(part=_PARTS, place=st.integers(0, 10_000), change=st.integers(1, 255))
def test_any_changed_byte_is_refused(part: str, place: int, change: int) -> None:
    record = signed(ONE)

    def spoilt(content: bytes) -> bytes:
        at = place % len(content)
        return content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]

    if part in ("value", "key"):
        record = dataclasses.replace(record, **{part: spoilt(getattr(record, part))})
    else:
        headers = tuple((name, spoilt(content) if name == part else content) for name, content in record.headers)
        record = dataclasses.replace(record, headers=headers)
    assert verdict(record) is not None


@given(name=st.sampled_from(SIGNED_HEADERS), content=st.binary(max_size=4))
def test_headers_put_in_taken_out_or_repeated_are_refused(name: str, content: bytes) -> None:
    record = signed(ONE)
    without = tuple(each for each in record.headers if each[0] != name)
    assert verdict(dataclasses.replace(record, headers=without)) is not None
    if dict(record.headers)[name] != content:
        assert verdict(dataclasses.replace(record, headers=(*record.headers, (name, content)))) is not None
    structured = Sent(b'{"specversion": "1.0"}', ())
    sealed = dataclasses.replace(structured, headers=(ONE.header(TOPIC, structured.key, (), structured.value),))
    assert verdict(sealed) is None
    assert verdict(dataclasses.replace(sealed, headers=((name, content), *sealed.headers))) is not None


@given(cut=st.integers(1, 30))
def test_bytes_cannot_move_between_parts_or_topics(cut: int) -> None:
    record = signed(ONE)
    moved = dataclasses.replace(record, key=record.key + record.value[:cut], value=record.value[cut:])
    assert verdict(moved) is not None
    assert verdict(record, "sampling.events.v1") is not None


def test_keys_are_good_for_their_time_of_arrival_only() -> None:
    keys = [RegisteredKey(FIRST.public_key(), 0, ARRIVED), RegisteredKey(SECOND.public_key(), ARRIVED, 2**63)]
    registry = Registry({"lab-1": Laboratory(keys, frozenset({"/lims/1"}))}, since=ARRIVED - 10)
    new = Signer("lab-1", SECOND)
    assert verdict(dataclasses.replace(signed(ONE), timestamp=ARRIVED - 1), registry=registry) is None
    assert verdict(signed(ONE), registry=registry) is not None
    assert verdict(signed(new), registry=registry) is None
    assert verdict(dataclasses.replace(signed(new), timestamp=ARRIVED - 1), registry=registry) is not None
    unsigned = dataclasses.replace(signed(ONE), headers=(), timestamp=ARRIVED - 11)
    assert verdict(unsigned, registry=registry) is None


def entry(key: Ed25519PrivateKey, source: str, **more: str) -> dict[str, Any]:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return {"sources": [source], "keys": [{"key": public, **more}]}


def write(path: Path, **laboratories: Any) -> Path:
    path.write_text(json.dumps({"laboratories": laboratories}))
    return path


def test_a_registry_is_read_from_its_file(tmp_path: Path) -> None:
    file = write(tmp_path / "laboratories.yaml", **{"lab-1": entry(FIRST, "/lims/1")})
    assert verdict(signed(ONE), registry=load_registry(file)) is None
    late = write(file, **{"lab-1": entry(FIRST, "/lims/1", **{"from": "2026-01-01T00:00:00+08:00"})})
    assert verdict(signed(ONE), registry=load_registry(late)) is not None


@pytest.mark.parametrize(
    "laboratories",
    [
        {"lab-1": {"sources": ["/a"]}},
        {"lab-1": {"sources": ["/a"], "keys": [{"key": "AAAA"}]}},
        {"lab-1": entry(FIRST, "/a", until="2026-01-01")},
        {"lab-1": entry(FIRST, "/a", till="2026-01-01T00:00:00+08:00")},
        {"lab-1": entry(FIRST, "/a"), "lab-2": entry(SECOND, "/a")},
        {"lab-1": entry(FIRST, "/a"), "lab-2": entry(FIRST, "/b")},
    ],
)
def test_a_registry_that_cannot_be_used_says_so(tmp_path: Path, laboratories: dict[str, Any]) -> None:
    with pytest.raises(BadRegistry, match=r"laboratories\.yaml"):
        load_registry(write(tmp_path / "laboratories.yaml", **laboratories))


@pytest.mark.parametrize("since", ["2026-13-01T00:00:00+08:00", "'2026-13-01T00:00:00+08:00'"])
def test_a_registry_with_an_impossible_date_says_so(tmp_path: Path, since: str) -> None:
    file = write(tmp_path / "laboratories.yaml", **{"lab-1": entry(FIRST, "/lims/1")})
    file.write_text(f"since: {since}\nlaboratories: {json.loads(file.read_text())['laboratories']}\n")
    with pytest.raises(BadRegistry, match=r"laboratories\.yaml"):
        load_registry(file)


def test_the_laboratories_page_signs_in_the_same_way() -> None:
    page = (Path(__file__).parents[2] / "docs/laboratories.md").read_text(encoding="utf-8")
    [code] = [block for block in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "def signature(" in block]
    names: dict[str, Any] = {"SOURCE": "/lims/1"}
    exec(code, names)
    record = signed(ONE)
    headers = record.headers[:-1]
    assert names["signature"](FIRST, "lab-1", TOPIC, record.key, headers, record.value) == record.headers[-1]


def test_a_file_that_is_no_key_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "lab.pem").write_text("secret-words")
    with pytest.raises(BadKey) as error:
        Signer.from_file("lab-1", tmp_path / "lab.pem")
    assert "secret-words" not in str(error.value)
