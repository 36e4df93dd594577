"""Prometheus and promtool for the tests: from SAMPLEWATCH_PROMETHEUS (a directory), the PATH, or the image of a Docker
engine. Debian's package `prometheus` has both, and so has
`go install github.com/prometheus/prometheus/cmd/...@v0.316.0`; no package of PyPI has.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.embedded.process import spawn, stop, tail
from tests.system import ROOT, WAIT_S

IMAGE = "prom/prometheus:latest"
RULES = ROOT / "deploy" / "prometheus"


def local(tool: str) -> str | None:
    """The tool's path on this machine."""
    directory = os.environ.get("SAMPLEWATCH_PROMETHEUS")
    return shutil.which(tool, path=directory) if directory else shutil.which(tool)


def image_there() -> bool:
    """Whether a Docker engine answers that has the image."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=WAIT_S, check=False)
    return asked.returncode == 0


def command(tool: str, mounted: Path, name: str) -> list[str]:
    """How the tool is run here, with a directory that it sees; AssertionError where `why_not` says that it can't be."""
    if (path := local(tool)) is not None:
        return [path]
    network, mount = ["--network", "host"], ["--volume", f"{mounted}:{mounted}"]
    return ["docker", "run", "--rm", "--name", name, "--user", "0", *network, *mount, "--entrypoint", tool, IMAGE]


def why_not() -> str | None:
    """Why there is no Prometheus here; None where there is."""
    if (local("prometheus") and local("promtool")) or image_there():
        return None
    return f"neither prometheus and promtool on the PATH nor a Docker engine with {IMAGE}"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs promtool in deploy/prometheus."""
    argv = command("promtool", RULES, f"promtool-{uuid.uuid4().hex[:8]}")
    if argv[0] == "docker":
        argv[2:2] = ["--workdir", str(RULES)]
    return subprocess.run([*argv, *arguments], cwd=RULES, capture_output=True, text=True, timeout=WAIT_S, check=False)


class Prometheus:
    """A running server."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._folder = url, folder

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What the expression is now, as series or as one value."""
        found = self._ask("/api/v1/query", query=expression)
        if found["resultType"] == "scalar":
            return [{"metric": {}, "value": found["result"]}]
        result: list[dict[str, Any]] = found["result"]
        return result

    def fired(self, seconds: float) -> set[str]:
        """The names of the alerts that fired at some time in the last seconds."""
        found = self.query(f'max_over_time(ALERTS{{alertstate="firing"}}[{max(1, round(seconds))}s])')
        return {alert["metric"]["alertname"] for alert in found}

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["state"] == "firing"}

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that fire or are pending."""
        found: list[dict[str, Any]] = self._ask("/api/v1/alerts")["alerts"]
        return found

    def discovers(self, job: str, *addresses: str) -> None:
        """From now on these are the targets of the job."""
        file = self._folder / "targets" / f"{job}.json"
        unseen = file.with_suffix(".new")
        unseen.write_text(json.dumps([{"targets": addresses}]))
        unseen.rename(file)

    def eventually(self, look: Callable[[], Any], what: str) -> Any:
        """Looks until it finds something."""
        deadline = time.monotonic() + WAIT_S
        while not (found := look()):
            if time.monotonic() > deadline:
                pending = [(alert["labels"]["alertname"], alert["state"]) for alert in self.alerts()]
                raise AssertionError(f"not within {WAIT_S:g} s: {what}; alerts: {pending}")
            time.sleep(0.3)
        return found

    def _ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=WAIT_S) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None


@contextlib.contextmanager
def prometheus(folder: Path, targets: Mapping[str, str], port: int, scale: float = 1) -> Iterator[Prometheus]:
    """A server that scrapes the targets (job -> host:port) every second by the rules, whose times are `scale` long."""
    folder.mkdir(parents=True, exist_ok=True)
    for rules in RULES.glob("*_rules.yaml"):
        (folder / rules.name).write_text(shortened(rules.read_text(), scale))
    (folder / "targets").mkdir(exist_ok=True)
    found = Prometheus(f"http://127.0.0.1:{port}", folder)
    jobs = []
    for job, address in targets.items():
        found.discovers(job, address)
        files = {"files": [str(folder / "targets" / f"{job}.json")], "refresh_interval": "1s"}
        jobs.append({"job_name": job, "file_sd_configs": [files]})
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "*_rules.yaml")],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    name = f"prometheus-{uuid.uuid4().hex[:8]}"
    argv = command("prometheus", folder, name)
    arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    server = spawn(
        "prometheus", [*argv, *arguments, f"--web.listen-address=127.0.0.1:{port}"], logs=folder, env=dict(os.environ)
    )
    try:
        deadline = time.monotonic() + WAIT_S
        while not _is_ready(found.url):
            assert server.poll() is None and time.monotonic() < deadline, tail(folder / "prometheus.log", 30)
            time.sleep(0.1)
        yield found
    finally:
        if argv[0] == "docker":
            subprocess.run(["docker", "stop", "--time", "2", name], capture_output=True, timeout=WAIT_S, check=False)
        stop([server], 30)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?<=[\[ ])(\d+)([smhd])(?=[\]} )\n])")
_THRESHOLD = re.compile(r"(_seconds\)? > )(\d+)")


def shortened(rules: str, scale: float) -> str:
    """The rules with every window, `for`, `offset` and threshold in seconds so much shorter.

    Windows are 5 s at least, for that is five scrapes, and 30 s at most; `for` is 15 s at most, so that it ends while
    such a window still has what it began with. Of thresholds that are buckets, the minute has one as short as a second.
    """

    def window(found: re.Match[str]) -> str:
        return f"{min(30, max(5, round(int(found[1]) * _UNITS[found[2]] * scale)))}s"

    if scale == 1:
        return rules
    lines = []
    for line in rules.splitlines(keepends=True):
        if line.lstrip().startswith("for: "):
            lines.append(
                re.sub(r"(\d+)([smhd])", lambda f: f"{min(15, round(int(f[1]) * _UNITS[f[2]] * scale))}s", line)
            )
        elif line.lstrip().startswith(("summary", "#", "- record")):
            lines.append(line)
        else:
            shorter = _DURATION.sub(window, line).replace('le="60.0"', 'le="1.0"')
            lines.append(_THRESHOLD.sub(lambda f: f"{f[1]}{max(1, round(int(f[2]) * scale))}", shorter))
    return "".join(lines)
