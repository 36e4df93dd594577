"""The embedded runtime, for real: a broker and a Redis are started, killed and started again on the same data."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from deploy.embedded.process import is_alive
from deploy.embedded.state import lock_held, read_state
from tests.ports import choose_ports
from tests.system import WAIT_S

#: A service that is ready at once; GET /die ends it with status 3. It is found through services.__path__.
STAND_IN = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

address = os.environ["SAMPLEWATCH_HTTP_HOST"], int(os.environ["SAMPLEWATCH_HTTP_PORT"])
http.server.HTTPServer(address, Handler).serve_forever()
"""


class Runtime:
    """The command line, run in one directory and with a registry of its own."""

    def __init__(self, tmp: Path) -> None:
        self.dir = tmp / "instance"
        choose_ports(self.dir, "stand_in")
        (tmp / "run").mkdir()
        (tmp / "path").mkdir()
        (tmp / "path" / "stand_in.py").write_text(STAND_IN)
        (tmp / "path" / "sitecustomize.py").write_text(
            f"import services; services.__path__.append({str(tmp / 'path')!r})"
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEWATCH_")}
        self.env = kept | {"XDG_RUNTIME_DIR": str(tmp / "run"), "PYTHONPATH": str(tmp / "path")}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "services.cli.main", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.env, capture_output=True, text=True, timeout=WAIT_S, check=False
        )

    def up(self, services: str = "") -> dict[str, Any]:
        done = self.run("up", "--dir", str(self.dir), "--detach", "--services", services)
        assert done.returncode == 0, done.stderr
        return self.state()

    def state(self) -> dict[str, Any]:
        state = read_state(self.dir)
        assert state is not None
        return state

    def foreground(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self.command("up", "--dir", str(self.dir), "--services", ""), env=self.env)
        eventually(lambda: (read_state(self.dir) or {}).get("round") == 1)
        return process


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.run("down", "--dir", str(runtime.dir))
    assert not lock_held(runtime.dir)


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def pids(state: dict[str, Any]) -> list[int]:
    return [state["pid"], state["kafka_pid"], state["redis_pid"]]


def write(state: dict[str, Any]) -> None:
    redis.from_url(state["redis"]).set("kept", "yes")
    admin = KafkaAdminClient(bootstrap_servers=state["bootstrap"])
    admin.create_topics([NewTopic(name="kept", num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=state["bootstrap"], acks="all")
    producer.send("kept", b"yes").get(timeout=WAIT_S)
    producer.close()


def assert_kept(state: dict[str, Any]) -> None:
    assert redis.from_url(state["redis"]).get("kept") == b"yes"
    consumer = KafkaConsumer(bootstrap_servers=state["bootstrap"], consumer_timeout_ms=int(WAIT_S * 1000))
    consumer.assign([TopicPartition("kept", 0)])
    consumer.seek_to_beginning()
    assert next(consumer).value == b"yes"
    consumer.close()


def test_data_and_ports_stay_from_one_run_to_the_next(runtime: Runtime) -> None:
    first = runtime.up()
    write(first)
    assert runtime.run("down").returncode == 0  # finds the only instance by itself
    assert not any(map(is_alive, pids(first)))
    assert read_state(runtime.dir) is None
    second = runtime.up()
    assert (second["bootstrap"], second["redis"]) == (first["bootstrap"], first["redis"])
    assert_kept(second)


def test_everything_dies_with_a_killed_up_and_starts_again_on_the_same_data(runtime: Runtime) -> None:
    up = runtime.foreground()
    state = runtime.state()
    write(state)
    up.send_signal(signal.SIGKILL)
    up.wait()
    eventually(lambda: not any(map(is_alive, pids(state))))
    status = runtime.run("status", "--dir", str(runtime.dir), "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout)["running"] is False
    assert_kept(runtime.up())


def test_ctrl_c_stops_everything(runtime: Runtime) -> None:
    up = runtime.foreground()
    state = runtime.state()
    up.send_signal(signal.SIGINT)
    assert up.wait(WAIT_S) == 0
    assert not any(map(is_alive, pids(state)))


def test_killed_supervisor_of_a_detached_instance_takes_its_children_along(runtime: Runtime) -> None:
    state = runtime.up()
    os.kill(state["pid"], signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids(state))))


def test_a_directory_has_one_supervisor(runtime: Runtime) -> None:
    state = runtime.up()
    second = subprocess.run(
        [sys.executable, "-m", "deploy.embedded.supervisor", "--dir", str(runtime.dir)],
        env=runtime.env,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert second.returncode == 75
    assert str(state["pid"]) in second.stderr
    assert runtime.state()["pid"] == state["pid"]


def test_up_starts_only_what_is_missing(runtime: Runtime) -> None:
    before = runtime.up()
    write(before)
    os.kill(before["redis_pid"], signal.SIGKILL)
    eventually(lambda: runtime.state()["redis_pid"] is None)
    assert runtime.run("status").returncode == 1
    after = runtime.up()
    assert after["kafka_pid"] == before["kafka_pid"]
    assert after["redis_pid"] not in (None, before["redis_pid"])
    assert_kept(after)


def test_a_service_that_ended_is_shown_and_started_again_by_up(runtime: Runtime) -> None:
    first = runtime.up("stand_in")["services"]["stand_in"]
    report = json.loads(runtime.run("status", "--json").stdout)
    assert report["services"]["stand_in"] == {"pid": first["pid"], "http": first["http"], "ready": True, "exit": None}
    with pytest.raises(OSError):  # it ends without an answer
        urllib.request.urlopen(first["http"] + "/die", timeout=WAIT_S)
    eventually(lambda: runtime.state()["services"]["stand_in"]["exit"] == 3)
    assert "ended with exit status 3" in runtime.run("status").stdout
    again = runtime.up("stand_in")["services"]["stand_in"]
    assert again["http"] == first["http"]
    assert again["pid"] not in (None, first["pid"])
    assert runtime.run("status").returncode == 0


def test_a_service_that_cannot_start_is_named_with_its_log_and_nothing_is_left_running(runtime: Runtime) -> None:
    up = runtime.run("up", "--dir", str(runtime.dir), "--services", "no_such_service")
    assert up.returncode == 1
    assert "no_such_service: ended with exit status 1" in up.stderr
    assert "No module named services.no_such_service" in up.stderr
    assert not lock_held(runtime.dir)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_listens_on_loopback_only(runtime: Runtime) -> None:
    state = runtime.up("stand_in")
    children = [*pids(state)[1:], state["services"]["stand_in"]["pid"]]
    addresses = [address for pid in children for address in listening(pid)]
    assert len(addresses) >= len(children)
    #: 127.0.0.1 in /proc/net/tcp, and the same as a mapped IPv6 address, which is how Java binds.
    assert set(addresses) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def listening(pid: int) -> list[str]:
    """The addresses, in the kernel's hexadecimal, on which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            inodes.add(str(descriptor.readlink()))
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    listen = "0A"
    return [line[1].split(":")[0] for line in lines if line[3] == listen and f"socket:[{line[9]}]" in inodes]
