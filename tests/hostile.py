"""Messages that a producer should not send, and odd ones that it may: the catalogue behind the tests of the intake.

Each kind is a function of a number, so that any count of distinct messages of it can be made. A kind says which field
its refusal names, and which source gets the receipt, where the message names one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import ALERT_COMMANDS, LAB_RESULTS, SAMPLING_EVENTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.system import Place, Raw, System

Headers = Sequence[tuple[str, bytes | None]]
STRUCTURED = ("content-type", b"application/cloudevents+json")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hostile:
    """One message. `field`: what its refusal names, None where it is taken. `source`: who gets the receipt, if any."""

    kind: str
    raw: Raw
    field: str | None
    source: str | None


Make = Callable[[int], Hostile]
#: Kinds that must be refused, by name; those of them too large to send often; and kinds that must be taken.
REFUSED: dict[str, Make] = {}
HUGE: dict[str, Make] = {}
TAKEN: dict[str, Make] = {}


class OddName(str):
    """A header name that goes out as bytes which are no UTF-8; both clients' encoders call `encode`."""

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe" + str.encode(self)


def sample_id(kind: str, n: int) -> str:
    return f"H-{kind}-{n}"


def source_of(kind: str, n: int) -> str:
    return f"/hostile/{kind}/{n % 3}"


def taken(kind: str, n: int, **more: Any) -> dict[str, Any]:
    """A SampleTaken that nothing is wrong with, but for `more`."""
    return {
        "type": "SampleTaken",
        "source": source_of(kind, n),
        "event_id": f"{kind}-{n}",
        "sample_id": sample_id(kind, n),
        "domain": "food",
        "plan": "supervision",
        "category": ["粮食加工品", "大米"],
        "product_name": "大米",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2026-03-01T10:00:00+08:00",
        **more,
    }


def item(**more: Any) -> dict[str, Any]:
    return {"item": "铅", "value": "0.1", "unit": "mg/kg", "limit": "0.2", "verdict": "pass", **more}


def reported(kind: str, n: int, **more: Any) -> dict[str, Any]:
    """A ResultReported that nothing is wrong with, but for `more`."""
    return {
        "type": "ResultReported",
        "source": source_of(kind, n),
        "event_id": f"{kind}-r{n}",
        "report_no": f"R-{kind}-{n}",
        "sample_id": sample_id(kind, n),
        "lab_id": "LAB-1",
        "issued_at": "2026-03-05T10:00:00+08:00",
        "items": [item()],
        "conclusion": "pass",
        **more,
    }


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def ascii_encoded(body: Any) -> bytes:
    """With everything beyond ASCII escaped: the only way to send half a surrogate pair."""
    return json.dumps(body).encode()


_SAMPLE = SAMPLING_EVENTS.name
_RESULT = LAB_RESULTS.name
_COMMAND = ALERT_COMMANDS.name
#: What a kind returns: the value or body, and what differs from the usual.
Made = Raw | dict[str, Any] | bytes | None


def _register(
    catalogue: dict[str, Make], field: str | None, topic: str, claims: bool | str, make: Callable[[str, int], Made]
) -> None:
    kind = make.__name__.strip("_")
    assert not any(kind in names for names in (REFUSED, HUGE, TAKEN)), kind

    def build(n: int) -> Hostile:
        made = make(kind, n)
        if not isinstance(made, Raw):
            value = encoded(made) if isinstance(made, dict) else made
            made = Raw(topic, sample_id(kind, n).encode(), value)
        source = claims if isinstance(claims, str) else source_of(kind, n) if claims else None
        return Hostile(kind, made, field, source)

    catalogue[kind] = build


def refused(
    field: str, topic: str = _SAMPLE, claims: bool | str = True, catalogue: dict[str, Make] = REFUSED
) -> Callable[[Callable[[str, int], Made]], Callable[[str, int], Made]]:
    """A kind that must be refused for `field`. `claims`: whether it names its source, or the source it names."""

    def register(make: Callable[[str, int], Made]) -> Callable[[str, int], Made]:
        _register(catalogue, field, topic, claims, make)
        return make

    return register


def accepted(topic: str = _SAMPLE) -> Callable[[Callable[[str, int], Made]], Callable[[str, int], Made]]:
    """An odd kind that nothing forbids: it must be taken."""

    def register(make: Callable[[str, int], Made]) -> Callable[[str, int], Made]:
        _register(TAKEN, None, topic, True, make)
        return make

    return register


def _each(field: str, kinds: dict[str, dict[str, Any]], topic: str = _SAMPLE) -> None:
    """Kinds that differ from a good event in nothing but some fields."""
    body = taken if topic == _SAMPLE else reported
    for name, more in kinds.items():

        def make(kind: str, n: int, more: dict[str, Any] = more) -> Made:
            return body(kind, n, **more)

        make.__name__ = name
        _register(REFUSED, field, topic, True, make)


def _with_headers(kind: str, n: int, headers: Headers, body: Any = None, key: bytes | None = None) -> Raw:
    value = body if isinstance(body, bytes) else encoded(taken(kind, n) if body is None else body)
    return Raw(_SAMPLE, key or sample_id(kind, n).encode(), value, headers)  # type: ignore[arg-type]


# what is no JSON object


@refused("value", claims=False)
def not_json(kind: str, n: int) -> Made:
    return b"sample 17 passed, regards"


@refused("value", claims=False)
def truncated(kind: str, n: int) -> Made:
    whole = encoded(taken(kind, n))
    return whole[: 1 + n % (len(whole) - 2)]


@refused("value", claims=False)
def trailing_comma(kind: str, n: int) -> Made:
    return encoded(taken(kind, n))[:-1] + b",}"


@refused("value", claims=False)
def single_quotes(kind: str, n: int) -> Made:
    return str(taken(kind, n)).encode()


@refused("value", claims=False)
def two_objects(kind: str, n: int) -> Made:
    return encoded(taken(kind, n)) + b"\n" + encoded(taken(kind, n + 1))


@refused("value", claims=False)
def json_null(kind: str, n: int) -> Made:
    return b"null"


@refused("value", claims=False)
def json_number(kind: str, n: int) -> Made:
    return str(n).encode()


@refused("value", claims=False)
def json_bool(kind: str, n: int) -> Made:
    return b"true"


@refused("value", claims=False)
def json_text(kind: str, n: int) -> Made:
    return encoded("SampleTaken")


@refused("value", claims=False)
def json_array(kind: str, n: int) -> Made:
    return encoded([taken(kind, n)])


@refused("value", claims=False)
def xml(kind: str, n: int) -> Made:
    return b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><sample>&a;</sample>'


@refused("value", claims=False)
def random_bytes(kind: str, n: int) -> Made:
    return bytes((n * 31 + place * 97) % 256 for place in range(200))


@refused("value", claims=False)
def empty_value(kind: str, n: int) -> Made:
    return b""


@refused("value", claims=False)
def null_value(kind: str, n: int) -> Made:
    return None


@refused("value")
def null_value_with_headers(kind: str, n: int) -> Made:
    named = (("ce_type", b"SampleTaken"), ("ce_source", source_of(kind, n).encode()), ("ce_id", b"e"))
    return Raw(_SAMPLE, sample_id(kind, n).encode(), None, named)


@refused("value", claims=False)
def only_space(kind: str, n: int) -> Made:
    return b" \r\n\t "


# keys


@refused("key")
def missing_key(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, None, encoded(taken(kind, n)))


@refused("key")
def empty_key(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, b"", encoded(taken(kind, n)))


@refused("key")
def key_of_another(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, b"another sample", encoded(taken(kind, n)))


@refused("key")
def key_with_space(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, sample_id(kind, n).encode() + b" ", encoded(taken(kind, n)))


@refused("key")
def key_not_utf8(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, b"\xff\xfe\x00\x80", encoded(taken(kind, n)))


@refused("key")
def key_of_10_kb(kind: str, n: int) -> Made:
    return Raw(_SAMPLE, b"k" * 10_000, encoded(taken(kind, n)))


@refused("key", _RESULT)
def key_of_the_report(kind: str, n: int) -> Made:
    return Raw(_RESULT, f"R-{kind}-{n}".encode(), encoded(reported(kind, n)))


# encodings


@refused("value", claims=False)
def invalid_utf8(kind: str, n: int) -> Made:
    return encoded(taken(kind, n)).replace("大米".encode(), b"\xc3\x28")


@refused("value", claims=False)
def gb18030(kind: str, n: int) -> Made:
    return json.dumps(taken(kind, n), ensure_ascii=False).encode("gb18030")


@refused("value")
def utf16(kind: str, n: int) -> Made:
    return json.dumps(taken(kind, n), ensure_ascii=False).encode("utf-16")


@refused("value")
def byte_order_mark(kind: str, n: int) -> Made:
    return b"\xef\xbb\xbf" + encoded(taken(kind, n))


@refused("value")
def surrogate_in_text(kind: str, n: int) -> Made:
    return ascii_encoded(taken(kind, n, product_name="\ud800"))


@refused("value", claims="/h/?")
def surrogate_in_source(kind: str, n: int) -> Made:
    return ascii_encoded(taken(kind, n, source="/h/\udfff"))


@refused("value")
def surrogate_in_sample_id(kind: str, n: int) -> Made:
    return ascii_encoded(taken(kind, n, sample_id="S\ud800"))


@refused("value")
def surrogate_in_unknown_field(kind: str, n: int) -> Made:
    return ascii_encoded(taken(kind, n, note="\ud83d"))


@refused("value")
def surrogate_in_type(kind: str, n: int) -> Made:
    return ascii_encoded(taken(kind, n, type="\ud83d"))


def enveloped(kind: str, n: int, **more: Any) -> dict[str, Any]:
    """A good event in structured mode, but for `more`."""
    data = without(taken(kind, n), "type", "source", "event_id")
    named = {"specversion": "1.0", "type": "SampleTaken", "source": source_of(kind, n), "id": f"{kind}-{n}"}
    return {**named, "data": data, **more}


@refused("value")
def surrogate_in_structured_text(kind: str, n: int) -> Made:
    envelope = enveloped(kind, n)
    return ascii_encoded({**envelope, "data": {**envelope["data"], "product_name": "\ud800"}})


@refused("type")
def surrogate_in_structured_type(kind: str, n: int) -> Made:
    return ascii_encoded(enveloped(kind, n, type="\ud800"))


@refused("value")
def surrogate_in_structured_data_type(kind: str, n: int) -> Made:
    envelope = without(enveloped(kind, n), "type")
    return ascii_encoded({**envelope, "data": {**envelope["data"], "type": "\ud800"}})


@refused("value", claims=False)
def raw_control_characters(kind: str, n: int) -> Made:
    return encoded(taken(kind, n)).replace("大米".encode(), b"a\x00b\nc")


# depth and size


@refused("value", claims=False)
def deep_brackets(kind: str, n: int) -> Made:
    return b"[" * 100_000


@refused("value", claims=False)
def deep_arrays(kind: str, n: int) -> Made:
    return encoded(taken(kind, n))[:-1] + b', "note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@refused("value", claims=False)
def deep_objects(kind: str, n: int) -> Made:
    return b'{"a":' * 100_000 + b"1" + b"}" * 100_000


@refused("data", claims=False)
def deep_structured(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [STRUCTURED], b'{"data": 1}')


@refused("value", claims=False, catalogue=HUGE)
def value_of_10_mb(kind: str, n: int) -> Made:
    return encoded(taken(kind, n, note="x" * 10 * _MEGABYTE))


@refused("value", claims="/hostile/huge", catalogue=HUGE)
def value_of_2_mb_with_headers(kind: str, n: int) -> Made:
    named = (("ce_type", b"SampleTaken"), ("ce_source", b"/hostile/huge"), ("ce_id", str(n).encode()))
    return _with_headers(kind, n, named, b"\x00" * 2 * _MEGABYTE)


@refused("items", _RESULT)
def items_3000(kind: str, n: int) -> Made:
    return reported(kind, n, items=[item(item=f"i{place}") for place in range(3000)])


@refused("product_name")
def text_of_100_kb(kind: str, n: int) -> Made:
    return taken(kind, n, product_name="长" * 33_000)


@refused("type")
def type_of_100_kb(kind: str, n: int) -> Made:
    return taken(kind, n, type="长" * 33_000)


@refused("type")
def header_type_of_100_kb(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"x" * 100_000), ("ce_source", source_of(kind, n).encode())])


_each(
    "sample_id",
    {
        "id_of_201_characters": {"sample_id": "S" * 201},
        "id_empty": {"sample_id": ""},
        "id_blank": {"sample_id": "   "},
        "id_with_space_around": {"sample_id": " S1 "},
        "id_with_a_line_break": {"sample_id": "S1\nS2"},
        "id_is_a_number": {"sample_id": 17},
        "id_is_null": {"sample_id": None},
        "id_is_an_object": {"sample_id": {"$ne": None}},
    },
)

# wrong types

_each(
    "category",
    {
        "category_is_a_number": {"category": 5},
        "category_is_empty": {"category": []},
        "category_of_five_levels": {"category": ["a", "b", "c", "d", "e"]},
        "category_is_an_object": {"category": {"level": 1}},
    },
)
_each(
    "quantity",
    {
        "quantity_is_a_word": {"quantity": "plenty"},
        "quantity_is_true": {"quantity": True},
        "quantity_is_an_array": {"quantity": [1]},
        "quantity_is_zero": {"quantity": 0},
        "quantity_is_negative": {"quantity": "-1"},
        "quantity_is_nan_in_words": {"quantity": "NaN"},
        "quantity_is_snan_in_words": {"quantity": "sNaN"},
        "quantity_is_infinity_in_words": {"quantity": "-Infinity"},
        "quantity_has_a_huge_exponent": {"quantity": "1e99999999999999999999"},
    },
)


@refused("quantity")
def quantity_is_bare_nan(kind: str, n: int) -> Made:
    return encoded(taken(kind, n, quantity=float("nan")))


@refused("quantity")
def quantity_is_bare_infinity(kind: str, n: int) -> Made:
    return encoded(taken(kind, n, quantity=float("inf")))


@refused("quantity")
def structured_nan(kind: str, n: int) -> Made:
    envelope = enveloped(kind, n)
    return {**envelope, "data": {**envelope["data"], "quantity": float("nan")}}


_each("product_name", {"name_is_a_number": {"product_name": 12}, "name_is_empty": {"product_name": ""}})
_each("producer", {"producer_is_text": {"producer": "Acme"}, "producer_is_an_array": {"producer": []}})
_each("producer.name", {"producer_without_name": {"producer": {"licence": "L1"}}})
_each("sampled_by", {"one_sampler": {"sampled_by": ["张"]}, "samplers_are_text": {"sampled_by": "张,李"}})
_each("imported_cold_chain", {"flag_is_a_word": {"imported_cold_chain": "perhaps"}})
_each("production_date", {"no_such_day": {"production_date": "2026-02-30"}})

# vocabularies

_each("domain", {"unknown_domain": {"domain": "toys"}, "domain_in_capitals": {"domain": "FOOD"}})
_each("plan", {"unknown_plan": {"plan": "监督抽检"}, "plan_is_null": {"plan": None}})
_each("stage", {"unknown_stage": {"stage": "moon"}})
_each("targeting", {"unknown_targeting": {"targeting": "random"}})
_each(
    "region",
    {
        "region_of_seven_digits": {"region": "6210021"},
        "region_with_an_empty_name": {"region": "US//60609"},
        "region_of_other_digits": {"region": "٦٢١٠٠٢"},
        "region_is_a_number": {"region": 621002},
    },
)
_each(
    "type",
    {
        "unknown_type": {"type": "SampleEaten"},
        "type_of_another_topic": {"type": "ResultReported"},
        "type_is_null": {"type": None},
        "type_is_an_array": {"type": ["SampleTaken"]},
    },
)

# times

_each(
    "sampled_at",
    {
        "time_without_offset": {"sampled_at": "2026-03-01T10:00:00"},
        "time_in_the_future": {"sampled_at": "2226-03-01T10:00:00+08:00"},
        "time_at_the_end_of_time": {"sampled_at": "9999-12-31T23:59:59-14:00"},
        "time_at_the_beginning": {"sampled_at": "0001-01-01T00:00:00+14:00"},
        "time_before_2000": {"sampled_at": "1999-12-31T10:00:00+08:00"},
        "time_in_the_year_10000": {"sampled_at": "10000-01-01T00:00:00Z"},
        "time_on_no_day": {"sampled_at": "2026-02-30T10:00:00Z"},
        "time_in_words": {"sampled_at": "yesterday"},
        "time_is_an_object": {"sampled_at": {}},
        "time_is_a_huge_number": {"sampled_at": 10**30},
    },
)
_each(
    "issued_at",
    {
        "report_in_the_future": {"issued_at": "2226-03-01T10:00:00+08:00"},
        "report_in_ancient_times": {"issued_at": "0221-01-01T00:00:00+08:00"},
    },
    _RESULT,
)

# missing fields


@refused("source", claims=False)
def no_source(kind: str, n: int) -> Made:
    return without(taken(kind, n), "source")


@refused("event_id")
def no_event_id(kind: str, n: int) -> Made:
    return without(taken(kind, n), "event_id")


@refused("type")
def no_type(kind: str, n: int) -> Made:
    return without(taken(kind, n), "type")


@refused("region")
def no_region(kind: str, n: int) -> Made:
    return without(taken(kind, n), "region")


@refused("conclusion", _RESULT)
def no_conclusion(kind: str, n: int) -> Made:
    return without(reported(kind, n), "conclusion")


@refused("type", claims=False)
def empty_object(kind: str, n: int) -> Made:
    return {}


@refused("source", claims=False)
def source_is_a_number(kind: str, n: int) -> Made:
    return taken(kind, n, source=5)


@refused("source", claims=False)
def source_is_blank(kind: str, n: int) -> Made:
    return taken(kind, n, source=" ")


_each("event_id", {"event_id_is_an_array": {"event_id": ["e"]}, "event_id_of_10_kb": {"event_id": "e" * 10_000}})

# reports that contradict themselves

_each(
    "conclusion",
    {
        "conclusion_contradicts_items": {"items": [item(verdict="fail", value="9")]},
        "failure_without_items": {"items": [], "conclusion": "fail"},
        "unknown_conclusion": {"conclusion": "合格"},
    },
    _RESULT,
)
_each(
    "items",
    {
        "item_twice": {"items": [item(), item(value="0.15")]},
        "items_are_an_object": {"items": item()},
        "items_are_null": {"items": None},
    },
    _RESULT,
)
_each("items.0.loq", {"lod_above_loq": {"items": [item(lod="0.2", loq="0.1", value="<LOD")]}}, _RESULT)
_each(
    "items.0.value",
    {"value_below_lod": {"items": [item(lod="0.2")]}, "value_is_no_number": {"items": [item(value="nan")]}},
    _RESULT,
)
_each("items.0.lod", {"lod_is_snan": {"items": [item(lod="sNaN")]}, "lod_negative": {"items": [item(lod=-1)]}}, _RESULT)
_each(
    "items.0.verdict",
    {
        "untested_with_value": {"items": [item(verdict="untested")]},
        "pass_without_value": {"items": [item(value=None)]},
        "unknown_item_verdict": {"items": [item(verdict="ok")]},
    },
    _RESULT,
)
_each("items.0.limit_kind", {"range_without_low": {"items": [item(limit_kind="range")]}}, _RESULT)
_each("items.1", {"item_is_text": {"items": [item(), "铅"]}}, _RESULT)
_each(
    "revision",
    {
        "revision_negative": {"revision": -1},
        "revision_zero": {"revision": 0},
        "revision_huge": {"revision": 10**30},
        "revision_with_a_fraction": {"revision": 1.5},
        "amendment_of_revision_1": {"type": "ResultAmended", "revision": 1},
    },
    _RESULT,
)
_each("retest_of", {"retest_of_nothing": {"type": "RetestReported"}}, _RESULT)


@refused("retest_of", _RESULT)
def retest_of_itself(kind: str, n: int) -> Made:
    body = reported(kind, n)
    return encoded({**body, "type": "RetestReported", "retest_of": body["report_no"]})


_each("withdrawn_at", {"withdrawn_without_time": {"type": "ResultWithdrawn", "revision": 2, "reason": "x"}}, _RESULT)


@refused("value", _RESULT, claims=False)
def number_of_5000_digits(kind: str, n: int) -> Made:
    return encoded(reported(kind, n)).replace(b'"conclusion"', b'"revision": ' + b"9" * 5000 + b', "conclusion"')


@refused("items.0.limit", _RESULT)
def number_beyond_floats(kind: str, n: int) -> Made:
    return encoded(reported(kind, n)).replace(b'"limit": "0.2"', b'"limit": 1e400')


# headers


@refused("ce_type")
def header_type_not_utf8(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"\xff\xff")])


@refused("ce_source", claims="/\ufffd")
def header_source_not_utf8(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_source", b"/\xff")])


@refused("type")
def header_type_unknown(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_specversion", b"1.0"), ("ce_type", b"org.example.Order")])


@refused("type")
def header_type_of_another_topic(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"Verdict")])


@refused("ce_source", claims="/h x y")
def header_source_with_line_breaks(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_source", b" /h\nx\r\ny ")])


@refused("ce_source", claims="s" * 200)
def header_source_of_10_kb(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_source", b"s" * 10_000)])


@refused("ce_source", claims=True)
def header_source_blank(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_source", b"  ")])


@refused("ce_id")
def header_id_of_10_kb(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_id", b"i" * 10_000)])


@refused("ce_id")
def header_id_with_a_line_break(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_type", b"SampleTaken"), ("ce_id", b"a\nb")])


@refused("source", claims=False)
def structured_source_blank(kind: str, n: int) -> Made:
    return enveloped(kind, n, source="\t")


@refused("data")
def structured_without_data(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [STRUCTURED], without(enveloped(kind, n), "data"))


@refused("data")
def structured_data_is_an_array(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [STRUCTURED], enveloped(kind, n, data=[1]))


@refused("data")
def structured_data_in_base64(kind: str, n: int) -> Made:
    return enveloped(kind, n, data=None, data_base64="e30=")


@refused("type")
def structured_type_is_a_number(kind: str, n: int) -> Made:
    return enveloped(kind, n, type=5)


@refused("value", claims=False)
def structured_batch(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("content-type", b"application/cloudevents-batch+json")], encoded([]))


@refused("value", claims=False)
def structured_but_text(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [STRUCTURED], b"text")


@refused("stage")
def thousands_of_headers(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [(f"h{place % 7}", b"v") for place in range(3000)], taken(kind, n, stage="moon"))


@refused("stage")
def header_with_null(kind: str, n: int) -> Made:
    headers = [("ce_type", None), ("content-type", None), ("sw_origin", None), ("x", None), ("", b"")]
    return _with_headers(kind, n, headers, taken(kind, n, stage="moon"))


@refused("stage")
def header_name_not_utf8(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [(OddName("x"), b"\xff"), ("名", b"v")], taken(kind, n, stage="moon"))


@refused("stage")
def header_that_looks_like_ours(kind: str, n: int) -> Made:
    headers = [("dlq_offset", b"-1"), ("dlq_field", b"none"), ("sw_origin", b"nonsense")]
    return _with_headers(kind, n, headers, taken(kind, n, stage="moon"))


# commands


def ordered(kind: str, n: int, **more: Any) -> dict[str, Any]:
    """An Acknowledge of an alert that there is not."""
    return {
        "type": "Acknowledge",
        "source": source_of(kind, n),
        "event_id": f"{kind}-{n}",
        "alert_id": f"{n % PARTITIONS:02d}-{n:020x}",
        "by": "张伟",
        "at": "2026-03-06T10:00:00+08:00",
        **more,
    }


def _commanded(kind: str, n: int, **more: Any) -> Raw:
    body = ordered(kind, n, **more)
    return Raw(_COMMAND, str(body["alert_id"]).encode(), encoded(body))


@refused("alert_id", _COMMAND)
def no_such_alert(kind: str, n: int) -> Made:
    return _commanded(kind, n)


@refused("alert_id", _COMMAND)
def alert_id_of_another_shape(kind: str, n: int) -> Made:
    return _commanded(kind, n, alert_id=("alert 17", "99-00", "-1", "00-", "x", "3-abc", "—", "0x-1")[n % 8])


@refused("alert_id", _COMMAND)
def alert_id_in_other_digits(kind: str, n: int) -> Made:
    return _commanded(kind, n, alert_id="٠١-abc")


@refused("type", _COMMAND)
def command_unknown(kind: str, n: int) -> Made:
    return _commanded(kind, n, type="Ignore")


@refused("by", _COMMAND)
def command_by_nobody(kind: str, n: int) -> Made:
    return _commanded(kind, n, by="")


@refused("reason", _COMMAND)
def close_without_reason(kind: str, n: int) -> Made:
    return _commanded(kind, n, type="Close")


@refused("until", _COMMAND)
def silence_without_end(kind: str, n: int) -> Made:
    return _commanded(kind, n, type="Silence", reason="x", until="forever")


@refused("value", _COMMAND, claims=False)
def command_is_an_array(kind: str, n: int) -> Made:
    return Raw(_COMMAND, b"00-1", encoded([ordered(kind, n)]))


@refused("key", _COMMAND)
def command_without_key(kind: str, n: int) -> Made:
    return Raw(_COMMAND, None, encoded(ordered(kind, n)))


# odd, and to be taken

for _name, _more in {
    "emoji": {"product_name": "🍜🧂 noodles 👩‍👩‍👧"},
    "right_to_left": {"product_name": "\u202eحليب\u202c שוקולד", "region": "مصر/القاهرة"},
    "sql": {"product_name": "Robert'); DROP TABLE samples;--", "category": ["' OR 1=1 --"]},
    "html": {"product_name": "<script>alert(1)</script>", "producer": {"name": "<b>&amp;</b>"}},
    "redis_glob": {"category": ["*", "[a-z]?"], "region": "*/h?llo/{x}"},
    "cell_separators": {"category": ["a|b", "c × d", "e:f"], "region": "A|B/C × D", "producer": {"name": "x|y:z"}},
    "braces_and_percent": {"category": ["{0}%s%n${jndi:ldap://x}"], "producer": {"name": "{stage:0}"}},
    "escaped_nul": {"product_name": "a\x00b", "category": ["\x00"], "sampled_party": {"name": "\x00"}},
    "control_characters": {"product_name": "\x01\x1b[31m\x7f\u2028", "task": "\u0085\ufeff"},
    "longest_texts": {"product_name": "长" * 500, "producer": {"name": "企" * 500, "address": "路" * 4000}},
    "unknown_fields": {"colour": {"deep": [1, 2, {"x": None}]}, "__proto__": {}, "": 0},
    "number_of_28_digits": {"quantity": "12345678901234567890.12345678"},
    "huge_exponent": {"quantity": "1e999999"},
    "category_as_text": {"category": "乳制品/液体乳"},
    "time_of_another_offset": {"sampled_at": "2026-02-28T23:59:59.999999-12:00"},
}.items():

    def _make(kind: str, n: int, more: dict[str, Any] = _more) -> Made:
        return taken(kind, n, **more)

    _make.__name__ = _name
    accepted()(_make)


@accepted()
def odd_id(kind: str, n: int) -> Made:
    name = f"样品\x07 {n}|*:{{}}\u202e"
    return Raw(_SAMPLE, name.encode(), encoded(taken(kind, n, sample_id=name)))


@accepted()
def longest_id(kind: str, n: int) -> Made:
    name = "长" * 190 + f"{n:010d}"
    return Raw(_SAMPLE, name.encode(), encoded(taken(kind, n, sample_id=name)))


@accepted()
def duplicate_json_names(kind: str, n: int) -> Made:
    return b'{"stage": "moon", ' + encoded(taken(kind, n))[1:]


@accepted()
def structured(kind: str, n: int) -> Made:
    return enveloped(kind, n)


@accepted()
def specversion_odd(kind: str, n: int) -> Made:
    headers = [
        ("ce_specversion", b"99"),
        ("ce_type", b"SampleTaken"),
        ("ce_source", source_of(kind, n).encode()),
        ("ce_id", f"{kind}-{n}".encode()),
        ("ce_time", b"\xff"),
        ("content-type", b"text/plain"),
    ]
    return _with_headers(kind, n, headers, without(taken(kind, n), "type", "source", "event_id"))


@accepted()
def odd_headers(kind: str, n: int) -> Made:
    headers = [("", b""), ("名", b"v"), (OddName(""), b"\xff"), ("CE_TYPE", b"x"), *[("h", b"v")] * 3000]
    return _with_headers(kind, n, headers)


@accepted()
def headers_without_content(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("ce_source", None), ("content-type", None), ("sw_origin", None), ("x", None)])


@accepted()
def origin_nonsense(kind: str, n: int) -> Made:
    return _with_headers(kind, n, [("sw_origin", value) for value in (b"", b"1", b"a-b", b"\xff", b"-1--1", b"9" * 99)])


@accepted()
def origin_elsewhere(kind: str, n: int) -> Made:
    """Says that it was forwarded from a partition that there is not, and from its own."""
    home = home_of(sample_id(kind, n).encode(), PARTITIONS)
    return _with_headers(kind, n, [("sw_origin", b"9999-5"), ("sw_origin", f"{home}-7".encode())])


def pair(kind: str, n: int, failing: bool = False, **more: Any) -> list[Raw]:
    """A good sample and its result, both from one source and of one region, which is the kind's own."""
    named = {"source": f"/good/{kind}"}
    about = taken(kind, n, region=f"{kind}/City", **named, **more)
    verdict = {"items": [item(value="0.5", verdict="fail")], "conclusion": "fail"} if failing else {}
    report = reported(kind, n, **named, **verdict)
    key = sample_id(kind, n).encode()
    return [Raw(_SAMPLE, key, encoded(about)), Raw(_RESULT, key, encoded(report))]


def messages(catalogue: Iterable[Make], count: int) -> list[Hostile]:
    """`count` messages of the kinds in turn, each different."""
    kinds = list(catalogue)
    return [kinds[number % len(kinds)](number // len(kinds)) for number in range(count)]


def send(system: System, raws: Iterable[Raw]) -> list[Place]:
    """`system.produce`; but what has a header without content, which kafka-python sends none of, through aiokafka."""
    sent = list(raws)
    null = [number for number, raw in enumerate(sent) if any(content is None for _, content in raw.headers)]
    others = [number for number in range(len(sent)) if number not in set(null)]
    places = dict(zip(others, system.produce(sent[number] for number in others), strict=True))
    places |= zip(null, asyncio.run(_send_null(system.bootstrap, [sent[number] for number in null])), strict=True)
    return [places[number] for number in range(len(sent))]


async def _send_null(bootstrap: str, raws: Sequence[Raw]) -> list[Place]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        pending = [
            await producer.send(
                raw.topic, raw.value, raw.key, partition=home_of(raw.key or b"", PARTITIONS), headers=list(raw.headers)
            )
            for raw in raws
        ]
        await producer.flush()
        return [Place(at.topic, at.partition, at.offset) for at in await asyncio.gather(*pending)]
