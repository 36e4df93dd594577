"""The manifests of deploy/kubernetes: valid by Kubernetes' own schemas, and saying the same as the program.

Needs kubernetes-validate (it carries the schemas, so no network), and kustomize for what the overlay comes to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.embedded.services import MODULES
from services.runtime.settings import PARTITIONS

KUBERNETES = Path(__file__).parents[2] / "deploy/kubernetes"
VERSION = "1.31"
Manifest = dict[str, Any]


def manifests(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]


@pytest.fixture(scope="module")
def base() -> list[Manifest]:
    files = sorted(path for path in (KUBERNETES / "base").glob("*.yaml") if path.name != "kustomization.yaml")
    return [found for path in files for found in manifests(path.read_text("utf-8"))]


@pytest.fixture(scope="module")
def overlay() -> list[Manifest]:
    tool = os.environ.get("KUSTOMIZE") or shutil.which("kustomize")
    if not tool:
        pytest.skip("kustomize is not installed")
    built = subprocess.run(
        [tool, "build", str(KUBERNETES / "overlays/production")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0 and not built.stderr, built.stderr
    return manifests(built.stdout)


def _validate(found: list[Manifest]) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    checked = [one for one in found if not one["apiVersion"].startswith("keda.sh/")]
    assert len(checked) > 10
    for one in checked:
        validator.validate(one, VERSION, strict=True)


def test_the_base_is_valid(base: list[Manifest]) -> None:
    _validate(base)


def test_a_wrong_manifest_is_refused(base: list[Manifest]) -> None:
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    [wrong] = [one for one in base if one["kind"] == "CronJob"]
    with pytest.raises(Exception, match="shedule"):
        _validate([*base, {**wrong, "spec": {**wrong["spec"], "shedule": "daily"}}])


def test_the_overlay_is_valid_and_complete(overlay: list[Manifest]) -> None:
    _validate(overlay)
    [settings] = [one for one in overlay if one["kind"] == "ConfigMap" and "SAMPLEWATCH_KAFKA" in one["data"]]
    assert settings["data"]["SAMPLEWATCH_KAFKA"] == "kafka-bootstrap.kafka.svc:9092"
    for one in overlay:
        if one["kind"] != "Deployment":
            continue
        pod = one["spec"]["template"]
        assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "samplewatch"  # or no network policy holds
        [container] = pod["spec"]["containers"]
        assert container["image"] == "registry.example.org/samplewatch:0.1.0"
        assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]


def test_each_service_is_deployed_probed_bounded_and_confined(base: list[Manifest]) -> None:
    deployments = [one for one in base if one["kind"] == "Deployment"]
    modules = []
    for one in deployments:
        [container] = one["spec"]["template"]["spec"]["containers"]
        modules.append(container["command"][-1])
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["resources"]["requests"] and container["resources"]["limits"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    assert sorted(modules) == sorted(MODULES.values())
    names = {one["metadata"]["name"] for one in deployments}
    budgets = [one for one in base if one["kind"] == "PodDisruptionBudget"]
    assert {one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] for one in budgets} == names


def test_scaling_watches_all_topics_of_groups_that_exist(base: list[Manifest]) -> None:
    scaled = [one for one in base if one["kind"] == "ScaledObject"]
    assert len(scaled) == len(MODULES)
    for one in scaled:
        [trigger] = one["spec"]["triggers"]
        group = f"samplewatch-{one['metadata']['name'].replace('-', '_')}"
        assert group.removeprefix("samplewatch-") in MODULES
        assert (trigger["type"], trigger["metadata"]["consumerGroup"]) == ("kafka", group)
        assert "topic" not in trigger["metadata"]  # which makes it all that the group reads
        assert 2 <= one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"] <= PARTITIONS


def test_secrets_are_only_referred_to(base: list[Manifest]) -> None:
    assert not [one for one in base if one["kind"] == "Secret"]
