"""The documentation: its examples do what it says, and the commands in it exist.

In docs/laboratories.md and docs/inspectors.md, blocks marked ``python`` and ``sh`` are run in their order, and a block
marked ``text`` is what the Python before it prints. Blocks marked ``console`` are not run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from services.cli.main import main
from tests.system import COMMAND, ROOT, WAIT_S, System

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
#: In this order: the inspectors' page works on the alert of a sample of the laboratories' page.
RUN = ("laboratories.md", "inspectors.md", "managers.md")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
#: Printed between what the parts before have said and what this one says.
_MARK = "--- the part of this block ---"
#: A command with what follows it on its line, up to a comment, a pipe or a column of explanation.
_COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?samplewatch((?: (?!  )[^\s|#;&)]+)*)")


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def run(argv: list[str], script: str, system: System, folder: Path) -> str:
    env = {
        **system.env,
        "SAMPLEWATCH_DIR": str(system.dir),
        "SAMPLEWATCH_KAFKA": system.bootstrap,
        "PATH": f"{COMMAND.parent}:{system.env['PATH']}",
    }
    done = subprocess.run(
        argv, input=script, env=env, cwd=folder, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_page(page: Path, system: System, folder: Path) -> None:
    """Runs a page from the top. Its Python is one program in parts; each part is run with those before it."""
    before: list[str] = []
    said = ""
    for language, text in blocks(page):
        if language == "python":
            program = "\n".join([*before, f"print({_MARK!r})", text])
            said = run([sys.executable, "-"], program, system, folder).split(_MARK, 1)[1]
            before.append(text)
        elif language == "sh":
            run(["bash", "-euo", "pipefail"], text, system, folder)
        elif language == "text":
            # a result may overtake its sample on the way, which the page says
            lines = [line.strip().replace(" parked ", " accepted ") for line in f"{said}\n".splitlines()]
            lines = [line.replace(" parked", " accepted").split(" sample_id waits")[0] for line in lines]
            wanted = text.strip().splitlines()
            assert [line for line in lines if line in wanted] == wanted, f"{page.name}:\n{said}"


def test_examples_do_what_the_pages_say(system: System, tmp_path: Path) -> None:
    for name in RUN:
        run_page(ROOT / "docs" / name, system, tmp_path)
        system.wait_idle()
    [closed] = system.alerts(sample_id="DOC-0001")
    assert (closed["state"], closed["assignee"]) == ("closed", "王五")
    [cancelled] = system.alerts(sample_id="DOC-0002")
    assert cancelled["state"] == "cancelled"
    [row] = system.rates(cut="county", cell="甘肃省/庆阳市/西峰区")
    assert (row["pass"], row["fail"]) == (1, 0)


def commands(page: Path) -> Iterator[str]:
    """Every line of code that calls the command: in blocks, and between backticks in the text."""
    text = page.read_text(encoding="utf-8")
    for language, block in _FENCE.findall(text):
        if language in ("sh", "console"):
            yield from (line for line in block.splitlines() if _COMMAND.match(line))
    yield from (code for code in _CODE.findall(_FENCE.sub("", text)) if _COMMAND.match(code))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_with_their_options(page: Path) -> None:
    for line in commands(page):
        found = _COMMAND.match(line)
        assert found is not None
        words = found[1].split()
        command: click.Command = main
        context = click.Context(main)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            child = command.get_command(context, words[0])
            assert child is not None, f"{page.name}: {line}: there is no command {words[0]}"
            command = child
            words.pop(0)
        known = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
        unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
        assert not unknown, f"{page.name}: {line}: no option {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_targets_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    assert not missing
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    called = set(re.findall(r"`make ([a-z0-9-]+)`", text))
    called |= {line.split()[1] for block in blocks(page) for line in block.text.splitlines() if line[:5] == "make "}
    assert called <= targets


def test_no_page_is_left_out() -> None:
    linked = set(_LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    pages = {f"docs/{page.name}" for page in PAGES[1:] if page.parent.name == "docs"}  # runbooks: linked by alerts
    assert pages <= linked, "README.md links every page"


def test_blocks_are_of_a_known_kind() -> None:
    kinds = {language for page in PAGES for language, _ in groupby(block.language for block in blocks(page))}
    assert kinds <= {"python", "sh", "console", "text", "mermaid", "json", "yaml"}
