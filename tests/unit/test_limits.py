"""When a source has had too many messages rejected."""

from __future__ import annotations

import pytest

from services.runtime.limits import LEAST, WINDOW, DeadLetterLimit, OverLimit


def feed(limit: DeadLetterLimit, *batches: tuple[int, dict[str, int]], partition: int = 0) -> int:
    """Applies the batches; returns how many went in before the limit said no."""
    for number, (records, rejected) in enumerate(batches):
        try:
            limit.check("t", partition, records, rejected)
        except OverLimit:
            return number
        limit.count("t", partition, records, rejected)
    return len(batches)


def test_a_share_is_judged_from_a_thousand_records_on() -> None:
    assert feed(DeadLetterLimit(), (LEAST - 1, {"bad": LEAST - 1})) == 1
    assert feed(DeadLetterLimit(), (LEAST, {"bad": LEAST})) == 0
    assert feed(DeadLetterLimit(), *[(100, {"bad": 100})] * 20) == 9


def test_half_is_allowed_and_more_is_not() -> None:
    assert feed(DeadLetterLimit(), *[(1000, {"bad": 500})] * 30) == 30
    assert feed(DeadLetterLimit(), (1000, {"bad": 501})) == 0


def test_sources_are_judged_one_by_one_and_good_batches_always_pass() -> None:
    assert feed(DeadLetterLimit(), *[(1000, {"one": 400, "two": 400, "": 200})] * 30) == 30
    limit = DeadLetterLimit(0.9)
    assert feed(limit, (900, {"bad": 900})) == 1
    assert feed(limit, (1000, {})) == 1


def test_the_window_slides() -> None:
    limit = DeadLetterLimit()
    assert feed(limit, (900, {"bad": 900}), *[(1000, {})] * 20) == 21
    assert feed(limit, *[(1000, {"bad": 1000})] * (WINDOW // 1000)) == 5
    for _ in range(WINDOW // 1000):
        limit.count("t", 0, 1000, {})
    assert feed(limit, (1000, {"bad": 1000})) == 1


def test_a_run() -> None:
    batches = [(1000, {"bad": 1000})] * 20
    assert feed(DeadLetterLimit(ratio=0), *batches) == 10
    assert feed(DeadLetterLimit(ratio=0, run=3000), *batches) == 3
    assert feed(DeadLetterLimit(0, 3000), *batches[:3], (1, {}), *batches) == 7
    assert feed(DeadLetterLimit(0, 3000), *batches[:3], (1000, {"other": 1000}), *batches[:3]) == 7


def test_nothing_is_judged_when_switched_off() -> None:
    assert feed(DeadLetterLimit(0, 0), *[(5000, {"bad": 5000})] * 20) == 20


def test_partitions_are_judged_by_themselves() -> None:
    limit = DeadLetterLimit()
    assert feed(limit, (900, {"bad": 900})) == 1
    assert feed(limit, (900, {"bad": 900}), partition=1) == 1
    limit.keep_only({("t", 1)})
    assert feed(limit, (900, {"bad": 900})) == 1
    assert feed(limit, (900, {"bad": 900}), partition=1) == 0


def test_the_reason_names_the_source() -> None:
    with pytest.raises(OverLimit) as over:
        DeadLetterLimit().check("t", 3, 2000, {"bad": 1500, "": 200})
    assert over.value.pause == ("t", 3, "bad", "1,500 of the last 2,000 records were rejected messages of 'bad'")
    with pytest.raises(OverLimit, match="no named source"):
        DeadLetterLimit().check("t", 3, 2000, {"": 1500})
