"""Settings that can't be used are told by their variable, and a service that has one ends with the status for it."""

from __future__ import annotations

import logging

import pytest

from services.lab_results.cut_config import CutError, read_cuts
from services.runtime import start
from services.runtime.guard import web_options
from services.runtime.settings import BadSetting, Settings

WRONG = [
    ("HTTP_PORT", "abc"),
    ("HTTP_PORT", "0"),
    ("HTTP_PORT", "65536"),
    ("STALL_SECONDS", "x"),
    ("STALL_SECONDS", "nan"),
    ("SESSION_SECONDS", "-1"),
    ("DLQ_RATIO", "inf"),
    ("DLQ_RUN", "1.5"),
    ("REDIS", "nonsense"),
    ("REDIS", "redis://:secret@host:port/0"),
    ("KAFKA", "a:b:c"),
    ("KAFKA", "a:9092,"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_told_by_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"^SAMPLEWATCH_{name} is ") as raised:
        Settings.from_env({f"SAMPLEWATCH_{name}": value})
    assert "secret" not in str(raised.value)


def test_what_is_right_is_taken_as_it_is() -> None:
    env = {"KAFKA": "b-1:9092,[::1]:9092,b_2", "REDIS": "rediss://u:p@h:1/0?ssl_ca_certs=/x", "DLQ_RATIO": "0"}
    found = Settings.from_env({f"SAMPLEWATCH_{name}": value for name, value in env.items()})
    assert (found.kafka, found.redis, found.dlq_ratio) == (env["KAFKA"], env["REDIS"], 0)
    assert Settings.from_env({"SAMPLEWATCH_HTTP_PORT": ""}) == Settings()


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("sampling", "HTTP_PORT", "abc"),
        ("sampling", "WORKING_DAYS", "/nope"),
        ("sampling", "DEADLINES", "/nope"),
        ("sampling", "TOKENS", "/nope"),
        ("alerts", "ESCALATION", "/nope"),
        ("alerts", "FLOORS", "/nope"),
    ],
)
def test_a_service_with_a_wrong_setting_ends_with_one_line_and_the_status_for_it(
    service: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"SAMPLEWATCH_{name}", value)
    monkeypatch.setattr(start, "run", lambda *_: pytest.fail("it runs"))
    with caplog.at_level(logging.CRITICAL), pytest.raises(SystemExit) as ended:
        start.start(f"services.{service}.app")
    assert ended.value.code == 78
    (line,) = caplog.messages
    assert f"SAMPLEWATCH_{name}" in line and "\n" not in line


def test_files_are_told_by_the_variables_that_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match=r"^SAMPLEWATCH_TOKENS: /nope"):
        web_options(Settings(tokens="/nope"))
    monkeypatch.setenv("SAMPLEWATCH_CUTS", "/nope")
    with pytest.raises(CutError, match=r"^SAMPLEWATCH_CUTS: /nope"):
        read_cuts()
