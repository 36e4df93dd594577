"""Cost: what pure code takes of the processor for each event, step by step, with no broker and no Redis beside it.

A batch is read (decode), its state unpacked (load), folded, and packed for the ledger (pack); the kept values
themselves are packed in the fold. Processor time, the median of the batches. The last line of each variety is the floor
(`floor.py`). Alone: `python -m bench.cost`.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from statistics import median
from typing import Any, NamedTuple

import msgpack

from bench.feed import COUNTRY, PEERS, Record, Variety, results, sample_id, samples, samplings
from bench.floor import floor
from bench.options import Options
from schemas.topics import LAB_RESULTS, RECEIPTS, SAMPLES, SAMPLING_EVENTS, VERDICTS
from services.alerts.stage import AlertsStage
from services.lab_results import store
from services.lab_results.stage import LabStage
from services.runtime.blocks import place_of
from services.runtime.messages import Message
from services.runtime.partitioning import homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Stage
from services.sampling.stage import SamplingStage

_BATCH = 500
_BATCHES = 40
_STEPS = ("decode", "load", "fold", "pack")
_ARRIVED = 1_800_000_000_000


class _Fetched(NamedTuple):
    """A record as the consumer gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    timestamp: int = _ARRIVED
    headers: Sequence[tuple[str, bytes]] = ()


class _Kept:
    """As much of Redis as the stages read."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[Any, Any]] = defaultdict(dict)

    async def hmget(self, key: str, names: Sequence[str]) -> list[Any]:
        """The values of the fields."""
        of = self.hashes[key]
        return [of.get(name) for name in names]

    async def hgetall(self, key: str) -> dict[Any, Any]:
        """A whole hash."""
        return {name.encode(): value for name, value in self.hashes[key].items()}

    async def hlen(self, key: str) -> int:
        """How many fields it has."""
        return len(self.hashes[key])


class _Shard:
    """One partition of a stage, driven by hand."""

    def __init__(self, stage: Stage[Any, Any]) -> None:
        self._stage = stage
        self._redis: Any = _Kept()
        #: What followed from the last batch.
        self.last: list[Message] = []
        #: The last verdict of each sample.
        self.verdicts: dict[bytes, Record] = {}

    def kept(self, key: str) -> dict[Any, Any]:
        """A hash."""
        return dict(self._redis.hashes[key])

    def feed(self, topic: str, records: Iterable[Record]) -> dict[str, float]:
        """Microseconds of the processor for each record, by step."""
        source, spent, place = iter(records), defaultdict[str, list[float]](list), 0
        while batch := list(islice(source, _BATCH)):
            fetched = [_Fetched(topic, 0, place + n, key, value) for n, (key, value) in enumerate(batch)]
            place += len(batch)
            gc.collect()
            for step, seconds in self._apply(fetched).items():
                spent[step].append(seconds / len(batch) * 1e6)
        return {step: round(median(spent[step]), 2) for step in _STEPS}

    def _apply(self, fetched: list[_Fetched]) -> dict[str, float]:
        times = [time.process_time()]
        inputs = self._stage.decode(fetched)
        times.append(time.process_time())
        state = asyncio.run(self._stage.load(self._redis, 0, inputs))
        times.append(time.process_time())
        changes: Changes = self._stage.fold(state, 0, inputs, 1)
        times.append(time.process_time())
        msgpack.packb([changes.put, changes.delete, changes.add], use_bin_type=False)
        msgpack.packb([tuple(message) for message in changes.messages])
        times.append(time.process_time())
        for key, fields in changes.put.items():
            self._redis.hashes[key].update(fields)
        self.last = changes.messages
        for message in self.last:
            if message.topic == VERDICTS.name:
                self.verdicts[message.key] = message.key, message.value
        return dict(zip(_STEPS, (after - before for before, after in pairwise(times)), strict=True))


async def run(_rig: Any, _options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """Measures; needs nothing that runs."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, Any]:
    """Microseconds for each event of each stage and topic, on the peers' cells and on a country's."""
    found: dict[str, Any] = {}
    for name, variety in (("peers", PEERS), ("country", COUNTRY)):
        numbers = _at_home(_BATCH * _BATCHES)
        lab, sampling = _Shard(LabStage()), _Shard(SamplingStage())
        found[name] = {
            f"lab_results: {SAMPLES.name}": lab.feed(SAMPLES.name, samples(numbers, variety)),
            f"lab_results: {LAB_RESULTS.name}": lab.feed(LAB_RESULTS.name, results(numbers, variety)),
            f"sampling: {SAMPLING_EVENTS.name}": sampling.feed(SAMPLING_EVENTS.name, samplings(numbers, variety)),
            f"sampling: {VERDICTS.name}": sampling.feed(VERDICTS.name, lab.verdicts.values()),
            f"alerts: {VERDICTS.name}, failing": _Shard(AlertsStage()).feed(VERDICTS.name, _failing(numbers, variety)),
        }
        found[name]["lab_results: the floor"] = {"libraries": _floor(lab, numbers[-_BATCH:], variety)}
    return found


def _floor(lab: _Shard, numbers: list[int], variety: Variety) -> float:
    values = [value for _, value in results(numbers, variety)]
    kept = lab.kept(store.dossiers_key(0))
    blocks = [kept[name] for name in {place_of(sample_id(number))[0] for number in numbers}]
    return floor(values, blocks, [message for message in lab.last if message.topic in (VERDICTS.name, RECEIPTS.name)])


def _failing(numbers: list[int], variety: Variety) -> Iterable[Record]:
    """Verdicts of samples that fail."""
    lab = _Shard(LabStage())
    lab.feed(SAMPLES.name, samples(numbers, variety))
    lab.feed(LAB_RESULTS.name, results(numbers, variety, fail_ratio=1.0))
    return lab.verdicts.values()


def _at_home(count: int) -> list[int]:
    """Samples whose partition is the first: strays are another matter."""
    homes = homes_of([sample_id(number).encode() for number in range(count * 2 * PARTITIONS)], PARTITIONS)
    return [number for number, home in enumerate(homes) if home == 0][:count]


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    return [
        (f"{topic}, {name}", f"{sum(steps.values()):.1f} µs: " + ", ".join(f"{k} {v}" for k, v in steps.items()))
        for name, topics in found.items()
        if isinstance(topics, dict)
        for topic, steps in topics.items()
    ]


if __name__ == "__main__":
    for what, value in table(measure()):
        print(f"  {what:<58} {value}")
