"""The command `samplewatch`: its list of commands, loaded one by one as they are used, and how errors reach people."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """A command: where it is (module:attribute), the heading it is listed under, and its line in the help."""

    target: str
    section: str
    help: str


#: Every command, in the order of the help. The help is written here so that listing them imports none of them.
COMMANDS: dict[str, Entry] = {
    "up": Entry("services.cli.runtime_commands:up", "Run", "start Kafka, Redis and the services"),
    "status": Entry("services.cli.runtime_commands:status", "Run", "show what runs, where, and whether it is ready"),
    "down": Entry("services.cli.runtime_commands:down", "Run", "stop everything that `up` started"),
    "demo": Entry("services.cli.demo_commands:demo", "Run", "show the whole way once, on simulated and real input"),
    "publish": Entry(
        "services.cli.publish_commands:publish", "Send", "publish samples or results and wait for receipts"
    ),
    "import": Entry("services.cli.import_commands:import_", "Send", "publish a file in a known format"),
    "simulate": Entry("services.cli.simulate_commands:simulate", "Send", "make a synthetic city year"),
    "rates": Entry(
        "services.cli.query_commands:rates", "Look", "qualification rates by place, category, laboratory, …"
    ),
    "alerts": Entry("services.cli.alerts_commands:alerts", "Look", "alerts: look at them and move them on"),
    "hotspots": Entry(
        "services.cli.hotspots_commands:hotspots", "Look", "how far the detector can be trusted; clusters in space"
    ),
    "deadlines": Entry(
        "services.cli.deadlines_commands:deadlines", "Look", "statutory deadlines: who is late, and the table"
    ),
    "integrity": Entry(
        "services.cli.integrity_commands:integrity", "Look", "laboratories' data that an audit should see first"
    ),
    "plan": Entry("services.cli.plan_commands:plan", "Look", "where to sample next, and whom the draw sends where"),
    "sample": Entry("services.cli.query_commands:sample", "Look", "one sample with its whole history"),
    "report": Entry("services.cli.report_commands:report", "Look", "the yearly report: Markdown, docx or JSON"),
    "publish-tables": Entry(
        "services.cli.public_tables_commands:publish_tables", "Look", "合格公示表.xlsx and 不合格公示表.xlsx"
    ),
    "topics": Entry("services.cli.topics_commands:topics", "Operate", "create the topics, or check them"),
    "backup": Entry("services.cli.backup_commands:backup", "Operate", "all topics as files, and back"),
    "audit": Entry("services.cli.audit_commands:audit", "Operate", "who asked what of which alert, and the answer"),
    "redact": Entry("services.cli.redact_commands:redact", "Operate", "take people out of samples and alerts"),
    "keys": Entry("services.cli.secrets_commands:keys", "Operate", "make a laboratory's signing key"),
    "tokens": Entry("services.cli.secrets_commands:tokens", "Operate", "make a token of the HTTP API"),
    "capacity": Entry("services.cli.capacity_commands:capacity", "Operate", "what a load needs, and what breaks first"),
    "dlq": Entry("services.cli.dlq_commands:dlq", "Operate", "list, show and replay dead letters"),
}

#: Libraries whose errors mean that the broker or Redis cannot be reached or refuses. Like the system's own (OSError: no
#: such file, connection refused), they are told in one line, without a traceback.
_EXPECTED_FROM = {"kafka", "aiokafka", "redis"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands under their headings."""
        width = max(map(len, COMMANDS))
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            rows = [(name.ljust(width), entry.help) for name, entry in COMMANDS.items() if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Turns expected errors into one line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output, `head` say, has gone; nothing is left to say, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except Exception as error:
            from services.runtime.settings import BadSetting

            if isinstance(error, UnicodeDecodeError):
                raise click.ClickException(f"a file that has to be UTF-8 text is not: {error}") from error
            if isinstance(error, OSError | BadSetting) or _library(error) in _EXPECTED_FROM:
                raise click.ClickException(f"{error}" or repr(error)) from error
            raise


def _library(error: Exception) -> str:
    return type(error).__module__.partition(".")[0]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="samplewatch")
def main() -> None:
    """Follow every regulatory sample from the shelf to the laboratory's verdict.

    \b
    samplewatch up --detach     start everything; ready in seconds
    samplewatch status          see that it is
    samplewatch down            stop it; the data stays

    Each command explains itself with --help. Commands find the running instance by themselves; --dir or SAMPLEWATCH_DIR
    choose one of several. SAMPLEWATCH_KAFKA (host:port) and SAMPLEWATCH_REDIS (URL) name servers that already run.
    """


if __name__ == "__main__":
    main()
