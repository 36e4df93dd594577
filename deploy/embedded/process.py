"""Child processes that cannot outlive the process that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1
#: Loaded before any fork: loading a library between fork and exec can deadlock.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

#: A log larger than this is set aside when its process starts again, so that logs stay bounded.
_LOG_LIMIT = 20_000_000


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    logs: Path,
    env: Mapping[str, str] | None = None,
    keep_fds: Sequence[int] = (),
    die_with_parent: bool = True,
) -> subprocess.Popen[bytes]:
    """Starts argv in a process group of its own, with its output appended to LOGS/NAME.log.

    With die_with_parent the kernel kills the child the moment its parent ends, however it ends. The kernel ties this to
    the parent's thread, so call it from the main thread. Linux only: elsewhere the supervisor notices that its parent
    is gone and stops its children, but children of a supervisor that was itself killed with SIGKILL live on.
    """
    with _open_log(logs, name) as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=keep_fds,
            start_new_session=True,
            # Between fork and exec it makes three system calls and takes no lock, so other threads cannot block it.
            preexec_fn=_die_with(os.getpid()) if die_with_parent and _LIBC is not None else None,  # noqa: PLW1509
        )


def _die_with(parent: int) -> Callable[[], None]:
    """What the child runs before exec, so that it is killed with its parent."""

    def ask_kernel() -> None:
        assert _LIBC is not None
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            # else broker, Redis and services cut each other short with every message, where cores are few
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        # The parent may have died before the request took effect; then no signal will ever come.
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _open_log(logs: Path, name: str) -> BinaryIO:
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / f"{name}.log"
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def stop(children: Iterable[subprocess.Popen[bytes]], timeout: float) -> None:
    """SIGTERM to all at once, then SIGKILL to the process group of each that is still there after the time-out."""
    waiting = [child for child in children if child.poll() is None]
    for child in waiting:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    deadline = time.monotonic() + timeout
    while waiting and time.monotonic() < deadline:
        time.sleep(0.02)
        waiting = [child for child in waiting if child.poll() is None]
    for child in waiting:
        # Its group bears its pid, since spawn made it the leader; it is unreaped, so the number is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs. One that has ended and waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # In a container whose first process reaps nobody, a zombie stays for good.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return sys.platform != "linux"


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, or a note that there are none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 64_000))
            text = log.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        text = []
    return "\n".join(text) if text else "(the log is empty)"
