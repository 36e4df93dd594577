"""The Faust worker of a service, which tells where it stands when asked by a signal, and nothing of what it holds.

Faust's own answers SIGUSR1 with the values of all local variables, and these name people; and SIGUSR2 with a debugger,
in which a service would wait for ever.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from typing import IO, Any

import faust
from mode.utils.tracebacks import Traceback


def write_stands(out: IO[str]) -> None:
    """Writes at which line every thread is, and every task of the running event loop."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        print(f"thread {names.get(ident, ident)}", file=out)
        traceback.print_stack(frame, file=out)
    for task in asyncio.all_tasks():
        print("task", file=out)  # its name may be made of what it was given
        stands: Any = Traceback.from_task(task)
        traceback.print_list(traceback.extract_tb(stands), file=out)
    out.flush()


class Worker(faust.Worker):
    """A worker whose output is a log that others read: no terminal codes, no values of variables."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.spinner = None

    def _on_sigusr1(self) -> None:
        write_stands(self.stderr)

    _on_sigusr2 = _on_sigusr1
