"""The jars of Apache Kafka: downloaded once into the user's cache, each checked against its locked hash.

`python -m deploy.embedded.jars` resolves the dependencies anew and writes kafka-jars.lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.1"
_ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_LOCK = Path(__file__).with_name("kafka-jars.lock")


class DownloadError(Exception):
    """A jar could not be had, or is not the one that was locked."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: group:artifact:version, the SHA-256 of the file, its size in bytes."""

    coordinate: str
    sha256: str
    size: int


def locked_jars() -> list[Jar]:
    """What kafka-jars.lock lists."""
    lines = (line.split() for line in _LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in lines]


def cache_dir() -> Path:
    """The per-user directory for what is downloaded."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "samplewatch"


def classpath() -> list[str]:
    """The paths of all jars. What is missing is downloaded first, and said so on standard error."""
    cache = cache_dir() / "kafka"
    # Named after the lock: another set of jars is another list, and an old list is never mistaken for it.
    marker = cache / f"classpath-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    if (known := _read_marker(marker)) is not None:
        return known
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # somebody else may be downloading the same
        if (known := _read_marker(marker)) is not None:
            return known
        paths = _download(locked_jars(), cache / "repository")
        temporary = marker.with_suffix(".new")
        temporary.write_text("\n".join(paths))
        temporary.replace(marker)
    return paths


def _read_marker(marker: Path) -> list[str] | None:
    try:
        paths = marker.read_text().splitlines()
    except OSError:
        return None
    return paths if all(os.path.exists(path) for path in paths) else None  # noqa: PTH110 (46 times at every start)


def _download(jars: Sequence[Jar], repository: Path) -> list[str]:
    context = _context(repository)
    total = sum(jar.size for jar in jars)
    say = f"kafka: downloading Apache Kafka {KAFKA_VERSION}: {len(jars)} jars, {total / 1e6:.0f} MB, once"
    print(f"{say}, into {repository}", file=sys.stderr, flush=True)
    done = shown = 0
    with ThreadPoolExecutor(4) as pool:
        futures = {pool.submit(_fetch, context, jar): jar for jar in jars}
        try:
            for future in as_completed(futures):
                future.result()
                done += futures[future].size
                if done - shown > total / 5 or done == total:
                    print(f"kafka: {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr, flush=True)
                    shown = done
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [str(_path(context, jar)) for jar in jars]


def _fetch(context: MavenContext, jar: Jar) -> None:
    path = _path(context, jar)
    # A download that was cut short leaves a torn file under the final name, which would pass for the jar.
    if path.exists() and not _matches(path, jar):
        path.unlink()
    try:
        context.create_dependency(jar.coordinate).artifact.resolve()
    except Exception as error:
        raise DownloadError(
            f"cannot download {jar.coordinate}: {error}; set SAMPLEWATCH_KAFKA to use a broker that already runs"
        ) from error
    if not _matches(path, jar):
        path.unlink()
        raise DownloadError(f"{jar.coordinate} is not the file whose hash is locked in {_LOCK.name}")


def _matches(path: Path, jar: Jar) -> bool:
    return path.stat().st_size == jar.size and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _path(context: MavenContext, jar: Jar) -> Path:
    path = context.create_dependency(jar.coordinate).artifact.cached_path
    assert path is not None
    return path


def _context(repository: Path) -> MavenContext:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    # A mirror that the user has configured for jgo is asked first.
    repositories = {**GlobalSettings.load().repositories}
    repositories.setdefault("central", MAVEN_CENTRAL_URL)
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos=repositories, timeout=30)


def write_lock() -> None:
    """Resolves the roots and their dependencies and locks every jar by hash."""
    with tempfile.TemporaryDirectory() as scratch:
        context = _context(Path(scratch))
        direct, transitive = context.resolver.resolve([context.create_dependency(root) for root in _ROOTS])
        lines = []
        for dependency in [*direct, *transitive]:
            content = dependency.artifact.resolve().read_bytes()
            coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
            lines.append(f"{coordinate} {hashlib.sha256(content).hexdigest()} {len(content)}")
    _LOCK.write_text("# written by python -m deploy.embedded.jars\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    write_lock()
