"""How Kafka is spoken to, by services and commands alike: in the clear, over TLS, with SASL/SCRAM, or both.

Read from the environment: SAMPLEWATCH_KAFKA_SECURITY (plaintext, tls, sasl_tls, sasl_plaintext), _KAFKA_USER,
_KAFKA_PASSWORD or _KAFKA_PASSWORD_FILE, _KAFKA_MECHANISM (SCRAM-SHA-512 or -256) and _KAFKA_CA (a PEM file; without it,
the authorities that the system trusts). The password is in no error, log or repr.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Our names -> Kafka's.
PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "tls": "SSL",
    "sasl_tls": "SASL_SSL",
    "sasl_plaintext": "SASL_PLAINTEXT",
}
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256")


class BadKafkaSecurity(OSError):
    """The settings contradict each other or are incomplete; the message names the variable, never a secret."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How to connect. user, password and mechanism count only with SASL, ca only with TLS."""

    security: str = "plaintext"
    user: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = MECHANISMS[0]
    ca: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> KafkaSecurity:
        """Reads the variables; raises BadKafkaSecurity."""
        security = env.get("SAMPLEWATCH_KAFKA_SECURITY") or "plaintext"
        if security not in PROTOCOLS:
            raise BadKafkaSecurity(f"SAMPLEWATCH_KAFKA_SECURITY is {security!r}, not one of {', '.join(PROTOCOLS)}")
        mechanism = env.get("SAMPLEWATCH_KAFKA_MECHANISM") or MECHANISMS[0]
        if mechanism not in MECHANISMS:
            raise BadKafkaSecurity(f"SAMPLEWATCH_KAFKA_MECHANISM is {mechanism!r}, not one of {', '.join(MECHANISMS)}")
        found = cls(
            security,
            env.get("SAMPLEWATCH_KAFKA_USER", ""),
            _password(env),
            mechanism,
            env.get("SAMPLEWATCH_KAFKA_CA", ""),
        )
        if found.sasl and not (found.user and found.password):
            raise BadKafkaSecurity(
                f"SAMPLEWATCH_KAFKA_SECURITY={security} needs SAMPLEWATCH_KAFKA_USER, and SAMPLEWATCH_KAFKA_PASSWORD "
                "or SAMPLEWATCH_KAFKA_PASSWORD_FILE"
            )
        return found

    @property
    def sasl(self) -> bool:
        """Whether the client says who it is."""
        return self.security.startswith("sasl_")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Checks the broker's certificate and host name; None without TLS."""
        if not self.security.endswith("tls"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except (OSError, ssl.SSLError) as error:
            raise BadKafkaSecurity(f"SAMPLEWATCH_KAFKA_CA: {self.ca}: {error}") from error

    def options(self) -> dict[str, Any]:
        """What a client of kafka-python and of aiokafka takes; both use the same names. Empty in the clear."""
        if self.security == "plaintext":
            return {}
        options: dict[str, Any] = {"security_protocol": PROTOCOLS[self.security], "ssl_context": self.ssl_context()}
        if self.sasl:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def credentials(self) -> Any:
        """What Faust takes as broker_credentials; None in the clear."""
        from faust.auth import SASLCredentials, SSLCredentials

        context = self.ssl_context()
        if self.sasl:
            return SASLCredentials(
                username=self.user, password=self.password, ssl_context=context, mechanism=self.mechanism
            )
        return SSLCredentials(context) if context is not None else None


def _password(env: Mapping[str, str]) -> str:
    path = env.get("SAMPLEWATCH_KAFKA_PASSWORD_FILE")
    if not path:
        return env.get("SAMPLEWATCH_KAFKA_PASSWORD", "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKafkaSecurity(f"SAMPLEWATCH_KAFKA_PASSWORD_FILE: {path}: {type(error).__name__}") from None


def client_options(env: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The security options of a client of this process, for kafka-python and aiokafka."""
    return KafkaSecurity.from_env(env).options()
