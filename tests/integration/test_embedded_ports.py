"""A port that is free when it is chosen may be somebody else's by the time a server listens on it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import deploy.embedded.lineup
from deploy.embedded.lineup import ComponentError, Lineup
from deploy.embedded.ports import Ports
from deploy.embedded.state import acquire_lock, release_lock


@contextlib.contextmanager
def lineup(directory: Path) -> Iterator[Lineup]:
    """Kafka and Redis without services."""
    lock = acquire_lock(directory)
    made = Lineup(directory, [], lock, changed=lambda: None, pause=time.sleep)
    try:
        yield made
    finally:
        made.stop()
        release_lock(lock)


def test_servers_whose_ports_were_taken_meanwhile_get_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as thieves:
        stolen: dict[str, int] = {}

        class Contested(Ports):
            def get(self, name: str) -> int:
                port = super().get(name)
                if name not in stolen:
                    thief = thieves.enter_context(socket.socket())
                    thief.bind(("127.0.0.1", port))
                    thief.listen()
                    stolen[name] = port
                return port

        monkeypatch.setattr(deploy.embedded.lineup, "Ports", Contested)
        with lineup(tmp_path) as started:
            started.start_missing()
            state = started.state()
            assert state["kafka_pid"] and state["redis_pid"]
        assert stolen.keys() == {"kafka", "kafka-controller", "redis"}
        assert not {name for name, port in stolen.items() if Ports(tmp_path).get(name) == port}


def test_a_server_that_ends_for_another_reason_is_not_started_again(tmp_path: Path) -> None:
    with lineup(tmp_path) as started:
        (tmp_path / "redis").mkdir()
        (tmp_path / "redis" / "appendonlydir").write_text("in the way")
        with pytest.raises(ComponentError, match="redis: ended with exit status 1"):
            started.start_missing()
