"""A risk hotspot through all services: samples, verdicts, cases, detector, finding, alert.

On a system of its own: the first model is fitted half a minute after the first verdict, to what was sampled before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.topics import HOTSPOT_MODELS
from tests.events import FAILED_ITEM, PASSED_ITEM, binary, result, sample_taken
from tests.system import System, unique

COUNTIES = tuple(str(659_100 + n) for n in range(30))
RISING = COUNTIES[7]


def feed(system: System, source: str, samples: list[tuple[str, bool, float]]) -> None:
    """Samples of (county, failed, days ago), each of a party of its own, with their results."""
    now, sent = datetime.now(UTC), []
    for county, failed, days in samples:
        sample_id, at = unique("H"), now - timedelta(days=days)
        party = {"name": f"party {sample_id}"}
        taken = sample_taken(sample_id, region=county, sampled_at=at.isoformat(), sampled_party=party)
        item = FAILED_ITEM if failed else PASSED_ITEM
        report = result(sample_id, "lab-h", item, issued_at=(at + timedelta(hours=1)).isoformat())
        sent += [binary(taken, source), binary(report, source)]
    system.produce(sent)


def test_a_rise_becomes_one_alert_that_explains_itself(module_system: System) -> None:
    system, source = module_system, unique("/hotspots")
    # what the model learns from lies before its guard of 28 days
    feed(system, source, [(COUNTIES[n % 30], n % 40 == 0, 60) for n in range(600)])

    def model() -> Any:
        answer = system.get("hotspots", "/hotspots")
        return answer if answer["model"] and answer["active_cells"] else None

    answer = system.eventually(model, "a model")
    assert answer["confirmed_from"] >= 30
    assert answer["model"] in {m["version"] for m in system.messages(HOTSPOT_MODELS.name)}

    feed(system, source, [(RISING, n % 2 == 0, 1) for n in range(60)])
    wanted = {"kind": "hotspot", "area": RISING}
    found = system.eventually(lambda: system.alerts(**wanted), "an alert of the hotspot")
    system.wait_idle()
    found = [alert for alert in system.alerts(**wanted) if alert["subject"] == f"food|supervision|county|{RISING}"]
    (alert,) = found
    assert alert["certainty"] == "Likely" and alert["severity"] == "Severe" and alert["state"] == "raised"
    facts = {fact["name"]: fact["value"] for fact in alert["evidence"]}
    assert facts["failed"] == "30" and float(facts["expected"]) < 10 and facts["model"] == answer["model"]
    assert float(facts["e_value"]) >= float(facts["threshold"])
    listed = system.json("hotspots", "list", "--cut", "county", "--json")["hotspots"]
    assert RISING in {row["cell"] for row in listed}
