"""The files of a backup come back as they were written, and what is damaged or unfinished is refused."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.backup_commands import backup
from services.cli.backup_files import (
    MANIFEST,
    BackupError,
    Entry,
    Extent,
    Manifest,
    TopicFile,
    check_files,
    read_entries,
    read_manifest,
    remove_files,
    write_entries,
    write_manifest,
)
from services.cli.backup_topics import as_brokers_tell_time

_bytes = st.none() | st.binary(max_size=2000)
_entries = st.builds(
    Entry,
    partition=st.integers(0, 11),
    offset=st.integers(0, 2**62),
    timestamp=st.integers(0, 2**45),
    key=_bytes,
    value=_bytes,
    headers=st.lists(st.tuples(st.binary(max_size=20) | st.text(max_size=20), _bytes), max_size=4).map(tuple),
)


@given(st.lists(_entries, max_size=40))
@settings(max_examples=60, deadline=None)
def test_records_come_back(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = tmp_path_factory.mktemp("entries") / "topic.zst"
    digest = write_entries(path, entries)
    assert list(read_entries(path)) == entries
    assert digest == write_entries(path, entries)


@pytest.fixture
def made(tmp_path: Path) -> Manifest:
    """A backup of one topic."""
    entry = Entry(3, 0, 1_700_000_000_000, b"k", b"v" * 500, ())
    digest = write_entries(tmp_path / "t.zst", [entry, entry._replace(offset=1)])
    manifest = Manifest("2026-03-01T00:00:00+00:00", {"t": TopicFile("t.zst", digest, {3: Extent(0, 2, 2)})})
    write_manifest(tmp_path, manifest)
    return manifest


def test_a_manifest_comes_back(made: Manifest, tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == made
    check_files(tmp_path, made)
    assert (made.records, made.shifted) == (2, [])


def test_a_folder_is_no_backup_before_its_files_are_on_disk(
    made: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.name for path in tmp_path.iterdir()} == {"t.zst", MANIFEST}
    (tmp_path / MANIFEST).unlink()

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_entries(tmp_path / "t.zst", [])
    with pytest.raises(OSError, match="no space left"):
        write_manifest(tmp_path, made)
    with pytest.raises(BackupError, match="was not finished"):
        read_manifest(tmp_path)
    remove_files(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_backup_of_an_older_version_is_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"cut": "x", "topics": {}, "format": 1}')
    assert read_manifest(tmp_path) == Manifest("x", {}, 1)


@pytest.mark.parametrize("extent", [Extent(5, 7, 2), Extent(0, 7, 6)], ids=["head gone", "gap"])
def test_topics_whose_offsets_change_are_known(extent: Extent) -> None:
    topics = {
        "whole": TopicFile("", "", {0: Extent(0, 9, 9), 1: Extent(0, 0, 0)}),
        "other": TopicFile("", "", {0: extent}),
    }
    assert Manifest("", topics).shifted == ["other"]


def test_damage_is_refused(made: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "t.zst"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError, match="the records of t, is damaged"):
        check_files(tmp_path, made)
    path.unlink()
    with pytest.raises(BackupError, match="is missing"):
        check_files(tmp_path, made)


def test_what_is_no_backup_is_refused(made: Manifest, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"cut": "x", "topics": {}, "format": 9}')
    with pytest.raises(BackupError, match="has format 9"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(BackupError, match="cannot be read"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(BackupError, match="was not finished"):
        read_manifest(tmp_path)


@given(st.integers(0, 10**10), st.integers(0, 999_999))
def test_the_cut_is_no_finer_than_a_record_s_time(seconds: int, microsecond: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microsecond)
    cut = as_brokers_tell_time(moment)
    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    read_back = datetime.fromisoformat(cut.isoformat()).timestamp() * 1000
    assert read_back == pytest.approx(round(read_back), abs=1e-3)


def test_nothing_is_started_for_what_is_no_backup(tmp_path: Path) -> None:
    nothing, instance = tmp_path / "nothing", tmp_path / "instance"
    nothing.mkdir()
    found = CliRunner().invoke(backup, ["restore", str(nothing), "--dir", str(instance)])
    assert (found.exit_code, instance.exists()) == (1, False)
    assert "is no backup" in found.output
