"""From a clean engine to the first alert delivered: the image built, compose.yaml brought up, a failure reported."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kafka import KafkaProducer

from deploy.embedded.ports import Ports
from tests import alertmanager
from tests.containers import why_no_engine
from tests.events import FAILED_ITEM, binary, result, sample_taken
from tests.system import ROOT, WAIT_S, unique

T = TypeVar("T")
SERVICES = ("sampling", "lab_results", "alerts", "hotspots")
#: What is brought up: of the profile `dashboards` Alertmanager, and not Grafana, whose image cannot be had everywhere.
_UP = (*SERVICES, "prometheus", "alertmanager")
_PORTS = ("kafka", "redis", *_UP)


def _compose() -> list[str]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if found := shutil.which("docker-compose"):
        return [found]
    pytest.skip("neither docker compose nor docker-compose is installed")


def until(found: Callable[[], T], what: str, seconds: float = WAIT_S) -> T:
    """What is found, once there is something."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if something := found():
                return something
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.3)


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WAIT_S) as answer:
        return json.load(answer)


@contextlib.contextmanager
def webhook(host: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """An HTTP server on an address of this machine that containers reach, and what was posted to it."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer((host, 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1], posted
    finally:
        server.shutdown()
        server.server_close()


def _gateway() -> str:
    shown = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    found = json.loads(subprocess.run(shown, capture_output=True, text=True, check=True).stdout)
    # an engine that was started again says the subnet alone
    return str(found.get("Gateway") or ip_network(found["Subnet"])[1])


def _routes(directory: Path, address: str) -> None:
    directory.chmod(0o755)
    (directory / "receivers.yaml").write_text(f"receivers:\n  desk:\n    channels:\n      hook: json://{address}/\n")
    (directory / "routes.yaml").write_text(
        "receivers: receivers.yaml\noperations: desk\n"
        "route: {receiver: desk, group_by: [county, kind], group_wait: 0s, group_interval: 1s, repeat_interval: 0s}\n"
    )


def test_from_a_clean_engine_to_the_first_alert_delivered(tmp_path: Path) -> None:
    if reason := why_no_engine():
        pytest.skip(reason)
    project = ["-p", unique("sw").lower(), "-f", str(ROOT / "deploy/compose.yaml"), "--profile", "dashboards"]
    compose = [*_compose(), *project]
    known = Ports(tmp_path)
    ports = {name: known.get(name) for name in _PORTS}
    routes = tmp_path / "routes"
    routes.mkdir()
    for directory in tmp_path.parents[:2]:  # the container's user has to pass
        directory.chmod(0o755)
    with webhook(_gateway()) as (hook_port, posted):
        _routes(routes, f"{_gateway()}:{hook_port}")
        env = {
            **os.environ,
            **{f"SAMPLEWATCH_{name.upper()}_PORT": str(port) for name, port in ports.items()},
            "SAMPLEWATCH_IMAGE": "samplewatch:test",
            "SAMPLEWATCH_BUILD_NETWORK": "host",
            "SAMPLEWATCH_KAFKA_HEAP": "512m",
            "SAMPLEWATCH_REDIS_MEMORY": "256mb",
            "SAMPLEWATCH_ROUTES": "/etc/samplewatch/routes/routes.yaml",
            "SAMPLEWATCH_ROUTES_DIR": str(routes),
        }

        def run(*words: str, check: bool = True) -> str:
            done = subprocess.run([*compose, *words], env=env, capture_output=True, text=True, check=False)
            assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            return done.stdout

        try:
            with ThreadPoolExecutor(1) as pool:
                making = pool.submit(alertmanager.make_image)
                run("up", "--build", "--detach", *(name for name in _UP if name != "alertmanager"))
                making.result()
            run("up", "--detach", "alertmanager")
            _first_alert(ports, posted)
            run("exec", "-T", "redis", "redis-cli", "flushall")
            _confined(run)
            _told_to_alertmanager(ports)
            _checked_configuration()
            assert "Traceback" not in run("logs", "--no-color", *SERVICES)
        except BaseException:
            print(run("logs", "--no-color", "--tail=30", check=False))
            raise
        finally:
            run("down", "--volumes", "--timeout", "5", check=False)
        assert run("ps", "--quiet").split() == []


def _first_alert(ports: dict[str, int], posted: list[dict[str, Any]]) -> None:
    for service in SERVICES:
        until(lambda port=ports[service]: get(port, "/readyz")["ready"], f"ready {service}")  # type: ignore[misc]
    sample_id, now = unique(), datetime.now(UTC)
    taken = sample_taken(sample_id, sampled_at=(now - timedelta(days=2)).isoformat())
    failed = result(sample_id, unique("lab"), FAILED_ITEM, issued_at=(now - timedelta(hours=1)).isoformat())
    producer = KafkaProducer(bootstrap_servers=f"127.0.0.1:{ports['kafka']}", acks="all")
    for record in (binary(taken, "/inspectors"), binary(failed, "/lims")):
        producer.send(record.topic, key=record.key, value=record.value, headers=list(record.headers)).get(WAIT_S)
    producer.close()
    until(lambda: [message for message in posted if sample_id in json.dumps(message)], "message of the alert")
    [alert] = until(lambda: get(ports["alerts"], f"/alerts?sample_id={sample_id}"), "alert")
    assert alert["kind"] == "failed_sample"

    def scraped() -> bool:
        targets = get(ports["prometheus"], "/api/v1/targets?state=active")["data"]["activeTargets"]
        up = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return set(SERVICES) <= up

    until(scraped, "target of Prometheus for each service")


def _told_to_alertmanager(ports: dict[str, int]) -> None:
    """What fires in Prometheus, since Redis was wiped, has reached Alertmanager, for the receiver of its file."""

    def arrived() -> list[dict[str, Any]]:
        found = get(ports["alertmanager"], "/api/v2/alerts?filter=alertname=SamplewatchRedisWentBack")
        return [alert for alert in found if alert["status"]["state"] == "active"]

    [receiver] = {tuple(one["name"] for one in alert["receivers"]) for alert in until(arrived, "alert of operations")}
    assert receiver == ("page",)


def _checked_configuration() -> None:
    text = alertmanager.CONFIG.read_text()
    good = alertmanager.check_config(text)
    assert good.returncode == 0 and "SUCCESS" in good.stdout, good.stdout + good.stderr
    bad = alertmanager.check_config(text.replace("name: page", "name: other"))
    assert bad.returncode != 0 and "page" in bad.stdout + bad.stderr


def _confined(run: Callable[..., str]) -> None:
    """The services run without root, on a root file system that they cannot write to."""
    for service in SERVICES:
        assert run("exec", "-T", service, "id", "-u").strip() == "10001"
        tried = "touch /x 2>/dev/null && echo written; touch /tmp/x /data/x && echo confined"
        assert run("exec", "-T", service, "sh", "-c", tried).strip() == "confined"
