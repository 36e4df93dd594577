"""How large the benchmarks are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """events: of the throughput and the peers. rounds: of which the median counts. latency_seconds: at 1,000 events a
    second. rebuild: samples. memory_samples: whose state is weighed. soak_minutes: under load."""

    events: int = 200_000
    rounds: int = 3
    latency_seconds: int = 30
    rebuild: int = 1_000_000
    memory_samples: int = 100_000
    soak_minutes: float = 15.0


QUICK = Options(events=50_000, rounds=1, latency_seconds=10, rebuild=20_000, memory_samples=10_000, soak_minutes=1.0)
