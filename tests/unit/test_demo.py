"""What the demo takes from its environment, and what it tells people to type."""

from __future__ import annotations

from services.cli import demo_system


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
