"""What the benchmarks feed: samples and results of a given variety, written in whole batches per partition."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from services.runtime.partitioning import homes_of
from services.runtime.settings import PARTITIONS

#: 2.73 % of all samples fail, as in the national report and in the peers' feed.
FAIL_RATIO = 0.0273
_STAGES = ("production", "circulation", "catering")
_CHUNK = 20_000
_BATCH_BYTES = 512 * 1024
_FIRST_DAY = date(2025, 11, 1)

#: A key and a value.
Record = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Variety:
    """How many of each the samples are spread over; this decides how many cells are counted. each_day: how many samples
    a day has, one day after the other, and after the last the first again."""

    counties: int
    categories: int
    levels: int
    laboratories: int
    enterprises: int
    days: int
    each_day: int = 97

    def in_order(self, count: int) -> Variety:
        """So many samples spread over all days evenly, as topics have them: in the order of time."""
        return replace(self, each_day=-(-count // self.days))


#: The peers' feed: 8 counties, 30 categories, 3 stages, 20 laboratories, one day, no enterprises.
PEERS = Variety(counties=8, categories=30, levels=1, laboratories=20, enterprises=0, days=1)
#: A country and a year: every county, a category tree of four levels, a producer and a sampled party for each sample.
COUNTRY = Variety(counties=2800, categories=1600, levels=4, laboratories=800, enterprises=100_000, days=365)


def sample_id(number: int) -> str:
    """The id of the sample of that number."""
    return f"S{number:08d}"


def _description(number: int, variety: Variety) -> str:
    spread = number * 2654435761 % 2**32  # neighbours are unlike each other, and every run is the same
    county, category = spread % variety.counties, spread // 7 % variety.categories
    region = f"{11 + county // 96 % 31}{1 + county // 8 % 12:02d}{1 + county % 8:02d}"
    path = ",".join(f'"C{category // 4 ** (variety.levels - 1 - level)}"' for level in range(variety.levels))
    who = ""
    if variety.enterprises:
        producer, party = spread // 11 % variety.enterprises, spread // 13 % variety.enterprises
        who = (
            f'"producer":{{"name":"食品有限公司{producer}","licence":"SC{producer:014d}"}},'
            f'"sampled_party":{{"name":"超市{party}","licence":"JY{party:014d}"}},'
        )
    return (
        f'"sample_id":"{sample_id(number)}","domain":"food","plan":"supervision","targeting":"routine",'
        f'"category":[{path}],"product_name":"酱油","region":"{region}","stage":"{_STAGES[number % 3]}",{who}'
        f'"sampled_at":"{_day(number, variety)}T08:00:00+08:00","sampled_by":["甲","乙"]'
    )


def samples(numbers: Iterable[int], variety: Variety) -> Iterator[Record]:
    """Samples as sampling publishes them on sampling.samples.v1."""
    for number in numbers:
        value = f'{{{_description(number, variety)},"revision":1,"status":"taken","source":"bench"}}'
        yield sample_id(number).encode(), value.encode()


def samplings(numbers: Iterable[int], variety: Variety) -> Iterator[Record]:
    """SampleTaken events, as inspectors' systems send them to sampling.events.v1."""
    for number in numbers:
        head = f'"type":"SampleTaken","event_id":"t{number}","source":"bench"'
        yield sample_id(number).encode(), f"{{{head},{_description(number, variety)}}}".encode()


def fails(number: int, fail_ratio: float) -> bool:
    """Whether the result of the sample of that number fails."""
    return number * 2246822519 % 2**32 < fail_ratio * 2**32


def results(numbers: Iterable[int], variety: Variety, fail_ratio: float = FAIL_RATIO) -> Iterator[Record]:
    """First reports of about 360 bytes, with the items of the peers' feed; the given part of them fails."""
    for number in numbers:
        verdict, value = ("fail", 0.72) if fails(number, fail_ratio) else ("pass", 0.12)
        text = (
            f'{{"type":"ResultReported","event_id":"e{number}","source":"bench","report_no":"R{number:08d}",'
            f'"sample_id":"{sample_id(number)}","lab_id":"L{number % variety.laboratories}",'
            f'"issued_at":"{_day(number, variety)}T16:00:00+08:00","conclusion":"{verdict}","items":['
            f'{{"item":"苯甲酸","value":{value},"unit":"g/kg","limit":0.5,"verdict":"{verdict}"}},'
            '{"item":"铅","value":0.05,"unit":"mg/kg","limit":0.2,"verdict":"pass"}]}'
        )
        yield sample_id(number).encode(), text.encode()


_DAYS = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(366)]


def _day(number: int, variety: Variety) -> str:
    return _DAYS[number // variety.each_day % variety.days]


class Feeder:
    """Writes records to the partitions of their keys, in batches made beforehand, uncompressed as the peers' feed."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=_BATCH_BYTES)

    async def __aenter__(self) -> Feeder:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def pack(self, records: Iterable[Record]) -> list[tuple[int, Any]]:
        """The records as closed batches, each with its partition, in their order."""
        packed: list[tuple[int, Any]] = []
        open_batches: dict[int, Any] = defaultdict(self._producer.create_batch)
        source = iter(records)
        while chunk := list(islice(source, _CHUNK)):
            for home, (key, value) in zip(homes_of([key for key, _ in chunk], PARTITIONS), chunk, strict=True):
                content = {"key": key, "value": value, "timestamp": None}
                if open_batches[home].append(**content) is None:
                    packed.append((home, open_batches.pop(home)))
                    open_batches[home].append(**content)
        packed += open_batches.items()
        for _, batch in packed:
            batch.close()
        return packed

    async def send(self, topic: str, packed: Iterable[tuple[int, Any]]) -> None:
        """Sends the batches; returns when all are acknowledged."""
        sent = [await self._producer.send_batch(batch, topic, partition=home) for home, batch in packed]
        await asyncio.gather(*sent)

    async def write(self, topic: str, records: Iterable[Record]) -> None:
        """Writes the records a few batches at a time."""
        source = iter(records)
        while packed := self.pack(islice(source, 10 * _CHUNK)):
            await self.send(topic, packed)
