"""Runs the benchmarks: `python -m bench [throughput|cost|latency|rebuild|memory|query|alerts|peers ...] [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from bench import alerts, cost, latency, memory, peers, query, rebuild, throughput
from bench.options import QUICK, Options
from bench.rig import rig
from deploy.embedded.jars import KAFKA_VERSION

BENCHMARKS = {
    "throughput": throughput,
    "peers": peers,
    "cost": cost,
    "latency": latency,
    "rebuild": rebuild,
    "memory": memory,
    "query": query,
    "alerts": alerts,
}
#: Those of a group share a broker, since their numbers are compared.
GROUPS = (("throughput", "peers", "cost"), ("latency",), ("rebuild",), ("memory",), ("query",), ("alerts",))
_RESULTS = Path(__file__).with_name("results") / "latest.json"


def main() -> int:
    """Runs what was asked for, prints a table and writes the results; 1 if a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures Samplewatch on this machine.")
    parser.add_argument("benchmarks", nargs="*", metavar="|".join(BENCHMARKS), help="all of them unless named")
    parser.add_argument("--quick", action="store_true", help="smaller and once each: a few minutes")
    default = Options()
    for name, value in asdict(default).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"{value} unless --quick")
    asked = parser.parse_args()
    if unknown := set(asked.benchmarks) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    base = asdict(QUICK if asked.quick else default)
    given = {name: value for name in base if (value := getattr(asked, name)) is not None}
    signal.signal(signal.SIGTERM, _end)
    found = {"machine": _machine(), "options": base | given, "benchmarks": {}}
    # the feed begins right after the topics were made, when the broker may send a client to ask again
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    failed = _run(asked.benchmarks or list(BENCHMARKS), Options(**(base | given)), found)
    print(f"\nwritten: {_RESULTS.relative_to(Path.cwd()) if _RESULTS.is_relative_to(Path.cwd()) else _RESULTS}")
    return 1 if failed else 0


def _run(names: list[str], options: Options, report: dict[str, Any]) -> bool:
    """Runs the benchmarks; the report is written after each, so that a broken run leaves what it has found."""
    failed, found = False, report["benchmarks"]
    _RESULTS.parent.mkdir(exist_ok=True)
    for group in GROUPS:
        chosen = [name for name in group if name in names]
        if not chosen:
            continue
        with rig() as shared:
            for name in chosen:
                started = time.monotonic()
                print(f"\n{name}", flush=True)
                try:
                    found[name] = asyncio.run(BENCHMARKS[name].run(shared, options, found))
                    lines = BENCHMARKS[name].table(found[name])
                except Exception as error:
                    failed = True
                    print(error, file=sys.stderr)
                    found[name] = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
                    lines = [("failed", found[name]["failed"])]
                found[name]["took_seconds"] = round(time.monotonic() - started, 1)
                for what, value in [*lines, ("took", f"{found[name]['took_seconds']} s")]:
                    print(f"  {what:<58} {value}", flush=True)
                _RESULTS.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return failed


def _machine() -> dict[str, Any]:
    """What the numbers were measured on, and how busy it already was."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "services", "deploy", "schemas"], capture_output=True, text=True, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "uncommitted_changes": bool(changed.stdout.strip()),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _end(_signal: int, _frame: FrameType | None) -> None:
    # as an exception, so that processes are ended and directories removed on the way out
    sys.exit("bench: ended by SIGTERM")


if __name__ == "__main__":
    sys.exit(main())
