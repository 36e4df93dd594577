"""The process that owns an instance: Kafka, Redis and the services of one directory.

    python -m deploy.embedded.supervisor --dir DIR

SIGHUP starts whatever does not run; SIGTERM and SIGINT stop everything, services first. A process that ends is not
started again by itself: state.json says how it ended, and the next SIGHUP starts it. Kafka and Redis are left out where
SAMPLEWATCH_KAFKA or SAMPLEWATCH_REDIS name ones that already run.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from deploy.embedded import registry
from deploy.embedded.lineup import ComponentError, Lineup
from deploy.embedded.services import SERVICES
from deploy.embedded.state import AlreadyRunningError, acquire_lock, release_lock, state_path, write_json

#: The exit status that says that another supervisor has the directory.
EXIT_ALREADY_RUNNING = 75


class _StopRequested(BaseException):
    """SIGTERM or SIGINT came while something was being started."""


class Supervisor:
    """Keeps one directory's lineup, does what signals ask for, and writes state.json. Runs in the main thread."""

    def __init__(self, directory: Path, services: Sequence[str], lock: int, parent: int | None) -> None:
        self._dir = directory
        self._parent = parent
        self._lineup = Lineup(directory, services, lock, self._write_state, self._pause)
        self._round = 0
        self._failed: dict[str, str] | None = None
        self._stop_wanted = False
        self._start_wanted = True
        self._wake, self._waker = socket.socketpair()

    def run(self) -> None:
        """Works until told to stop, or until the parent, if one was given, is gone."""
        self._listen_to_signals()
        told = self._lineup.ended()
        try:
            while True:
                if self._start_wanted:
                    self._start_wanted = False
                    self._start_missing()
                self._pause(1.0)
                if (ended := self._lineup.ended()) != told:
                    told = ended  # as it was before it is written: what ends meanwhile is told the next time
                    self._write_state()
        except _StopRequested:
            pass
        finally:
            self._lineup.stop()

    def _listen_to_signals(self) -> None:
        def request_stop(*_: object) -> None:
            self._stop_wanted = True

        def request_start(*_: object) -> None:
            self._start_wanted = True

        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, request_stop)
        signal.signal(signal.SIGINT, request_stop)
        signal.signal(signal.SIGHUP, request_start)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the end of a child wakes us

    def _pause(self, seconds: float) -> None:
        """Waits until a signal comes, at the longest the time given; raises when it is time to stop."""
        if not self._stop_wanted and select.select([self._wake], [], [], seconds)[0]:
            self._wake.recv(4096)
        # Where the kernel does not kill us with our parent, this is how we follow it.
        orphaned = self._parent is not None and os.getppid() != self._parent
        if self._stop_wanted or orphaned:
            raise _StopRequested

    def _start_missing(self) -> None:
        """One round of starting. Its number goes up when it is over, well or not, unless the next one is due already:
        whoever asks for a start waits for a round that began after asking."""
        self._failed = None
        try:
            self._lineup.start_missing()
        except ComponentError as error:
            self._failed = {"component": error.component, "reason": error.reason}
            traceback.print_exc()
        if not self._start_wanted:
            self._round += 1
        self._write_state()

    def _write_state(self) -> None:
        state = {"pid": os.getpid(), **self._lineup.state(), "round": self._round, "failed": self._failed}
        write_json(state_path(self._dir), state)


def main() -> int:
    """Runs the supervisor; the exit status is 0 after a requested stop."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.supervisor", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--services", nargs="*", default=SERVICES, metavar="NAME", help="only these services")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    options = parser.parse_args()
    directory = options.dir.resolve()
    try:
        lock = acquire_lock(directory)
    except AlreadyRunningError as error:
        print(f"supervisor: {error}", file=sys.stderr)
        return EXIT_ALREADY_RUNNING
    state_path(directory).unlink(missing_ok=True)  # what a killed run left behind
    registry.register(directory)
    try:
        Supervisor(directory, options.services, lock, options.parent).run()
    finally:
        state_path(directory).unlink(missing_ok=True)
        registry.unregister(directory)
        release_lock(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
