"""What commands print, refuse and find without a broker or a service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.embedded.registry import register
from deploy.embedded.state import acquire_lock, release_lock, state_path, write_json
from services.cli import alerts_orders, audit_commands, hotspots_commands
from services.cli.csv_rows import csv_rows
from services.cli.main import main


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is named, so that none that runs is found."""
    monkeypatch.delenv("SAMPLEWATCH_DIR", raising=False)
    monkeypatch.setenv("SAMPLEWATCH_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SAMPLEWATCH_REDIS", "redis://127.0.0.1:1/0")


def run(*words: str, **options: Any) -> Result:
    return CliRunner().invoke(main, words, **options)


def test_the_audit_is_printed_as_it_is_and_not_as_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"arrived_at": "t", "place": "p", "by": r"\[red]x", "type": "Act", "alert_id": "a", "outcome": "accepted"}
    said = {**row, "reason": None, "command": {"action": "[/] gone"}}
    monkeypatch.setattr(audit_commands, "_commands", lambda *_: iter([said]))
    done = run("audit")
    assert r"\[red]x" in done.output and "action [/] gone" in done.output, done.output


@pytest.fixture
def other_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance that runs on the machine, on a broker of its own."""
    runtime, directory = tmp_path / "run", tmp_path / "other"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    lock = acquire_lock(directory)
    parts = {"pid": os.getpid(), "bootstrap": "127.0.0.1:2", "redis": "redis://127.0.0.1:2/0", "services": {}}
    write_json(state_path(directory), parts)
    register(directory)
    yield directory
    release_lock(lock)


def test_status_shows_what_the_addresses_name_before_what_happens_to_run(other_instance: Path) -> None:
    done = json.loads(run("status", "--json").stdout)
    assert (done["dir"], done["bootstrap"], done["running"]) == (None, "127.0.0.1:1", False)
    done = json.loads(run("status", "--json", "--dir", str(other_instance)).stdout)
    assert (done["dir"], done["bootstrap"], done["running"]) == (str(other_instance), "127.0.0.1:2", True)


def test_status_shows_the_only_instance_where_nothing_is_named(
    other_instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAMPLEWATCH_KAFKA")
    assert json.loads(run("status", "--json").stdout)["dir"] == str(other_instance)


def test_down_stops_nothing_that_uses_another_broker(other_instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("something was stopped"))
    done = run("down")
    assert (done.exit_code, done.output) == (0, "nothing that `samplewatch up` started here uses 127.0.0.1:1\n")


PLACES = "place,x,y,population,cases\n庆阳,1,2,300,3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_is_read_in_the_encodings_that_spreadsheets_write(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("identity,name\r\nL1,庆阳\r\nL2\r\n".encode(encoding))
    assert list(csv_rows(file, ("name", "identity"))) == [(2, ["庆阳", "L1"]), (3, ["", "L2"])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLACES.encode() + b"x,1,2\n", "line 3"),
        (PLACES.encode() + b"\xff\xff\xff", "neither UTF-8 nor GB 18030"),
        (b"place,x\n", "column y is missing"),
    ],
)
def test_a_csv_that_cannot_be_read_is_told_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_bytes(content)
    done = run("hotspots", "scan", str(file))
    assert done.exit_code == 1 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


PLAN = ("plan", "--budget", "5", "--seed", "s", "--period")


@pytest.mark.parametrize(
    "words",
    [
        (*PLAN, "0001Q1"),
        (*PLAN, "9999Q4"),
        (*PLAN, "2027Q5"),
        ("hotspots", "list", "--quarter", "2026Q9"),
        ("hotspots", "evaluate", "--mean", "nan"),
        ("alerts", "watch", "--severity", "severe"),
        ("alerts", "watch", "--kind", "nope"),
        ("deadlines", "due", "--rule", "food_report", "--from", "9999-12-30"),
        ("capacity", "--samples-per-day", "nan"),
        ("capacity", "--samples-per-day", "inf"),
        ("backup", "create", "made", "--margin", "nan"),
        ("backup", "create", "made", "--margin", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_its_option(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2 and "Error: Invalid value for " in done.stderr, (done.stderr, done.exception)


def test_addresses_and_files_that_cannot_be_used_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_commands, "_commands", lambda *_: "庆阳".encode("gb18030").decode())
    done = run("audit")
    assert done.exit_code == 1 and done.stderr.startswith("Error: a file that has to be UTF-8 text is not")
    monkeypatch.setenv("SAMPLEWATCH_KAFKA", "a:b:c")
    done = run("topics", "check")
    assert done.exit_code == 1 and done.stderr.startswith("Error: SAMPLEWATCH_KAFKA is 'a:b:c'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("act", "--action", ""),
        ("verify", "--finding", " "),
        ("close", "--reason", "\u3000"),
        ("silence", "--until", "2026-05-08T09:00:00+08:00", "--reason", "\n"),
    ],
)
def test_what_settles_an_alert_says_something(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_orders, "Publisher", lambda *_: pytest.fail("it is sent"))
    done = run("alerts", words[0], "05-x", *words[1:])
    assert done.exit_code == 2 and "it is blank" in done.stderr, (done.stderr, done.exception)


def test_a_cut_that_the_detector_does_not_have_is_told_and_one_without_levels_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(_directory: Any, _service: str, _path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        quiet = parameters["cut"] == "county" and parameters.get("level") == "none"
        return {"hotspots": [{}] if quiet else [], "confirmed_from": None, "overdispersion": {}}

    monkeypatch.setattr(hotspots_commands, "ask", ask)
    done = run("hotspots", "list", "--cut", "x")
    assert done.exit_code == 1 and "no cell of a cut 'x'" in done.stderr
    assert run("hotspots", "list", "--cut", "county").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [("simulate", "--misconduct", "lab-nobody", "repeated_values"), ("integrity", "evaluate", "--laboratory", "lab-x")],
)
def test_a_laboratory_that_the_simulator_does_not_have_is_refused(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2 and "lab-qy3" in done.output, done.output
