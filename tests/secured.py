"""A broker with TLS, SCRAM users and ACLs, and a Redis with a user of few rights, on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis import Redis as RedisClient
from redis.exceptions import RedisError

from deploy.embedded.kafka import Kafka, server_properties
from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn, stop, tail
from deploy.embedded.redis import Redis
from tests.containers import REDIS_IMAGE, FixedPortContainer
from tests.system import ROOT, WAIT_S

LISTENER = "SASL_SSL"
_JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required"


def certificates(directory: Path) -> tuple[Path, Path]:
    """An authority of the test's own, and the broker's key with its certificate: the two files, in PEM."""

    def certificate(
        name: str, public: ec.EllipticCurvePublicKey, issuer: str, key: ec.EllipticCurvePrivateKey
    ) -> bytes:
        now, is_ca = datetime.now(UTC), name == issuer
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
        made = (
            x509.CertificateBuilder(names[1], names[0], public, x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        if is_ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            made = made.add_extension(usage, critical=True)
        else:
            loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            made = made.add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    authority, broker = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca, keystore = directory / "ca.pem", directory / "broker.pem"
    ca.write_bytes(certificate("test-ca", authority.public_key(), "test-ca", authority))
    private = broker.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keystore.write_bytes(private + certificate("broker", broker.public_key(), "test-ca", authority))
    return ca, keystore


class SecuredKafka(Kafka):
    """The embedded broker with other properties; its users, `admin` among them, are made when it is formatted."""

    def __init__(self, directory: Path, users: Mapping[str, str], keystore: Path) -> None:
        super().__init__(directory)
        self._users, self._keystore = users, keystore
        self.clear_port = 0

    def prepare(self, ports: Ports) -> None:
        """Overridden for one more port."""
        self.clear_port = ports.get("kafka-clear")
        super().prepare(ports)

    def _format_options(self) -> list[str]:
        made = (f"SCRAM-SHA-512=[name={name},password={word}]" for name, word in self._users.items())
        return [word for user in made for word in ("--add-scram", user)]

    def _settings(self, port: int, controller_port: int) -> dict[str, object]:
        admin = f'{_JAAS} username="admin" password="{self._users["admin"]}";'
        outside = f"SASL_SSL://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{self.clear_port}"
        return {
            **server_properties(self._data, port, controller_port),
            "listeners": f"{outside},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": outside,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
            "inter.broker.listener.name": LISTENER,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": admin,
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": admin,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._keystore,
            # at its start the broker tries its own certificate out
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._keystore.with_name("ca.pem"),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # the broker itself, on the controller's listener, which only loopback reaches
            "super.users": "User:admin;User:ANONYMOUS",
        }


@contextlib.contextmanager
def secured_kafka(directory: Path, users: Mapping[str, str], keystore: Path) -> Iterator[SecuredKafka]:
    """The broker, ready, and ended at last."""
    kafka = SecuredKafka(directory, users, keystore)
    kafka.prepare(Ports(directory))
    child = spawn("kafka", kafka.command(), logs=directory / "logs")
    try:
        _await(lambda: _listens(kafka.clear_port), lambda: tail(directory / "logs" / "kafka.log", 40))
        yield kafka
    finally:
        stop([child], 20)


class TlsRedis(FixedPortContainer):
    """Redis in a container that speaks TLS and nothing else; the embedded one is built without."""

    def __init__(self, directory: Path, acl: Path, keystore: Path) -> None:
        super().__init__(REDIS_IMAGE)
        served = directory / "redis-served"
        served.mkdir()
        for file, name in ((acl, "users.acl"), (keystore, "server.pem")):
            (served / name).write_bytes(file.read_bytes())
            (served / name).chmod(0o644)  # the container's user has to read them
        self.with_volume_mapping(str(served), "/etc/served", "ro")
        tls = ["--port", "0", "--tls-port", "6379", "--tls-auth-clients", "no"]
        files = [f"--tls-{kind}-file" for kind in ("cert", "key", "ca-cert")]
        tls += [word for name in files for word in (name, "/etc/served/server.pem")]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        self.with_command(["redis-server", "--bind", "0.0.0.0", *tls, "--aclfile", "/etc/served/users.acl", *kept])
        self.publish(6379)


@contextlib.contextmanager
def secured_redis(directory: Path, ca: Path | None = None) -> Iterator[tuple[str, RedisClient]]:
    """The URL of the services' user, as deploy/redis/users.acl has it, and a client that may do everything.

    With the file of an authority, whose keystore lies beside it, over TLS; that takes an engine of containers.
    """
    password, admin = secrets.token_hex(16), secrets.token_hex(16)
    rules = (ROOT / "deploy/redis/users.acl").read_text()
    rules = rules.replace("SHA256_OF_THE_PASSWORD", hashlib.sha256(password.encode()).hexdigest())
    acl = directory / "users.acl"
    acl.write_text(f"{rules}user admin on >{admin} ~* &* +@all\n")
    with contextlib.ExitStack() as stack:
        if ca is not None:
            container = TlsRedis(directory, acl, ca.with_name("broker.pem"))
            stack.enter_context(container)
            scheme, address, query = "rediss", f"{container.address}/0", f"?ssl_ca_certs={ca}"
        else:
            redis = Redis(directory)
            redis.prepare(Ports(directory))
            child = spawn("redis", [*redis.command(), "--aclfile", str(acl)], logs=directory / "logs")
            stack.callback(stop, [child], 20)
            scheme, address, query = "redis", redis.address.removeprefix("redis://"), ""
        client = RedisClient.from_url(f"{scheme}://admin:{admin}@{address}{query}")
        stack.enter_context(client)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except RedisError:
                return False

        _await(answers, lambda: container.get_logs()[0].decode() if ca else tail(directory / "logs" / "redis.log"))
        yield f"{scheme}://samplewatch:{password}@{address}{query}", client


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _await(ready: Callable[[], bool], why: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not ready():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)
