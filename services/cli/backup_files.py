"""A backup as files: one for each topic with its records, zstd over msgpack, and a manifest that is written last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import zstandard

MANIFEST = "manifest.json"
_FORMAT = 2
#: Formats that this version reads. 1 had headers' names as text.
_READ = (1, 2)
_BLOCK = 1 << 20


class BackupError(Exception):
    """A backup cannot be made, or what lies there is none, or is damaged."""


class Entry(NamedTuple):
    """One record. timestamp: milliseconds since the epoch, as the broker has it.

    headers: names are bytes, in files of format 1 text (msgspec knows no union of both).
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[Any, bytes | None], ...]


class Extent(msgspec.Struct, frozen=True):
    """Of a partition: its first offset, the offset behind the last record that the backup has, and how many it has."""

    start: int
    end: int
    records: int

    @property
    def unbroken(self) -> bool:
        """Whether records get their old offsets in an empty partition: none was deleted, compacted away or aborted."""
        return self.start == 0 and self.records == self.end


class TopicFile(msgspec.Struct, frozen=True):
    """A topic's file with its SHA-256, and what each partition has in it."""

    file: str
    sha256: str
    partitions: dict[int, Extent]

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(extent.records for extent in self.partitions.values())


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. cut: records that arrived before this moment (ISO 8601) are in it, no others."""

    cut: str
    topics: dict[str, TopicFile]
    format: int = _FORMAT

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(topic.records for topic in self.topics.values())

    @property
    def shifted(self) -> list[str]:
        """The topics whose records will have other offsets than before."""
        return [
            name for name, topic in self.topics.items() if not all(one.unbroken for one in topic.partitions.values())
        ]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Makes the folder a backup, all at once, so that it is one even where the power fails."""
    made = folder / f"{MANIFEST}.part"
    with made.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        _to_disk(file)
    # the names of the other files first, then this one
    _names_to_disk(folder)
    made.replace(folder / MANIFEST)
    _names_to_disk(folder)
    _names_to_disk(folder.resolve().parent)


def remove_files(folder: Path) -> None:
    """Takes away what was written of a backup that came to nothing; the manifest first."""
    for path in (folder / MANIFEST, folder / f"{MANIFEST}.part", *folder.glob("*.zst")):
        path.unlink(missing_ok=True)


def read_manifest(folder: Path) -> Manifest:
    """What the folder holds; raises BackupError."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}") from None
    except msgspec.MsgspecError as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from None
    if manifest.format not in _READ:
        raise BackupError(f"{folder} has format {manifest.format}; this version reads up to {_FORMAT}")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raises BackupError where a file is missing or is not as it was written."""
    for name, topic in manifest.topics.items():
        path = folder / topic.file
        if not path.exists():
            raise BackupError(f"{path} is missing")
        if _sha256(path) != topic.sha256:
            raise BackupError(f"{path}, the records of {name}, is damaged: its SHA-256 is another")


def write_entries(path: Path, entries: Iterable[Entry]) -> str:
    """Writes the records of a topic to disk and returns the SHA-256 of the file."""
    encode = msgspec.msgpack.Encoder().encode
    with path.open("wb") as file:
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as out:
            for entry in entries:
                body = encode(entry)
                out.write(len(body).to_bytes(4))
                out.write(body)
        _to_disk(file)
    return _sha256(path)


def read_entries(path: Path) -> Iterator[Entry]:
    """The records of a topic as they were written."""
    decode = msgspec.msgpack.Decoder(Entry).decode
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as source:
        while length := _exactly(source, 4):
            yield decode(_exactly(source, int.from_bytes(length)))


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _names_to_disk(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _exactly(source: Any, size: int) -> bytes:
    found = bytearray()
    while len(found) < size and (part := source.read(size - len(found))):
        found += part
    return bytes(found)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
