"""What commands print, refuse and find without a broker or a service."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

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
