"""Who sent a result: Ed25519 signatures over the whole message, and the registry of laboratories that checks them.

Kafka does not tell a reader who wrote a record, so a laboratory says it by a signature in the header `ce_signature`:
``<lab_id>:<base64 of 64 bytes>``. The registry holds public keys only. What it answers follows from the record and its
time of arrival alone, so that reading everything again comes to the same answers, also after a key was replaced.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

HEADER = "ce_signature"
#: The headers that say how the value is to be read, and who sent it under which id.
SIGNED_HEADERS = ("ce_specversion", "ce_type", "ce_source", "ce_id", "content-type")
_VERSION = b"samplewatch-1"

Headers = Iterable[tuple[str, bytes | None]]


class BadRegistry(ValueError):
    """The registry cannot be used; the message says where and why."""


class BadKey(OSError):
    """A file holds no Ed25519 private key; the message never quotes it."""


def signed_bytes(topic: str, key: bytes, headers: Headers, value: bytes) -> bytes:
    """What is signed: each part after its length (8 bytes, big-endian), so that no two messages give the same bytes.

    The parts: "samplewatch-1", topic, key, then name and content of each signed header that is there, then the value.
    """
    named = dict(headers)
    parts = [_VERSION, topic.encode(), key]
    for name in SIGNED_HEADERS:
        if (content := named.get(name)) is not None:
            parts += [name.encode(), content]
    return b"".join(len(part).to_bytes(8, "big") + part for part in (*parts, value))


class Signer:
    """Signs as one laboratory."""

    def __init__(self, lab_id: str, key: Ed25519PrivateKey) -> None:
        self.lab_id, self._key = lab_id, key

    @classmethod
    def from_file(cls, lab_id: str, path: Path) -> Signer:
        """Reads a private key in PEM (PKCS#8, without a password), as `samplewatch keys create` writes it.

        Raises BadKey.
        """
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError):
            raise BadKey(f"{path} holds no private key in PEM without a password") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey(f"{path} holds a private key of another kind than Ed25519")
        return cls(lab_id, key)

    def for_laboratory(self, lab_id: str) -> Signer:
        """The same key, under another lab_id."""
        return Signer(lab_id, self._key)

    def header(self, topic: str, key: bytes, headers: Headers, value: bytes) -> tuple[str, bytes]:
        """The header to add to a message."""
        signature = self._key.sign(signed_bytes(topic, key, headers, value))
        return HEADER, self.lab_id.encode() + b":" + base64.b64encode(signature)


class RegisteredKey(NamedTuple):
    """A public key, and between which times of arrival (Unix milliseconds, the end exclusive) it is good."""

    key: Ed25519PublicKey
    start: int
    end: int


class Laboratory(NamedTuple):
    """One laboratory: its keys, and the sources that it alone may name."""

    keys: Sequence[RegisteredKey]
    sources: frozenset[str]


class Registry:
    """The laboratories by lab_id. Results that arrived before `since` (Unix milliseconds) are not checked."""

    def __init__(self, laboratories: Mapping[str, Laboratory], since: int = 0) -> None:
        self._laboratories, self._since = laboratories, since

    def refusal(
        self, topic: str, key: bytes, headers: Headers, value: bytes, arrived: int, lab_id: str, source: str
    ) -> tuple[str, str] | None:
        """The field and the reason for which a result is not its laboratory's; None where it is.

        arrived: Unix milliseconds by the broker's clock. lab_id and source: what the event says.
        """
        if arrived < self._since:
            return None
        headers = tuple(headers)
        signer, signature = _opened(dict(headers).get(HEADER))
        if signer is None:
            return HEADER, "is missing, or is not LAB_ID:BASE64; results are to be signed"
        laboratory = self._laboratories.get(signer)
        if laboratory is None:
            return HEADER, "names a laboratory that is not registered"
        said = signed_bytes(topic, key, headers, value)
        if not any(
            _verifies(each.key, signature, said) for each in laboratory.keys if each.start <= arrived < each.end
        ):
            return HEADER, "is not that of a key that the laboratory has registered for this time"
        if lab_id != signer:
            return "lab_id", "is not the laboratory that signed"
        if source not in laboratory.sources:
            return "source", "is not one that the laboratory has registered"
        return None


def _opened(header: bytes | None) -> tuple[str, bytes] | tuple[None, bytes]:
    lab_id, colon, text = (header or b"").rpartition(b":")
    try:
        signature = base64.b64decode(text, validate=True)
        # one spelling for one signature: base64 leaves bits open at its end
        if not colon or len(signature) != 64 or base64.b64encode(signature) != text:
            return None, b""
        return lab_id.decode(), signature
    except (binascii.Error, UnicodeDecodeError):
        return None, b""


def _verifies(key: Ed25519PublicKey, signature: bytes, said: bytes) -> bool:
    try:
        key.verify(signature, said)
    except InvalidSignature:
        return False
    return True


def load_registry(path: Path) -> Registry:
    """Reads a registry (YAML):

    since: 2026-01-01T00:00:00+08:00        # earlier results are not checked; left out: all are
    laboratories:
      lab-qy1:
        sources: [/lims/qy-01]
        keys:
          - key: <base64 of the 32 bytes of an Ed25519 public key>
            from: 2026-01-01T00:00:00+08:00  # left out: from the beginning
            until: 2027-01-01T00:00:00+08:00 # left out: for ever

    Raises BadRegistry, also where two laboratories share a source or a key.
    """
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = read["laboratories"].items()
        laboratories = {str(lab_id): _laboratory(str(lab_id), entry) for lab_id, entry in entries}
        since = _moment(read.get("since"), 0)
    except BadRegistry as error:
        raise BadRegistry(f"{path}: {error}") from None
    except (OSError, yaml.YAMLError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadRegistry(f"{path}: {type(error).__name__}: {error}") from None
    _refuse_shared(path, "source", [source for each in laboratories.values() for source in each.sources])
    _refuse_shared(path, "key", [one.key.public_bytes_raw() for each in laboratories.values() for one in each.keys])
    return Registry(laboratories, since)


def _laboratory(lab_id: str, entry: Mapping[str, object]) -> Laboratory:
    keys, sources = entry.get("keys"), entry.get("sources")
    if not isinstance(keys, list) or not keys or not isinstance(sources, list) or not sources:
        raise BadRegistry(f"{lab_id} needs keys and sources, as lists")
    try:
        # of a misspelt `until` the key would be good for ever
        if unknown := {name for one in keys for name in one} - {"key", "from", "until"}:
            raise ValueError(f"{', '.join(sorted(map(str, unknown)))}: no such member")
        read = [
            RegisteredKey(
                Ed25519PublicKey.from_public_bytes(base64.b64decode(one["key"], validate=True)),
                _moment(one.get("from"), 0),
                _moment(one.get("until"), 2**63),
            )
            for one in keys
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRegistry(f"{lab_id}: a key cannot be read: {error}") from None
    return Laboratory(read, frozenset(map(str, sources)))


def _moment(value: object, default: int) -> int:
    if value is None:
        return default
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise BadRegistry(f"{value} is not a time with an offset")
    return int(moment.timestamp() * 1000)


def _refuse_shared(path: Path, what: str, values: list[str] | list[bytes]) -> None:
    if len(set(values)) < len(values):
        raise BadRegistry(f"{path}: a {what} is registered twice")
