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
from services.cli import audit_commands
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
