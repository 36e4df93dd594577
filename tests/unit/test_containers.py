"""What the container image is made from: the runtime's part of the lock, and the data files of the packages."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy.containers.runtime_lock import EMBEDDED, runtime_lock
from deploy.embedded.services import SERVICES

ROOT = Path(__file__).parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_lock_of_the_image_has_what_runs_and_nothing_of_development() -> None:
    lock = runtime_lock(PYPROJECT, (ROOT / "requirements.lock").read_text("utf-8"))
    names = {line.split("==")[0] for line in lock.splitlines() if "==" in line and line[0].isalpha()}
    assert {"faust-streaming", "aiokafka", "mode-streaming", "multidict", "pydantic-core", "numpy"} <= names
    assert not names & (EMBEDDED | {"pytest", "mypy", "ruff", "testcontainers", "hypothesis", "polars"})
    assert lock.count("--hash=sha256:") > len(names)


def test_a_dependency_that_is_not_locked_is_an_error() -> None:
    with pytest.raises(ValueError, match="aiokafka"):
        runtime_lock('[project]\ndependencies = ["aiokafka>=0.14"]', "redis==6.0 \\\n    --hash=sha256:00\n")


def test_what_is_needed_by_something_needed_is_kept() -> None:
    lock = "a==1 \\\n    --hash=sha256:1\n    # via samplewatch (pyproject.toml)\n"
    lock += "b==2 \\\n    --hash=sha256:2\n    # via\n    #   a\n    #   z\n"
    lock += "c==3 \\\n    --hash=sha256:3\n    # via z\nd==4 \\\n    --hash=sha256:4\n    # via b\n"
    kept = runtime_lock('[project]\ndependencies = ["A>=1"]', lock)
    assert [line[0] for line in kept.splitlines() if "==" in line] == ["a", "b", "d"]


def test_every_data_file_of_the_services_is_in_the_wheel() -> None:
    declared = tomllib.loads(PYPROJECT)["tool"]["setuptools"]["package-data"]
    shipped = [
        f"{package.replace('.', '/')}/{pattern}" for package, patterns in declared.items() for pattern in patterns
    ]
    files = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "services").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    missing = [name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in shipped)]
    assert files and not missing


def test_compose_hands_every_service_the_settings_that_all_of_them_need() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
    for name in SERVICES:
        for setting in ("DAILY_LABORATORIES", "TOKENS", "LABORATORIES", "CUTS", "DEADLINES"):
            variable = f"SAMPLEWATCH_{setting}"
            assert services[name]["environment"][variable] == f"${{{variable}:-}}"
        assert any(volume.endswith(":/etc/samplewatch/config:ro") for volume in services[name]["volumes"])
    assert services["alerts"]["environment"]["SAMPLEWATCH_ROUTES"] == "${SAMPLEWATCH_ROUTES:-}"
