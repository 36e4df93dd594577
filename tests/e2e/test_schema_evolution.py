"""The drill of docs/upgrade.md: producers and services of v1 beside those of a v1.1 that has two fields more.

v1.1 is this program, copied and changed as its next release would be. A change that breaks readers or writers is
refused before it can be released.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.process import is_alive
from schemas.topics import CONSUMED, SAMPLES, VERDICTS
from tests.chaos.runs import wipe
from tests.events import FAILED_ITEM, Event, amended, binary, result, sample_taken, voided
from tests.system import ROOT, SERVICES, WAIT_S, Raw, System, unique

_LAST_OF_A_SAMPLE = "    imported_cold_chain: bool = False\n"
_LAST_OF_A_REPORT = """    conclusion: Outcome = Field(
        description="结论: follows from the items where there are any; a failure names its item"
    )
"""
#: What v1.1 adds: (file, after which lines, what).
V1_1 = (
    ("schemas/sampling.py", _LAST_OF_A_SAMPLE, '    storage: Text | None = Field(None, description="储存条件")\n'),
    ("schemas/results.py", _LAST_OF_A_REPORT, '    instrument: Text | None = Field(None, description="仪器")\n'),
)
SAMPLES_EACH = 120
#: Of each producer's samples, every sixth fails.
FAILED_EACH = SAMPLES_EACH // 6


def tree_with(folder: Path, *changes: tuple[str, str, str], instead: bool = False) -> Path:
    """A copy of the program in which something follows, or stands in the place of, some lines."""
    for name in ("schemas", "services", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, lines, more in changes:
        text = (folder / name).read_text("utf-8")
        assert text.count(lines) == 1, f"{name} has changed: say anew where a field is added"
        (folder / name).write_text(text.replace(lines, more if instead else lines + more), "utf-8")
    return folder


def run_in(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=tree, capture_output=True, text=True, timeout=WAIT_S, check=False
    )


@pytest.fixture(scope="module")
def v1_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tree_with(tmp_path_factory.mktemp("release") / "v1.1", *V1_1)
    assert run_in(tree, "schemas.generate").returncode == 0
    return tree


def test_optional_fields_are_compatible(v1_1: Path) -> None:
    checked = run_in(v1_1, "schemas.compatibility")
    assert (checked.returncode, checked.stdout) == (0, "")
    written = json.loads((v1_1 / "schemas" / "generated" / "Sample.schema.json").read_text("utf-8"))
    assert "storage" in written["properties"] and "storage" not in written["required"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            [("schemas/sampling.py", _LAST_OF_A_SAMPLE, "    storage: Text\n" + _LAST_OF_A_SAMPLE)],
            ["SampleTaken.schema.json: storage: new readers require it"],
            id="required",
        ),
        pytest.param(
            [("schemas/sampling.py", _LAST_OF_A_SAMPLE, "    cold_chain: bool = False\n")],
            ["SampleTaken.schema.json: imported_cold_chain: removed or renamed"],
            id="renamed",
        ),
        pytest.param(
            [("schemas/sampling.py", _LAST_OF_A_SAMPLE, "    storage: Text | None = None\n" + _LAST_OF_A_SAMPLE)],
            ["SampleTaken.schema.json: SampleTaken.storage: services keep this by place: add it at the end"],
            id="between",
        ),
    ],
)
def test_an_incompatible_change_is_refused(tmp_path: Path, changes: list[Any], said: list[str]) -> None:
    tree = tree_with(tmp_path / "broken", *changes, instead=True)
    checked = run_in(tree, "schemas.compatibility", "--accept")
    assert checked.returncode == 1
    assert set(said) <= set(checked.stdout.splitlines()), checked.stdout
    assert "belongs into a new version of the topic" in checked.stdout


class World:
    """v1 with its Kafka and Redis, v1.1 on them, and what producers of both have sent."""

    def __init__(self, old: System, new: System) -> None:
        self.old, self.new = old, new
        self.lab = unique("lab")
        self.sources = {"v1": unique("/v1"), "v1.1": unique("/v1.1")}
        self.ids = {version: [unique() for _ in range(SAMPLES_EACH)] for version in self.sources}
        self.sent: dict[str, list[str]] = {version: [] for version in self.sources}

    def event(self, version: str, body: Event) -> Raw:
        """An event as a producer of that version sends it."""
        more = {}
        if version == "v1.1":
            more = {"SampleTaken": {"storage": "冷藏"}}.get(body["type"], {"instrument": "GC-MS 7"})
            more = {} if body["type"] == "SampleVoided" else more
        self.sent[version].append(unique("e"))
        return binary({**body, **more}, self.sources[version], self.sent[version][-1])

    def report(self, version: str, number: int) -> Event:
        """The first report of a sample."""
        items = [FAILED_ITEM] if number % 6 == 0 else []
        return result(self.ids[version][number], self.lab, *items)

    def produce(self, make: Any, numbers: range = range(SAMPLES_EACH)) -> None:
        """One event of each producer for each number, in turn."""
        self.old.produce([self.event(version, make(version, number)) for number in numbers for version in self.ids])

    def check_answers(self) -> None:
        """Every event was taken, and answered once; nothing is a dead letter."""
        for version, source in self.sources.items():
            receipts = {one["receipt_id"]: one for one in self.new.receipts(source)}
            assert {one["outcome"] for one in receipts.values()} <= {"accepted", "parked"}
            assert sorted(one["event_id"] for one in receipts.values()) == sorted(self.sent[version])
        for topic in CONSUMED:
            assert not sum(self.new.ends(topic.dead_letters).values()), f"dead letters of {topic.name}"

    def check_counts(self, system: System, passed: int, failed: int) -> None:
        """What counts for the laboratory, and that exactly the failed samples have alerts."""
        [row] = system.rates(cut="laboratory", cell=self.lab)
        assert (row["pass"], row["fail"]) == (passed, failed)

    def open_alerts(self, system: System) -> set[str]:
        """The samples that have an alert which was not cancelled."""
        found = [one["sample_id"] for one in system.alerts() if one["state"] != "cancelled"]
        assert len(found) == len(set(found))
        return set(found)

    def samples(self) -> dict[str, dict[str, Any]]:
        """Each sample as it was last published."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.new.messages(SAMPLES.name):
            if one["revision"] >= found.get(one["sample_id"], one)["revision"]:
                found[one["sample_id"]] = one
        return found

    def with_storage(self) -> set[str]:
        """The samples that are published with v1.1's field."""
        return {name for name, one in self.samples().items() if one.get("storage") == "冷藏"}


@pytest.fixture
def world(v1_1: Path, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as running:
        old = System(tmp_path / "old")
        running.callback(old.end)
        old.up()
        # what was published without the new fields is to be published with them
        code = {"PYTHONPATH": str(v1_1), "PYTHONSAFEPATH": "1", "SAMPLEWATCH_REPUBLISH": "1"}
        new = System(tmp_path / "new", {**code, "SAMPLEWATCH_KAFKA": old.bootstrap, "SAMPLEWATCH_REDIS": old.redis})
        running.callback(new.end)
        new.up()
        yield World(old, new)


def stop_services(system: System) -> None:
    """SIGTERM to each in turn; its Kafka and Redis go on."""
    for name in SERVICES:
        pid = system.services[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        system.eventually(lambda pid=pid: not is_alive(pid), f"{name} has ended")
        system.eventually(lambda name=name: system.services[name].exit == 0, f"{name} ended well")


def test_two_releases_side_by_side_and_back(world: World, tmp_path: Path) -> None:
    old, new, ids = world.old, world.new, world.ids
    everybody = set(ids["v1"]) | set(ids["v1.1"])
    # both releases in each group, both kinds of producers
    world.produce(lambda version, number: sample_taken(ids[version][number]))
    world.produce(world.report)
    new.wait_idle()
    world.check_answers()
    passed, failed = 2 * (SAMPLES_EACH - FAILED_EACH), 2 * FAILED_EACH
    for system in (old, new):
        world.check_counts(system, passed, failed)
    assert {one["sample_id"] for one in new.messages(VERDICTS.name)} == everybody
    grave = {ids[version][number] for version in ids for number in range(0, SAMPLES_EACH, 6)}
    assert world.open_alerts(old) == world.open_alerts(new) == grave
    # v1 passes over the field that it does not know; v1.1 keeps it
    kept = world.with_storage()
    assert set() < kept < set(ids["v1.1"])

    # whoever writes with `samplewatch publish` is told of a field that this release does not know
    line = json.dumps({**sample_taken(unique()), "storage": "冷藏"}, ensure_ascii=False)
    words = ("publish", "samples", "-", "--source", unique("/cli"))
    refused = old.cli(*words, stdin=line, check=False)
    assert refused.returncode == 1 and "storage" in refused.stdout and "not a field of this contract" in refused.stdout
    new.cli(*words, stdin=line)

    # the last process of v1 goes: v1.1 goes on with what v1 has kept, and the reverse is tried below
    stop_services(old)
    amend = range(0, SAMPLES_EACH, 12)
    world.produce(lambda version, number: amended(world.report(version, number)), amend)
    world.produce(lambda version, number: received(ids[version][number], world.lab))
    new.wait_idle()
    world.check_answers()
    world.check_counts(new, passed + 2 * len(amend), failed - 2 * len(amend))
    grave -= {ids[version][number] for version in ids for number in amend}
    assert world.open_alerts(new) == grave
    assert {one["status"] for name, one in world.samples().items() if name in everybody} == {"received"}
    assert world.with_storage() & everybody == kept, "what v1.1 had kept is still there"

    # what v1 passed over is on its topic: a rebuild by v1.1 alone brings it
    wipe(new)
    new.wait_idle()
    assert world.with_storage() & everybody == set(ids["v1.1"])
    world.check_counts(new, passed + 2 * len(amend), failed - 2 * len(amend))

    # and back to v1, which reads what v1.1 has kept
    old.cli("up")
    stop_services(new)
    void = range(1, SAMPLES_EACH, 6)
    world.produce(lambda version, number: voided(ids[version][number]), void)
    old.wait_idle()
    world.check_answers()
    world.check_counts(old, passed + 2 * len(amend) - 2 * len(void), failed - 2 * len(amend))
    assert world.open_alerts(old) == grave
    statuses = {name: one["status"] for name, one in world.samples().items()}
    assert {statuses[ids[version][number]] for version in ids for number in void} == {"voided"}


def received(sample_id: str, lab_id: str) -> Event:
    """The laboratory has it."""
    return {
        "type": "SampleReceived",
        "sample_id": sample_id,
        "lab_id": lab_id,
        "received_at": "2024-02-21T09:30:00+08:00",
    }
