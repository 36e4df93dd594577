"""What the demo takes from its environment, and what it tells people to type."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

from rich.console import Console

from services.cli import demo_system
from services.cli.demo_screen import Screen


def test_of_the_operators_settings_only_the_log_level_counts() -> None:
    env = {
        "PATH": "/bin",
        "XDG_CACHE_HOME": "/cache",
        "SAMPLEWATCH_LOG_LEVEL": "INFO",
        "SAMPLEWATCH_KAFKA": "broker:9092",
        "SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls",
        "SAMPLEWATCH_ROUTES": "/etc/routes.yaml",
        "SAMPLEWATCH_LABORATORIES": "/etc/laboratories.yaml",
        "SAMPLEWATCH_TOKENS": "/etc/tokens.yaml",
        "SAMPLEWATCH_HOTSPOTS_URL": "http://elsewhere",
    }
    demo_system.forget_settings(env)
    assert set(env) == {"PATH", "XDG_CACHE_HOME", "SAMPLEWATCH_LOG_LEVEL"}


def test_the_commands_that_look_further_can_be_typed_as_they_are() -> None:
    out = io.StringIO()
    Screen(Console(file=out, width=200)).further(Path("my data/demo"), "S1", running=False)
    lines = [line for line in out.getvalue().splitlines() if "--dir" in line]
    assert len(lines) == 7
    assert all(shlex.split(line)[-1] == "my data/demo" for line in lines)
