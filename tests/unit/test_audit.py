"""No command is kept out of the audit log, or from those who look for names, by what its sender writes beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.topics import ALERT_COMMANDS, RECEIPTS
from services.cli import audit_commands, redact_commands

TOPIC = ALERT_COMMANDS.name


def command(partition: int, offset: int, at: int, event_id: str, origin: bytes | str | None = "none") -> Any:
    body = {"type": "Acknowledge", "alert_id": "3-a", "by": "zhang.san", "source": "/x", "event_id": event_id}
    headers = [] if origin == "none" else [("sw_origin", origin)]
    value = json.dumps(body).encode()
    return SimpleNamespace(
        topic=TOPIC, partition=partition, offset=offset, timestamp=at, key=b"3-a", value=value, headers=headers
    )


def listed(monkeypatch: pytest.MonkeyPatch, *records: Any) -> list[tuple[str, str]]:
    def records_since(_: str, topic: str, __: datetime | None) -> Iterator[Any]:
        yield from records if topic == TOPIC else ()

    monkeypatch.setattr(audit_commands, "records_since", records_since)
    rows = audit_commands._commands("broker", None, False)
    return sorted((row["place"].removeprefix(f"{TOPIC}-"), row["event_id"]) for row in rows)


def test_a_command_that_was_sent_on_is_listed_once_where_it_came_in(monkeypatch: pytest.MonkeyPatch) -> None:
    first, sent_on = command(5, 2, 10, "e"), command(3, 7, 11, "e", b"5-2")
    again = command(3, 9, 12, "e", b"5-2")
    assert listed(monkeypatch, again, sent_on, first) == [("5-2", "e")]


@pytest.mark.parametrize("origin", [b"5-2", b"5-99", b"x", b"\xff", b"3-7", None])
def test_a_command_that_only_says_that_it_was_sent_on_is_listed(
    origin: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listed(monkeypatch, command(5, 2, 10, "e"), command(3, 7, 11, "other", origin)) == [
        ("3-7", "other"),
        ("5-2", "e"),
    ]


def test_of_two_commands_that_name_each_other_one_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for late in (10, 11):
        records = command(5, 2, 10, "e", b"3-7"), command(3, 7, late, "e", b"5-2")
        assert len(listed(monkeypatch, *records)) == 1


def test_names_are_found_in_commands_that_say_that_they_were_sent_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        redact_commands, "records_since", lambda *_: (each for each in [command(3, 7, 11, "e", b"5-2")])
    )
    assert [body["by"] for body in redact_commands._bodies("broker", TOPIC)] == ["zhang.san"]


def test_an_answer_is_that_of_the_command_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def receipt(event_id: str, outcome: str) -> Any:
        said = {"topic": TOPIC, "receipt_id": f"{TOPIC}-5-2", "source": "/x", "event_id": event_id, "outcome": outcome}
        return SimpleNamespace(value=json.dumps(said).encode())

    kept = {TOPIC: [command(5, 2, 10, "e")], RECEIPTS.name: [receipt("other", "rejected"), receipt("e", "accepted")]}
    monkeypatch.setattr(audit_commands, "records_since", lambda _, topic, __: (each for each in kept[topic]))
    [row] = audit_commands._commands("broker", None, False)
    assert row["outcome"] == "accepted"
