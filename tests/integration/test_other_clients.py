"""Events from other clients: kafkajs with each codec that needs no native build, and keys hashed with CRC32."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import zlib
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.hostile import encoded, pair, reported, sample_id, taken
from tests.system import WAIT_S, Raw, System, unique

KAFKAJS = Path(__file__).with_name("kafkajs")
PAIRS = 10


def counted(system: System, region: str) -> int:
    return sum(row["pass"] for row in system.rates(cut="province", cell=region))


@pytest.fixture(scope="session")
def kafkajs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with publish.js and what it needs, from npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node is not installed")
    directory = tmp_path_factory.mktemp("kafkajs")
    for file in ("package.json", "package-lock.json", "publish.js"):
        shutil.copy(KAFKAJS / file, directory)
    command = ["npm", "install", "--no-audit", "--no-fund"]
    installed = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=2 * WAIT_S, check=False)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return directory


def publish(kafkajs: Path, system: System, codec: str, messages: list[dict[str, Any]]) -> None:
    order = {"bootstrap": system.bootstrap, "codec": codec, "messages": messages}
    done = subprocess.run(
        ["node", "publish.js"],
        cwd=kafkajs,
        input=json.dumps(order, ensure_ascii=False),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((KAFKAJS / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    wanted = json.loads((KAFKAJS / "package.json").read_text())["dependencies"]
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted


@pytest.mark.parametrize("codec", ["None", "GZIP", "Snappy", "ZSTD"])
def test_what_kafkajs_publishes_is_taken_like_any_other(system: System, kafkajs: Path, codec: str) -> None:
    kind, source = unique("样品"), f"/实验室/{unique('lims')}"
    messages: list[dict[str, Any]] = []
    for n in range(PAIRS):
        about = taken(kind, n, region=f"{kind}/城关区", product_name="手工拉面(牛肉)🍜")
        report = reported(kind, n)
        for topic, event in ((SAMPLING_EVENTS.name, about), (LAB_RESULTS.name, report)):
            named = {"ce_specversion": "1.0", "ce_type": event["type"], "ce_source": source, "ce_id": event["event_id"]}
            value = json.dumps(event, ensure_ascii=False)
            messages.append({"topic": topic, "key": event["sample_id"], "value": value, "headers": named})
    publish(kafkajs, system, codec, messages)
    system.wait_idle()
    assert counted(system, kind) == PAIRS
    receipts = system.receipts(source)
    assert len({receipt["receipt_id"] for receipt in receipts}) == len(receipts) == 2 * PAIRS
    assert {receipt["outcome"] for receipt in receipts} <= {"accepted", "parked"}
    assert {receipt["event_id"] for receipt in receipts} == {
        *(taken(kind, n)["event_id"] for n in range(PAIRS)),
        *(reported(kind, n)["event_id"] for n in range(PAIRS)),
    }
    assert {receipt["sample_id"] for receipt in receipts} == {sample_id(kind, n) for n in range(PAIRS)}
    page = system.get("sampling", "/samples/" + urllib.parse.quote(sample_id(kind, 0)))
    assert page["sample"]["product_name"] == "手工拉面(牛肉)🍜"


def test_events_of_a_producer_that_hashes_keys_with_crc32_are_forwarded_and_taken_once(system: System) -> None:
    kind = unique("crc")
    events = [raw for n in range(60) for raw in pair(kind, n)]
    sent = [Raw(raw.topic, raw.key, raw.value, raw.headers, zlib.crc32(raw.key or b"") % PARTITIONS) for raw in events]
    astray = [raw for raw in sent if raw.partition != home_of(raw.key or b"", PARTITIONS)]
    assert len(astray) > len(sent) / 2
    places = system.produce(sent)
    system.wait_idle()
    assert counted(system, kind) == 60
    receipts = system.receipts(f"/good/{kind}")
    answered = sorted((receipt["topic"], receipt["partition"], receipt["offset"]) for receipt in receipts)
    assert answered == sorted((place.topic, place.partition, place.offset) for place in places)
    assert {receipt["outcome"] for receipt in receipts} <= {"accepted", "parked"}


def test_a_bad_event_that_went_astray_is_answered_once(system: System) -> None:
    kind = unique("crc-bad")
    body = encoded(taken(kind, 1, stage="moon"))
    key = sample_id(kind, 1).encode()
    (place,) = system.produce([Raw(SAMPLING_EVENTS.name, key, body, (), (home_of(key, PARTITIONS) + 1) % PARTITIONS)])
    system.wait_idle()
    (receipt,) = system.receipts(taken(kind, 1)["source"])
    assert (receipt["outcome"], receipt["field"]) == ("rejected", "stage")
    assert (receipt["partition"], receipt["offset"]) == (place.partition, place.offset)
    assert len(system.records(f"{SAMPLING_EVENTS.name}.dlq", key.decode())) == 1
