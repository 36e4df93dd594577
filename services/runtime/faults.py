"""Faults for the chaos tests: a process that kills itself, as kill -9 does, at a chosen step of the apply procedure.

SAMPLEWATCH_FAULT=lab:after-apply:3 kills the process when its stage `lab` gets to the step for the third time. A path
names a directory instead, with a file for each stage: a line `after-apply:3` for each process to come. The first line
is taken off as the process dies, so that the one which is started next goes by the second. Without the variable, which
is how services run, nothing of this happens.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

#: In the order in which a batch comes to them. The first two are of a partition that is taken over; the last is reached
#: when no other batch waits.
STEPS = (
    "open",
    "open-published",
    "before-load",
    "before-apply",
    "after-apply",
    "mid-publish",
    "after-publish",
    "after-trim",
)


def _read(spoken: str | None) -> Mapping[str, tuple[str, int, Path | None]] | None:
    """stage -> step, the count at which it strikes, and the file that says so; None where no fault is wanted."""
    if not spoken:
        return None
    if "/" not in spoken:
        stage, step, number = spoken.split(":")
        return {stage: (step, int(number), None)}
    files = [path for path in Path(spoken).glob("*") if path.is_file()]
    first = {path: path.read_text().splitlines()[0].split(":") for path in files if path.stat().st_size}
    return {path.name: (step, int(number), path) for path, (step, number) in first.items()}


_FAULTS = _read(os.environ.get("SAMPLEWATCH_FAULT"))
_reached: Counter[str] = Counter()


def reached(stage: str, step: str) -> None:
    """The stage is at the step now."""
    if _FAULTS is not None:
        _strike(stage, step)


def wanted(stage: str, step: str) -> bool:
    """Whether the stage is to be killed at the step, for one that has to be made first."""
    return _FAULTS is not None and stage in _FAULTS and _FAULTS[stage][0] == step


def _strike(stage: str, step: str) -> None:
    if not wanted(stage, step):
        return
    assert _FAULTS is not None
    _, number, file = _FAULTS[stage]
    _reached[stage] += 1
    if _reached[stage] == number:
        if file is not None:
            file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
        os.kill(os.getpid(), signal.SIGKILL)
