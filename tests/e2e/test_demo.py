"""`samplewatch demo`: everything comes out as the ground truth says, and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.process import spawn
from deploy.embedded.state import lock_held
from services.cli.demo_checks import checks
from services.cli.demo_input import LABORATORY_DATA, Truth
from services.cli.demo_watch import Receipt, Standing, Watch
from tests.ports import choose_ports
from tests.system import COMMAND, SERVICES, WAIT_S

_SAMPLES = 300


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of the demo; with the servers that it must not write to."""
    registry = tmp_path / "run"
    registry.mkdir()
    elsewhere = {"SAMPLEWATCH_KAFKA": "127.0.0.1:1", "SAMPLEWATCH_REDIS": "redis://127.0.0.1:1/0"}
    return {**os.environ, **elsewhere, "XDG_RUNTIME_DIR": str(registry)}


def demo(directory: Path, *words: str) -> list[str]:
    return [str(COMMAND), "demo", "--samples", str(_SAMPLES), "--dir", str(directory), *words]


def processes_of(directory: Path) -> Iterator[str]:
    """The command line of every process that has the directory in it."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(directory) in line:
            yield line


def all_ok(summary: dict[str, Any]) -> bool:
    return bool(summary["ok"]) and all(check["ok"] for check in summary["ground_truth"])


def test_demo_sums_up_compares_and_stops_everything(tmp_path: Path, env: dict[str, str]) -> None:
    directory = tmp_path / "demo"
    choose_ports(directory, *SERVICES)  # as if an earlier demo had been there
    done = subprocess.run(demo(directory), env=env, capture_output=True, text=True, timeout=2 * WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every count is as the ground truth says" in done.stdout
    assert "to look further:" in done.stdout
    assert not lock_held(directory)
    assert sys.platform != "linux" or list(processes_of(directory)) == []

    summary = json.loads((directory / "summary.json").read_text())
    assert all_ok(summary)
    assert (summary["samples"], summary["seed"]) == (_SAMPLES, 1)
    assert sum(summary["receipts"].values()) == summary["events"] == sum(summary["inputs"].values())
    assert summary["answers"] == summary["receipts"]
    assert len(summary["inputs"]) == 1 + LABORATORY_DATA.exists()
    assert {row["domain"] for row in summary["rates"]} >= {"food", "food_rapid", "product"}
    assert summary["newest_alerts"]
    assert summary["seconds"]["total"] > summary["seconds"]["start"] > 0
    assert {"samplewatch", "kafka", "python"} <= set(summary["versions"])


def test_kept_demo_runs_until_it_is_told_to_stop(tmp_path: Path, env: dict[str, str]) -> None:
    directory, out = tmp_path / "demo", tmp_path / "kept.log"
    choose_ports(directory, *SERVICES)
    kept = spawn("kept", demo(directory, "--keep"), logs=tmp_path, env=env)
    try:
        deadline = time.monotonic() + 2 * WAIT_S
        while "everything runs" not in out.read_text():
            assert kept.poll() is None and time.monotonic() < deadline, out.read_text()
            time.sleep(0.2)
        assert lock_held(directory)
        again = subprocess.run(demo(directory), env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
        assert again.returncode != 0 and "is running" in again.stderr
        kept.send_signal(signal.SIGTERM)
        assert kept.wait(WAIT_S) == 0, out.read_text()
    finally:
        kept.kill()
        kept.wait()
    assert not lock_held(directory)
    assert sys.platform != "linux" or list(processes_of(directory)) == []


def test_demo_removes_no_directory_that_holds_anything_else(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(demo(tmp_path), env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode != 0 and "holds mine.txt" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def one_failed_sample(**wrong: Any) -> list[str]:
    """What the checks find amiss where one sample has failed, and the truth says so but for `wrong`."""
    watch = Watch("nowhere")
    watch.receipts = {"r-1": Receipt("synthetic:a", "accepted"), "r-2": Receipt("other", "rejected")}
    watch.verdicts = {"S": Standing(1, "synthetic:lab", "fail", "S"), "T": Standing(1, "other", "pass", "T")}
    watch.alerts = {
        "A": Standing(1, "synthetic:lab", "raised", "S"),
        "B": Standing(2, "synthetic:lab", "cancelled", "S"),
    }
    row = {"domain": "food", "plan": "supervision", "pass": 0, "fail": 1, "inconclusive": 0}

    def ask(service: str, _path: str, parameters: dict[str, Any]) -> Any:
        if service == "alerts":
            return [{"state": "raised"}, {"state": "cancelled"}]
        return {"rates": [{**row, "cell": parameters.get("cell", "621002")}]}

    counts = {("food", "supervision"): Counter(fail=1)}
    told: dict[str, Any] = {
        "events": 1,
        "duplicates": 0,
        "failed_samples": 1,
        "alerts": 1,
        "programmes": counts,
        "counties": {name: {"621002": of} for name, of in counts.items()},
        "months": {name: {"2025-03": of} for name, of in counts.items()},
    }
    truth = Truth("one", "6210", "synthetic:", **{**told, **wrong})
    return [check.what for check in checks(truth, watch, ask) if not check.ok]


def test_checks_find_what_differs_from_the_truth() -> None:
    assert one_failed_sample() == []
    assert one_failed_sample(events=2) == ["one receipt for each event"]
    assert one_failed_sample(duplicates=1) == ["events answered as duplicates"]
    assert one_failed_sample(alerts=2) == ["standing alerts on alerts.events.v1", "standing alerts of GET /alerts"]
    other = {("food", "supervision"): {"2025-03": Counter({"pass": 1})}}
    assert one_failed_sample(months=other) == ["rates of 1 months by programme"]
    elsewhere = {("food", "special"): {"621002": Counter(fail=1)}}
    assert one_failed_sample(counties=elsewhere) == ["rates of each county by programme"]
