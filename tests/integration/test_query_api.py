"""The query API on a running system: every page against its own document, and against what was published."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.events import FAILED_ITEM, PASSED_ITEM, binary, result, sample_taken
from tests.system import WAIT_S, System, unique


class Sample(NamedTuple):
    """A sample as it was published: where it counts, and as what."""

    county: str
    day: str
    targeting: str
    failed: bool


#: Of one plan that no other test uses with these counties.
PLACE = {"domain": "cosmetic", "plan": "special"}
COUNTIES = ("621098", "621099", "621097")


@pytest.fixture(scope="module")
def published(embedded_system: System) -> list[Sample]:
    """Samples of two and a half years in three counties, one of which has two only."""
    dice = random.Random(3)
    found = [
        Sample(county, f"{year}-{month:02d}-{dice.randrange(1, 28):02d}", targeting, dice.random() < share)
        for county, share in zip(COUNTIES[:2], (0.1, 0.4), strict=True)
        for year, month in [*((2022, m) for m in range(1, 13)), *((2023, m) for m in range(1, 13)), (2024, 1)]
        if month != 7
        for targeting in ("routine", "routine", "targeted")
    ]
    found += [Sample(COUNTIES[2], "2023-03-03", "routine", failed) for failed in (True, False)]
    records = []
    for sample in found:
        name = unique()
        item = FAILED_ITEM if sample.failed else PASSED_ITEM
        taken = sample_taken(
            name, region=sample.county, targeting=sample.targeting, sampled_at=f"{sample.day}T08:00:00+08:00", **PLACE
        )
        report = result(name, f"lab-{sample.county}", item, issued_at=f"{sample.day}T12:00:00+08:00")
        records += [binary(taken, unique("/lims")), binary(report, unique("/lims"))]
    embedded_system.produce(records)
    embedded_system.wait_idle()
    return found


@pytest.fixture(scope="module")
def document(embedded_system: System) -> dict[str, Any]:
    found: dict[str, Any] = embedded_system.get("lab_results", "/openapi.json")
    OpenAPIV31SpecValidator(found).validate()
    return found


def get(
    system: System, path: str, tag: str | None = None, **parameters: Any
) -> tuple[int, dict[str, str], dict[str, Any] | None]:
    url = f"{system.services['lab_results'].http}{path}?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(url, headers={"If-None-Match": tag} if tag else {})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, dict(error.headers), json.loads(body) if body else None


def ask(system: System, document: dict[str, Any], path: str, **parameters: Any) -> dict[str, Any]:
    """The answer, which has to be as the document says."""
    status, _, answer = get(system, path, **parameters)
    assert status == 200, answer
    assert answer is not None
    content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator({**content, "components": document["components"]}).validate(answer)
    return answer


def recount(samples: Iterator[Sample] | list[Sample]) -> tuple[int, int]:
    samples = list(samples)
    failed = sum(sample.failed for sample in samples)
    return len(samples) - failed, failed


def pair(row: dict[str, Any] | None) -> tuple[int, int]:
    return (row["pass"], row["fail"]) if row else (0, 0)


@pytest.mark.parametrize("county", COUNTIES)
@pytest.mark.parametrize(
    ("asked", "now", "before", "year_before"),
    [
        (
            {"window": "90d", "as_of": "2023-06-30"},
            ("2023-04-02", "2023-06-30"),
            ("2023-01-02", "2023-04-01"),
            ("2022-04-02", "2022-06-30"),
        ),
        ({"window": "ytd", "as_of": "2023-06-30"}, ("2023-01-01", "2023-06-30"), None, ("2022-01-01", "2022-06-30")),
        (
            {"from": "2023-03-01", "to": "2023-03-10"},
            ("2023-03-01", "2023-03-10"),
            ("2023-02-19", "2023-02-28"),
            ("2022-03-01", "2022-03-10"),
        ),
        ({"window": "7d", "as_of": "2023-07-15"}, ("2023-07-09", "2023-07-15"), None, None),
    ],
)
@pytest.mark.parametrize("targeting", ["together", "routine", "targeted"])
def test_a_window_with_the_one_before_and_the_one_of_a_year_before(
    embedded_system: System,
    document: dict[str, Any],
    published: list[Sample],
    county: str,
    asked: dict[str, str],
    now: tuple[str, str],
    before: tuple[str, str] | None,
    year_before: tuple[str, str] | None,
    targeting: str,
) -> None:
    def wanted(days: tuple[str, str] | None) -> tuple[int, int]:
        return recount(
            sample
            for sample in published
            if days
            and sample.county == county
            and days[0] <= sample.day <= days[1]
            and targeting in ("together", sample.targeting)
        )

    answer = ask(embedded_system, document, "/rates", cut="county", cell=county, targeting=targeting, **PLACE, **asked)
    if not any(wanted(now)):
        assert answer["rates"] == []
        return
    [row] = answer["rates"]
    assert (row["from"], row["to"]) == now
    assert pair(row) == wanted(now)
    assert row["rate"] == row["pass"] / row["samples"]
    assert row["low"] <= row["rate"] <= row["high"]
    assert pair(row["before"]) == wanted(before)
    assert pair(row["year_before"]) == wanted(year_before)
    assert ("together" in row["denominator"]) == (targeting == "together")


@pytest.mark.parametrize("by", ["day", "week", "month"])
def test_series_add_up_and_empty_periods_are_absent(
    embedded_system: System, document: dict[str, Any], published: list[Sample], by: str
) -> None:
    answer = ask(embedded_system, document, "/rates/series", cut="county", by=by, **PLACE)
    found = {one["cell"]: one["points"] for one in answer["series"]}
    for county in COUNTIES:
        of_county = [sample for sample in published if sample.county == county]
        points = found[county]
        assert sum(point["pass"] for point in points) == recount(of_county)[0]
        for point in points:
            assert pair(point) == recount(s for s in of_county if point["from"] <= s.day <= point["to"])
            assert point["samples"] > 0
        assert not [point for point in points if point["from"][5:7] == point["to"][5:7] == "07"]


def test_a_ranking_shrinks_and_says_by_what(
    embedded_system: System, document: dict[str, Any], published: list[Sample]
) -> None:
    answer = ask(embedded_system, document, "/rates/ranking", cut="county", order="lowest", **PLACE)
    prior, cells = answer["prior"], {cell["cell"]: cell for cell in answer["cells"]}
    assert "beta-binomial" in answer["method"]
    assert prior["samples"] == sum(cell["samples"] for cell in cells.values())
    for county in COUNTIES:
        assert pair(cells[county]) == recount(sample for sample in published if sample.county == county)
        shrunken = (cells[county]["pass"] + prior["a"]) / (cells[county]["samples"] + prior["strength"])
        assert cells[county]["shrunken_rate"] == pytest.approx(shrunken)
    own = [cell["rate"] for cell in answer["cells"]]
    assert answer["cells"][0]["cell"] == COUNTIES[1], own
    assert cells[COUNTIES[2]]["rate"] == min(own)  # one of two: the lowest own rate, but not the first
    shrunken_rates = [cell["shrunken_rate"] for cell in answer["cells"]]
    assert shrunken_rates == sorted(shrunken_rates)
    reverse = ask(embedded_system, document, "/rates/ranking", cut="county", order="highest", **PLACE)
    assert [cell["cell"] for cell in reverse["cells"]] == [cell["cell"] for cell in answer["cells"]][::-1]


@pytest.mark.parametrize(
    ("path", "rows"), [("/rates", "rates"), ("/rates/series", "series"), ("/rates/ranking", "cells")]
)
@pytest.mark.usefixtures("published")
def test_pages_are_the_whole_in_its_order(
    embedded_system: System, document: dict[str, Any], path: str, rows: str
) -> None:
    asked = {"cut": "county", **PLACE}
    whole = ask(embedded_system, document, path, **asked)[rows]
    assert len(whole) >= 3
    paged, cursor = [], {}
    while True:
        answer = ask(embedded_system, document, path, limit=1, **asked, **cursor)
        assert len(answer[rows]) == 1
        paged += answer[rows]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert paged == whole


@pytest.mark.usefixtures("published")
def test_a_tag_holds_until_the_counts_move(embedded_system: System) -> None:
    asked = {"cut": "county", "cell": COUNTIES[0], "window": "365d", "as_of": "2024-01-31", **PLACE}
    status, headers, before = get(embedded_system, "/rates", **asked)
    assert status == 200
    tag = headers["ETag"]
    status, headers, body = get(embedded_system, "/rates", tag=tag, **asked)
    assert (status, headers["ETag"], body) == (304, tag, None)
    assert get(embedded_system, "/rates", tag=tag, **{**asked, "as_of": "2024-01-30"})[0] == 200
    name = unique()
    taken = sample_taken(name, region=COUNTIES[0], **{**PLACE, "plan": "evaluation"})
    embedded_system.produce([binary(taken, unique("/lims")), binary(result(name, "lab"), unique("/lims"))])
    embedded_system.wait_idle()
    status, headers, after = get(embedded_system, "/rates", tag=tag, **asked)
    assert (status, after) == (200, before)  # something moved, if not this
    assert headers["ETag"] != tag


def test_answers_follow_the_verdicts_at_once(embedded_system: System, document: dict[str, Any]) -> None:
    """What was read before is not answered after the counts have moved."""
    lab = unique("lab")
    for expected in range(1, 6):
        name = unique()
        records = [binary(sample_taken(name), unique("/lims")), binary(result(name, lab), unique("/lims"))]
        embedded_system.produce(records)
        embedded_system.wait_idle()
        for cell in ({"cell": lab}, {}):
            rows = ask(embedded_system, document, "/rates", cut="laboratory", limit=5000, **cell)["rates"]
            assert [row["pass"] for row in rows if row["cell"] == lab] == [expected]


@pytest.mark.usefixtures("published")
def test_problems_name_the_parameter(embedded_system: System, document: dict[str, Any]) -> None:
    for path, asked, parameter in (
        ("/rates", {"cut": "street"}, "cut"),
        ("/rates/series", {"by": "hour"}, "by"),
        ("/rates/ranking", {"domain": "food"}, "plan"),
        ("/rates", {"cursor": "x"}, "cursor"),
    ):
        status, headers, problem = get(embedded_system, path, **asked)
        assert (status, headers["Content-Type"].partition(";")[0]) == (400, "application/problem+json")
        assert problem is not None
        Draft202012Validator(document["components"]["schemas"]["Problem"]).validate(problem)
        assert (problem["status"], problem["parameter"]) == (400, parameter)


@pytest.mark.usefixtures("published")
def test_the_command_line_draws(embedded_system: System, tmp_path: Path) -> None:
    asked = ("rates", "--cut", "county", "--domain", "cosmetic", "--plan", "special")
    series, ranking = tmp_path / "series.svg", tmp_path / "ranking.png"
    found = embedded_system.json(*asked, "--cell", COUNTIES[0], "--series", "month", "--plot", str(series))
    ids = {element.get("id"): element for element in ET.parse(series).iter()}
    marks = list(ids[f"line-0-{COUNTIES[0]}"].iter("{http://www.w3.org/2000/svg}use"))
    assert len(marks) == len(found[0]["points"]) > 20
    done = embedded_system.cli(*asked, "--ranking", "--plot", str(ranking))
    assert ranking.read_bytes().startswith(b"\x89PNG")
    assert all(county in done.stdout for county in COUNTIES)
    assert "beta-binomial" in done.stdout
    refused = embedded_system.cli(*asked, "--plot", str(tmp_path / "chart.pdf"), check=False)
    assert refused.returncode == 2
    assert ".svg or .png" in refused.stderr
