"""The rules: promtool's own tests, and a page for each alert."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from services.runtime.metrics import CATALOGUE
from tests.prometheus import RULES, promtool, shortened, why_not
from tests.system import ROOT

FILES = ("alerting_rules.yaml", "recording_rules.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks"


def rules(kind: str) -> list[dict[str, Any]]:
    found = [yaml.safe_load((RULES / name).read_text())["groups"] for name in FILES]
    return [rule for groups in found for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", *FILES), ("test", "rules", "tests.yaml"), ("test", "rules", "tests_of_days.yaml")],
    ids=["check", "tests", "tests of days"],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_by_promtool_and_seen_to_fire_there() -> None:
    fired = set()
    for name in ("tests.yaml", "tests_of_days.yaml"):
        for test in yaml.safe_load((RULES / name).read_text())["tests"]:
            fired |= {one["alertname"] for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_page(name: str) -> None:
    rule = ALERTS[name]
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page == RUNBOOKS / f"{name}.md"
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    assert "## Look at\n" in text and "## Do\n" in text
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_page_has_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == ALERTS.keys()


def test_rules_and_pages_name_metrics_of_the_catalogue() -> None:
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    known = {metric.name + suffix for metric in CATALOGUE for suffix in suffixes.get(metric.kind, ("",))}
    known |= {metric.name for metric in CATALOGUE}
    recorded = {rule["record"] for rule in rules("record")}
    texts = [rule["expr"] for kind in ("alert", "record") for rule in rules(kind)]
    texts += [page.read_text() for page in RUNBOOKS.glob("*.md")]
    for text in texts:
        for name in re.findall(r"(?:\w+:)?samplewatch_\w+(?::\w+)?", text):
            assert name in (recorded if ":" in name else known), name


def test_times_of_rules_can_be_shortened() -> None:
    rule = "  expr: sum(increase(a_total[10m])) > 20 and b_seconds > 300 or c offset 1d == 1\n  for: 5m\n"
    short = shortened(rule, 1 / 60)
    assert short == "  expr: sum(increase(a_total[10s])) > 20 and b_seconds > 5 or c offset 30s == 1\n  for: 5s\n"
    assert shortened(rule, 1) == rule
    rule = '  expr: rate(samplewatch_urgent_delivery_seconds_bucket{le="60.0"}[3d]) > 0.01\n  for: 1h\n'
    short = '  expr: rate(samplewatch_urgent_delivery_seconds_bucket{le="1.0"}[30s]) > 0.01\n  for: 15s\n'
    assert shortened(rule, 1 / 60) == short
