"""The peers: other stream processors on the same broker, with the project's rate as a multiple of theirs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from bench.options import Options
from bench.rig import Rig

_RUN = Path(__file__).parents[2] / "shared" / "peers" / "run"
_LINE = re.compile(r"^peer (\S+) (\d+) events/s$", re.MULTILINE)
_TIMEOUT_S = 1200


async def run(rig: Rig, options: Options, found: dict[str, Any]) -> dict[str, Any]:
    """Runs the peers, one after the other, while nothing else runs on the broker."""
    if not _RUN.exists():
        return {"skipped": "there are no peers beside the checkout"}
    argv = [str(_RUN), rig.bootstrap, str(options.events)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    rates = {name: int(rate) for name, rate in _LINE.findall(done.stdout + done.stderr)}
    if not rates:
        return {"skipped": f"the peers ended with status {done.returncode}: {done.stderr[-500:]}"}
    ours = found.get("throughput", {}).get("one process", {}).get("steady")
    ratios = {name: round(ours / rate, 2) for name, rate in rates.items()} if ours else {}
    return {"events": options.events, "events_per_second": rates, "one process to peer": ratios}


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    if "skipped" in found:
        return [("peers", found["skipped"])]
    ratios = found["one process to peer"]
    return [
        (f"{name}: events/s", f"{rate:,}" + (f" (one process is {ratios[name]:.2f} times that)" if ratios else ""))
        for name, rate in found["events_per_second"].items()
    ]
