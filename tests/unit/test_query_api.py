"""The query API without its server: parameters, periods, cursors, tags, and the document that describes it."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.alerts.hotspots.query import _check
from services.lab_results.api.arrivals import Arrivals, span_to_come
from services.lab_results.api.conditional import etag_of, matches
from services.lab_results.api.cursors import cursor_of, key_of
from services.lab_results.api.openapi import document
from services.lab_results.api.parameters import Cells, RankingQuery, RatesQuery, SeriesQuery, parse
from services.lab_results.api.periods import PERIODS, by_period
from services.lab_results.api.ranking import ranking_page
from services.lab_results.api.routes import RANKING, RATES, SERIES
from services.lab_results.api.rows import chosen, rated
from services.lab_results.completeness import LONGEST, share_of_span_to_come
from services.lab_results.counts import Counts
from services.lab_results.rates import RunningSums, Span
from services.runtime.calendar import day_from_number
from services.runtime.parameters import BadParameter, limit_of
from services.sampling.deadlines_query import _parse

TODAY = date(2026, 3, 1)
PLACE = {"domain": "food", "plan": "supervision"}


@pytest.mark.parametrize(
    ("query", "given_", "parameter"),
    [
        (RatesQuery, [("colour", "red")], "colour"),
        (RatesQuery, [("cut", "street")], "cut"),
        (RatesQuery, [("cut", "county"), ("cut", "city")], "cut"),
        (RatesQuery, [("from", "yesterday")], "from"),
        (RatesQuery, [("from", "2026-02-30")], "from"),
        (RatesQuery, [("to", "20260301")], "to"),
        (RatesQuery, [("as_of", "0001-01-01"), ("window", "365d")], "as_of"),
        (RatesQuery, [("as_of", "2026-01-01")], "as_of"),
        (RatesQuery, [("window", "8d")], "window"),
        (RatesQuery, [("window", "7d"), ("to", "2026-01-01")], "window"),
        (RatesQuery, [("from", "2026-01-02"), ("to", "2026-01-01")], "from"),
        (RatesQuery, [("limit", "0")], "limit"),
        (RatesQuery, [("limit", "many")], "limit"),
        (RatesQuery, [("cell", "")], "cell"),
        (RatesQuery, [("targeting", "random")], "targeting"),
        (SeriesQuery, [("by", "year")], "by"),
        (RankingQuery, [("domain", "food")], "plan"),
        (RankingQuery, [*PLACE.items(), ("order", "best")], "order"),
    ],
)
def test_a_parameter_that_is_not_understood_is_named(
    query: type[Cells], given_: list[tuple[str, str]], parameter: str
) -> None:
    with pytest.raises(BadParameter) as error:
        parse(query, given_).span(TODAY)
    assert error.value.parameter == parameter
    assert str(error.value).startswith(parameter)
    response = error.value.response()
    assert (response.status, response.content_type) == (400, "application/problem+json")


def test_spans() -> None:
    def span(**given_: str) -> Span | None:
        return parse(RatesQuery, [(name.rstrip("_"), value) for name, value in given_.items()]).span(TODAY)

    assert span() is None
    assert span(window="7d") == Span(date(2026, 2, 23), TODAY)
    assert span(window="ytd", as_of="2025-06-30") == Span(date(2025, 1, 1), date(2025, 6, 30))
    assert span(from_="2025-01-01") == Span(date(2025, 1, 1), date.max)


@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)), max_size=4))
def test_cursors_hold_what_they_were_made_of(key: list[Any]) -> None:
    assert key_of(cursor_of(key), *map(type, key)) == tuple(key)


_DEEP = urlsafe_b64encode(b"[" * 4000).decode()
_LONG = urlsafe_b64encode(b"[" + b"1" * 5000 + b',1,"a"]').decode()


@pytest.mark.parametrize("cursor", ["", "x", "W10", cursor_of((1, "a")), "Ünder", "bnVsbA", _DEEP, _LONG])
def test_a_cursor_of_another_page_is_refused(cursor: str) -> None:
    with pytest.raises(BadParameter, match="cursor"):
        key_of(cursor, int, int, str)


def test_a_tag_changes_with_the_versions_and_with_the_question() -> None:
    tags = {etag_of((b"1-a",), "q"), etag_of((b"1-b",), "q"), etag_of((b"1-a",), "r")}
    assert len(tags) == 3
    tag = etag_of((b"1-a",), "q")
    assert tag == etag_of((b"1-a",), "q")
    assert all(matches(header, tag) for header in (tag, f"W/{tag}", f'"other", {tag}', "*"))
    assert not any(matches(header, tag) for header in (None, "", '"other"', tag.strip('"')))


_counts = st.builds(
    lambda p, f, i, tp, tf: Counts(p + tp, f + tf, i, tp, tf), *[st.integers(0, 9) for _ in range(5)]
).filter(any)
_daily = st.dictionaries(st.integers(19_000, 19_500), _counts, max_size=40)
_spans = st.tuples(st.integers(18_990, 19_510), st.integers(0, 520)).map(
    lambda span: Span(day_from_number(span[0]), day_from_number(span[0] + span[1]))
)


def _period_of(day: date, by: str) -> tuple[int, ...]:
    if by == "month":
        return day.year, day.month
    return day.isocalendar()[:2] if by == "week" else (day.toordinal(),)


@given(_daily, _spans, st.sampled_from(PERIODS))
def test_periods_are_those_of_a_recount(daily: dict[int, Counts], span: Span, by: str) -> None:
    expected: dict[tuple[int, ...], list[int]] = {}
    for number, counts in daily.items():
        day = day_from_number(number)
        if span.first <= day <= span.last:
            held = expected.setdefault(_period_of(day, by), [0] * len(Counts._fields))
            for place, count in enumerate(counts):
                held[place] += count
    found = list(by_period(RunningSums(daily), by, span))
    assert {_period_of(period.first, by): list(counts) for period, counts in found} == expected
    assert len(found) == len(expected)
    for period, _ in found:
        assert span.first <= period.first <= period.last <= span.last
        assert _period_of(period.first, by) == _period_of(period.last, by)
        # whole, but where the span cuts it
        assert period.first == span.first or _period_of(period.first - timedelta(days=1), by) != _period_of(
            period.first, by
        )
        assert period.last == span.last or _period_of(period.last + timedelta(days=1), by) != _period_of(
            period.last, by
        )


@given(_counts)
def test_routine_and_targeted_samples_are_all_samples(counts: Counts) -> None:
    routine, targeted = chosen(counts, "routine"), chosen(counts, "targeted")
    assert (routine.passed + targeted.passed, routine.failed + targeted.failed) == (counts.passed, counts.failed)
    assert chosen(counts, "together") == counts


@given(_daily, _spans)
def test_what_is_to_come_of_a_span_is_estimated_by_its_newest_days(daily: dict[int, Counts], span: Span) -> None:
    today = day_from_number(19_500)
    shares = tuple(min(1.0, 0.2 + 0.04 * age) for age in range(LONGEST + 1))
    come = {
        day: counts.passed + counts.failed + counts.inconclusive
        for day, counts in daily.items()
        if span.first <= day_from_number(day) <= span.last
    }
    expected = share_of_span_to_come(shares, come, today)
    assert span_to_come(shares, RunningSums(daily), span, today) == pytest.approx(expected)


def test_a_rate_of_nothing_is_null() -> None:
    row = rated(Counts(inconclusive=3))
    assert (row["samples"], row["rate"], row["low"], row["high"]) == (0, None, None, None)


def test_the_document_is_valid_openapi_and_names_every_parameter() -> None:
    described = document([RATES, SERIES, RANKING], "1")
    OpenAPIV31SpecValidator(described).validate()
    for page in (RATES, SERIES, RANKING):
        parameters = described["paths"][page.path]["get"]["parameters"]
        names = {one["name"] for one in parameters if one["in"] == "query"}
        assert names == {field.alias or name for name, field in page.query.model_fields.items()}
        assert all(one["description"] for one in parameters)
    required = [one["name"] for one in described["paths"]["/rates/ranking"]["get"]["parameters"] if one["required"]]
    assert required == ["domain", "plan"]


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "²", "1" * 10, "9" * 5000])
def test_a_limit_that_is_none_is_refused_shortly(text: str) -> None:
    with pytest.raises(BadParameter, match=r"^limit is ") as refused:
        limit_of({"limit": text})
    assert len(str(refused.value)) < 100
    for ask in (lambda: _parse({"limit": text}, None), lambda: _check({"limit": text})):  # type: ignore[arg-type]
        with pytest.raises(BadParameter, match="limit"):
            ask()


def test_a_limit() -> None:
    assert [limit_of({"limit": "20"}), limit_of({}), limit_of({}, 50)] == [20, None, 50]


def test_equal_rates_share_a_rank_on_whichever_page_they_are() -> None:
    counts = {"A": (8, 2), "B": (19, 1), "C": (8, 2), "D": (8, 2), "E": (30, 0)}
    sums = {value: RunningSums({20_000: Counts(*counted)}) for value, counted in counts.items()}

    class Cache:
        async def groups(self, names: list[str]) -> list[Any]:
            return [SimpleNamespace(values=sorted(sums), sums=sums.__getitem__) for _ in names]

    def page(**more: str) -> dict[str, Any]:
        query = parse(RankingQuery, {**PLACE, "cut": "county", **more}.items())
        cache: Any = Cache()
        return asyncio.run(ranking_page(cache, Arrivals(cache), (), query, TODAY))

    assert [(cell["rank"], cell["cell"]) for cell in page()["cells"]] == [
        (1, "A"),
        (1, "C"),
        (1, "D"),
        (4, "B"),
        (5, "E"),
    ]
    highest = page(order="highest")["cells"]
    assert [(cell["rank"], cell["cell"]) for cell in highest] == [(1, "E"), (2, "B"), (3, "A"), (3, "C"), (3, "D")]
    [alone] = page(cell="D")["cells"]
    assert alone["rank"] == 1
    first = page(limit="2")
    rest = page(limit="2", cursor=first["next"])["cells"]
    assert [(cell["rank"], cell["cell"]) for cell in rest] == [(1, "D"), (4, "B")]
