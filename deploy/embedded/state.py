"""What a directory says about the instance running in it: a lock that is held while it runs, and state.json."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from deploy.embedded.process import is_alive

#: How long the children of a killed supervisor may take to be gone. Killing them takes milliseconds.
_HANDOVER_S = 5.0


class AlreadyRunningError(Exception):
    """Another supervisor holds the directory."""


def lock_path(directory: Path) -> Path:
    """The file whose lock says that an instance runs; it holds the pid of its supervisor."""
    return directory / "lock"


def state_path(directory: Path) -> Path:
    """The file that says where everything is."""
    return directory / "state.json"


def acquire_lock(directory: Path) -> int:
    """Takes the directory for this process and returns the locked descriptor; children inherit it.

    Since they do, the lock becomes free only when the last of them is gone, and nobody starts a second broker on the
    data of one that is still ending.
    """
    directory.mkdir(parents=True, exist_ok=True)
    fd = os.open(lock_path(directory), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + _HANDOVER_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = lock_owner(directory)
            # Without a living owner it is a look (lock_held) or the end of a killed run: both pass.
            if (owner is not None and is_alive(owner)) or time.monotonic() > deadline:
                os.close(fd)
                by = f"process {owner}" if owner else "another process"
                raise AlreadyRunningError(f"{directory} is in use by {by}") from None
            time.sleep(0.02)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def release_lock(fd: int) -> None:
    """Gives the directory back; the file stays, empty, for removing it would let two hold a lock of that name."""
    os.ftruncate(fd, 0)
    os.close(fd)


def lock_owner(directory: Path) -> int | None:
    """The pid written into the lock file; meaningful only while the lock is held."""
    try:
        return int(lock_path(directory).read_text())
    except (OSError, ValueError):
        return None


def lock_held(directory: Path) -> bool:
    """Whether an instance runs, or is starting or ending, in the directory."""
    try:
        fd = os.open(lock_path(directory), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read_state(directory: Path) -> dict[str, Any] | None:
    """The state that the supervisor holding the lock has written; None if it has not yet, or is gone."""
    try:
        state: dict[str, Any] = json.loads(state_path(directory).read_text())
    except (OSError, ValueError):
        return None
    # A killed supervisor leaves its state behind; it must not pass for that of the one which is starting now.
    return state if state["pid"] == lock_owner(directory) else None


def write_json(path: Path, value: object) -> None:
    """Replaces the file in one step, so that a reader sees the old or the new content, never half of it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(path)
