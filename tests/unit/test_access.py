"""Roles, areas, rates and tokens of the HTTP API."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from services.cli.secrets_commands import keys as keys_command
from services.cli.secrets_commands import tokens as tokens_command
from services.runtime.access import PAGES, ROLES, refusal
from services.runtime.guard import guard
from services.runtime.rate_limit import Bucket
from services.runtime.tokens import BadTokens, Token, hash_of, load_tokens, make_token

SAMPLE, ALERT = "/samples/S-1", "/alerts/3-abc"
MAY = {
    "inspector": {SAMPLE, "/deadlines", "/alerts", ALERT, "/rates", "/rates/series", "/hotspots", "/openapi.json"},
    "manager": {"/deadlines", "/alerts", "/rates", "/rates/ranking", "/hotspots", "/openapi.json"},
    "operations": {SAMPLE, "/deadlines", "/alerts", ALERT, "/rates", "/hotspots", "/routes", "/openapi.json"},
    "laboratory": {"/rates", "/rates/series", "/rates/ranking", "/openapi.json"},
}
REGIONS = {
    "S-1": "621002",
    "S-2": "110101",
    "chicago": "US-IL/Chicago/60609",
    "heights": "US-IL/Chicago Heights/60411",
}
ALL = set().union(*MAY.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_ask_for_its_pages_and_no_other(role: str) -> None:
    assert {page for page in ALL if refusal(role, (), page, {}) is None} >= MAY[role]
    for page in ("/routes", SAMPLE, ALERT, "/alerts"):
        assert (refusal(role, (), page, {}) is None) == (page in MAY[role])


@given(path=st.text(max_size=30))
def test_a_page_that_is_not_listed_is_refused_to_all(path: str) -> None:
    listed = any(row.page.fullmatch(path) for row in PAGES)
    assert listed or all(refusal(role, (), path, {}) for role in ROLES)


def test_a_laboratory_sees_no_rates_by_name() -> None:
    for cut in ("laboratory", "producer", "sampled_party", "county_stage_category"):
        assert refusal("laboratory", (), "/rates", {"cut": cut})
    assert refusal("laboratory", (), "/rates", {"cut": "county"}) is None


def test_areas_hold_a_token_to_what_begins_with_them() -> None:
    areas = ("6210", "6201")
    assert refusal("inspector", areas, "/alerts", {"area": "621002"}) is None
    for query in ({}, {"area": ""}, {"area": "62"}, {"area": "11"}):
        assert refusal("inspector", areas, "/alerts", query)
    assert refusal("inspector", areas, "/deadlines", {"region": "6201"}) is None
    assert refusal("inspector", areas, "/rates", {})  # cannot be held to an area


@pytest.mark.parametrize("area", ["US-IL/Chicago", "US-IL/Chicago/"])
def test_an_area_that_is_a_path_opens_no_other_whose_name_begins_so(area: str) -> None:
    tokens = {DIGEST: Token("i", "inspector", (area,))}
    for region, status in (("US-IL/Chicago", 200), ("US-IL/Chicago/60609", 200), ("US-IL/Chicago Heights", 403)):
        assert ask(tokens, f"/alerts?area={region}", KEY)[0] == status
    assert ask(tokens, "/samples/chicago", KEY)[0] == 200
    assert ask(tokens, "/samples/heights", KEY)[0] == 404


def ask(tokens: dict[str, Token], path: str, token: str | None, clock: Any = lambda: 0.0, times: int = 1) -> Any:
    """Status, headers and body of the last of so many requests to a service with a few pages."""

    async def run() -> Any:
        app = web.Application(middlewares=[guard(tokens, clock)])

        async def page(request: web.Request) -> web.Response:
            if request.path == "/samples/none":
                return web.json_response({"error": "no sample"}, status=404)
            region = REGIONS.get(request.path.rpartition("/")[2])
            return web.json_response({"sample": {"region": region}} if region else {"fine": True})

        app.router.add_get("/{path:.*}", page)
        async with TestClient(TestServer(app)) as client:
            for _ in range(times):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                answer = await client.get(path, headers=headers)
                body = await answer.text()
        return answer.status, answer.headers, body

    return asyncio.run(run())


KEY, DIGEST = make_token()
INSPECTOR = {DIGEST: Token("i", "inspector")}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_need_no_token(path: str) -> None:
    assert ask(INSPECTOR, path, None)[0] == 200


@pytest.mark.parametrize("token", [None, "wrong", KEY[:-1], DIGEST], ids=["none", "wrong", "cut off", "its digest"])
def test_without_a_known_token_nothing_is_told(token: str | None) -> None:
    status, headers, body = ask(INSPECTOR, SAMPLE, token)
    assert status == 401
    assert headers["Content-Type"].startswith("application/problem+json")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert "621002" not in body
    assert token is None or token not in body


def test_a_known_token_is_held_to_its_role() -> None:
    assert ask(INSPECTOR, SAMPLE, KEY)[0] == 200
    assert ask(INSPECTOR, "/routes", KEY)[0] == 403
    assert ask(INSPECTOR, "/unheard-of", KEY)[0] == 403


def test_areas_hide_what_lies_elsewhere_as_if_it_were_not_there() -> None:
    tokens = {DIGEST: Token("i", "inspector", ("6210",))}
    assert ask(tokens, "/samples/S-1", KEY)[0] == 200
    elsewhere, nowhere = ask(tokens, "/samples/S-2", KEY), ask(tokens, "/samples/none", KEY)
    assert (elsewhere[0], elsewhere[2]) == (nowhere[0], nowhere[2])
    assert elsewhere[0] == 404


def test_a_parameter_given_twice_gets_no_answer() -> None:
    tokens = {DIGEST: Token("i", "inspector", ("6210",))}
    assert ask(tokens, "/alerts?area=6210", KEY)[0] == 200
    assert ask(tokens, "/alerts?area=6210&area=11", KEY)[0] == 400


def test_past_its_rate_a_token_waits() -> None:
    tokens = {DIGEST: Token("i", "inspector", rate=0.5, burst=3)}
    assert ask(tokens, SAMPLE, KEY, times=3)[0] == 200
    status, headers, _ = ask(tokens, SAMPLE, KEY, times=4)
    assert (status, headers["Retry-After"]) == (429, "2")


@given(rate=st.floats(0.1, 100), burst=st.floats(1, 100), gaps=st.lists(st.floats(0, 10), max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate(rate: float, burst: float, gaps: list[float]) -> None:
    bucket, now, given_out = Bucket(rate, burst, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        wait = bucket.take(now)
        given_out += wait == 0
        assert given_out <= burst + now * rate + 1e-6
        if wait:
            # and it keeps its word: after the wait there is one
            now += wait + 1e-6
            assert bucket.take(now) == 0
            given_out += 1


def write(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"tokens": entries}))
    return path


def test_tokens_are_read_from_their_file(tmp_path: Path) -> None:
    entry = {"name": "d", "sha256": DIGEST, "role": "inspector", "areas": ["6210"]}
    assert load_tokens(write(tmp_path / "t", entry)) == {hash_of(KEY): Token("d", "inspector", ("6210",))}
    assert KEY not in (tmp_path / "t").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "root"},
        {"areas": [""]},
        {"areas": []},
        {"areas": "6210"},
        {"areas": [6210]},
        {"sha256": KEY},
        {"rate": 0},
        {"rôle": 1},
    ],
)
def test_a_file_that_would_open_too_much_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    entry = {"name": "d", "sha256": DIGEST, "role": "inspector", **wrong}
    with pytest.raises(BadTokens):
        load_tokens(write(tmp_path / "t", entry))


@pytest.mark.parametrize(
    "options",
    [
        ["--name", "", "--role", "inspector"],
        ["--name", " d", "--role", "inspector"],
        ["--name", "d", "--role", "inspector", "--area", ""],
        ["--name", "d", "--role", "laboratory", "--area", "6210"],
    ],
)
def test_no_token_is_made_that_names_nobody_or_opens_nothing(options: list[str]) -> None:
    refused = CliRunner().invoke(tokens_command, ["create", *options])
    assert (refused.exit_code, "sw_" in refused.output) == (2, False)


def test_a_token_that_is_made_is_read(tmp_path: Path) -> None:
    options = ["--name", "d", "--role", "inspector", "--area", "6210"]
    made = CliRunner().invoke(tokens_command, ["create", *options])
    (tmp_path / "t").write_text(f"tokens:\n{made.stdout}")
    assert [token.areas for token in load_tokens(tmp_path / "t").values()] == [("6210",)]


@pytest.mark.parametrize("options", [["--lab", "", "--source", "/a"], ["--lab", "lab-a", "--source", " "]])
def test_no_key_is_made_for_nobody(tmp_path: Path, options: list[str]) -> None:
    refused = CliRunner().invoke(keys_command, ["create", *options, "--out", str(tmp_path / "key")])
    assert refused.exit_code == 2
    assert not (tmp_path / "key").exists()
