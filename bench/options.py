"""How large the benchmarks are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """events: of the throughput and the peers. rounds: of which the median counts. latency_seconds: at latency_rate
    events a second. rebuild: samples; with rebuild_least processes, and with two. memory_samples: whose state is
    weighed. soak_minutes: under load. query_samples: in all. query_seconds: at 200 requests a second, twice. alerts:
    open at once."""

    events: int = 200_000
    rounds: int = 3
    latency_seconds: int = 30
    latency_rate: int = 1000
    rebuild: int = 1_000_000
    rebuild_least: int = 1
    memory_samples: int = 100_000
    soak_minutes: float = 15.0
    query_samples: int = 80_000
    query_seconds: int = 30
    alerts: int = 100_000


QUICK = Options(
    events=50_000,
    rounds=1,
    latency_seconds=10,
    rebuild=20_000,
    memory_samples=10_000,
    soak_minutes=1.0,
    query_samples=20_000,
    query_seconds=10,
    alerts=20_000,
)
