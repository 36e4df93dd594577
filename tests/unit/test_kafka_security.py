"""The settings by which Kafka is spoken to, and that the password shows nowhere."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from kafka.producer.kafka import KafkaProducer

from services.runtime.kafka_security import BadKafkaSecurity, KafkaSecurity, client_options

SCRAM = {"SAMPLEWATCH_KAFKA_USER": "samplewatch", "SAMPLEWATCH_KAFKA_PASSWORD": "pass-4711"}


def test_without_settings_nothing_changes() -> None:
    assert client_options({}) == {}
    assert KafkaSecurity.from_env({}).credentials() is None


def test_sasl_without_tls() -> None:
    options = client_options({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_plaintext"})
    assert options == {
        "security_protocol": "SASL_PLAINTEXT",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "samplewatch",
        "sasl_plain_password": "pass-4711",
    }
    assert set(options) <= set(KafkaProducer.DEFAULT_CONFIG)


@pytest.mark.parametrize("security", ["tls", "sasl_tls"])
def test_tls_checks_certificate_and_host_name(security: str) -> None:
    context = client_options({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": security})["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_faust_gets_the_same() -> None:
    tls = KafkaSecurity.from_env({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls"}).credentials()
    assert (tls.protocol.value, tls.mechanism.value, tls.username) == ("SASL_SSL", "SCRAM-SHA-512", "samplewatch")
    plain = KafkaSecurity.from_env({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_plaintext"}).credentials()
    assert plain.protocol.value == "SASL_PLAINTEXT"
    assert KafkaSecurity.from_env({"SAMPLEWATCH_KAFKA_SECURITY": "tls"}).credentials().protocol.value == "SSL"


def test_the_password_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pass-4711\n")
    env = {"SAMPLEWATCH_KAFKA_USER": "u", "SAMPLEWATCH_KAFKA_PASSWORD_FILE": str(file)}
    assert client_options({**env, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_plaintext"})["sasl_plain_password"] == "pass-4711"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"SAMPLEWATCH_KAFKA_SECURITY": "ssl"}, "SAMPLEWATCH_KAFKA_SECURITY"),
        ({"SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls", "SAMPLEWATCH_KAFKA_PASSWORD": "pass-4711"}, "_KAFKA_USER"),
        ({"SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls", "SAMPLEWATCH_KAFKA_USER": "u"}, "_KAFKA_PASSWORD_FILE"),
        ({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls", "SAMPLEWATCH_KAFKA_MECHANISM": "PLAIN"}, "_MECHANISM"),
        ({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls", "SAMPLEWATCH_KAFKA_CA": "/nowhere.pem"}, "_KAFKA_CA"),
        ({**SCRAM, "SAMPLEWATCH_KAFKA_PASSWORD_FILE": "/nowhere"}, "_KAFKA_PASSWORD_FILE"),
    ],
)
def test_what_is_wrong_is_named_without_the_password(env: dict[str, str], named: str) -> None:
    with pytest.raises(BadKafkaSecurity, match=named) as error:
        client_options(env)
    assert "pass-4711" not in str(error.value)


def test_no_repr_shows_the_password() -> None:
    security = KafkaSecurity.from_env({**SCRAM, "SAMPLEWATCH_KAFKA_SECURITY": "sasl_tls"})
    assert "pass-4711" not in f"{security!r} {security} {security.credentials()!r}"
