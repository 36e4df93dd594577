"""The directories in which this user's instances run, so that commands find them without being told."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from deploy.embedded.state import lock_held


def _home() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        home = Path(runtime) / "samplewatch"
    else:
        home = Path(tempfile.gettempdir()) / f"samplewatch-{os.getuid()}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The temporary directory is everybody's: whoever made this one first could name directories to our commands.
    if home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home} belongs to another user")
    return home


def _entry(directory: Path) -> Path:
    return _home() / hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:16]


def register(directory: Path) -> None:
    """Makes the directory's instance known."""
    _entry(directory).write_text(str(directory.resolve()))


def unregister(directory: Path) -> None:
    """Takes it off the list; nothing happens if it is not on it."""
    _entry(directory).unlink(missing_ok=True)


def registered() -> list[Path]:
    """The directories with a running instance. Entries left behind by a killed one are removed."""
    found = []
    for entry in sorted(_home().iterdir()):
        directory = Path(entry.read_text())
        if lock_held(directory):
            found.append(directory)
        else:
            entry.unlink(missing_ok=True)
    return found
