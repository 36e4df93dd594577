"""What a running system exposes is what the catalogue says, no more and no less."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from services.runtime.metrics import CATALOGUE
from tests.system import SERVICES
from tests.watched import Watched, watched


def test_the_catalogue_is_what_a_running_system_exposes(tmp_path: Path) -> None:
    with watched(tmp_path) as world:
        world.work()
        for service in SERVICES:
            compare(world, service)


def compare(world: Watched, service: str) -> None:
    """Everything exposed is declared, with its labels; what the service is to set has series."""
    declared = {metric.name.removesuffix("_total"): metric for metric in CATALOGUE}
    exposed = {
        family.name: family
        for family in text_string_to_metric_families(world.system.get(service, "/metrics"))
        if family.name.startswith("samplewatch_") and not family.name.endswith("_created")
    }
    assert exposed.keys() == declared.keys(), service
    for name, metric in declared.items():
        family = exposed[name]
        assert family.type == metric.kind
        assert family.documentation == metric.meaning
        labels = {tuple(sorted(set(sample.labels) - {"le"})) for sample in family.samples}
        assert labels <= {tuple(sorted(metric.labels))}, name
        if service in metric.services and not metric.seldom:
            assert family.samples, f"{service} has no series of {name}"
