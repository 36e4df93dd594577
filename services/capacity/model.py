"""What a load needs, and what breaks first: pure arithmetic on the measured costs of costs.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SERVICES = ("sampling", "lab_results", "alerts", "hotspots")
#: Fewer processes of a service would leave a pause when one ends.
FEWEST = 2
_GB = 1e9
_LEFTOVER_DAYS = {"kept_400_days": 400.0, "kept_30_days": 30.0, "kept_7_days": 7.0}

Costs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that runs out: `need` of `limit`, in `unit`; used is their ratio, past 1 it is broken."""

    name: str
    need: float
    limit: float
    unit: str
    remedy: str

    @property
    def used(self) -> float:
        """need / limit."""
        return self.need / self.limit


@dataclass(frozen=True, slots=True)
class Plan:
    """What samples_per_day need: peak in samples/s, processes of each service, GB (10^9 bytes) of Redis in all and of
    Kafka on each of `replicas` copies, hours to rebuild a lost Redis; limits with the tightest first."""

    samples_per_day: float
    peak_per_second: float
    workers: dict[str, int]
    partitions: int
    redis_gb: float
    redis_servers: int
    kafka_gb: float
    replicas: int
    rebuild_hours: float
    limits: tuple[Limit, ...]

    @property
    def broken(self) -> tuple[Limit, ...]:
        """What the present design with one Redis does not hold, the first to break first."""
        return tuple(limit for limit in self.limits if limit.used > 1)


def load_costs() -> Costs:
    """The costs as measured, from costs.yaml beside this file."""
    costs: Costs = yaml.safe_load(Path(__file__).with_name("costs.yaml").read_text("utf-8"))
    return costs


def plan(samples_per_day: float, costs: Costs) -> Plan:
    """The needs of a load. Raises ValueError unless samples_per_day is a positive number."""
    if not (math.isfinite(samples_per_day) and samples_per_day > 0):
        raise ValueError("samples per day must be more than 0")
    assumed, limit, cpu, again = (_values(costs[part]) for part in ("assumed", "limits", "processor_us", "rebuild_us"))
    peak = samples_per_day / 86_400 * assumed["peak"]
    kept = samples_per_day * assumed["kept_days"]
    cores = {service: peak * cpu[service] / 1e6 / assumed["busy"] for service in SERVICES}
    workers = {service: max(FEWEST, math.ceil(need)) for service, need in cores.items()}
    partitions = int(limit["partitions"])
    redis_gb = kept * sum(_values(costs["redis_bytes"]).values()) * costs["redis_overhead"]["value"] / _GB
    kafka_gb = (
        samples_per_day
        * sum(
            size * _LEFTOVER_DAYS.get(name, assumed["kept_days"])
            for name, size in _values(costs["kafka_bytes"]).items()
        )
        / _GB
    )
    redis_cores = peak * cpu["redis"] / 1e6 / assumed["busy"]
    # the slower of the processes, as many as have work, and of the one thread of Redis
    slowest = max(again["lab_results"] / max(workers["lab_results"], partitions), again["redis"])
    rebuild = kept * slowest / 1e6 / 3600
    busiest = max(cores, key=lambda service: cores[service])
    limits = (
        Limit(
            "redis memory", redis_gb, limit["redis_gb"], "GB", "Redis Cluster: keys carry their partition as hash tag"
        ),
        Limit("redis processor", redis_cores, 1.0, "threads", "Redis Cluster, as for memory"),
        Limit(f"processes of {busiest}", cores[busiest], partitions, "processes", "more partitions, and a rebuild"),
        Limit("kafka disk", kafka_gb, limit["kafka_disk_gb"], "GB", "more brokers: partitions spread over them"),
        Limit(
            "rebuild",
            rebuild,
            limit["rebuild_hours"],
            "hours",
            "Redis replicas, so that a loss is rarer; Redis Cluster",
        ),
    )
    return Plan(
        samples_per_day,
        peak,
        workers,
        max(partitions, *workers.values()),
        redis_gb,
        max(1, math.ceil(redis_gb / limit["redis_gb"]), math.ceil(redis_cores)),
        kafka_gb,
        int(assumed["replicas"]),
        rebuild,
        tuple(sorted(limits, key=lambda one: -one.used)),
    )


def _values(part: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {name: float(entry["value"]) for name, entry in part.items()}
