"""What a rebuild counts again is kept for as long as anybody is shown its counts; the operations page says how long."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from schemas.topics import BY_NAME, DEAD_LETTERS, LAB_RESULTS, SAMPLING_EVENTS, TOPICS, VERDICTS, Topic
from services.lab_results.rates import WINDOW_NAMES, spans_of

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
#: What comes in late belongs to days further back.
LATE_CORRECTIONS = timedelta(days=30)


@pytest.mark.parametrize("topic", [SAMPLING_EVENTS, LAB_RESULTS, VERDICTS], ids=lambda topic: topic.name)
def test_results_are_kept_for_the_year_before_the_longest_window_and_the_last_report(topic: Topic) -> None:
    kept = timedelta(milliseconds=int(topic.config["retention.ms"]))
    days = [date(2028, 1, 1) + timedelta(days=number) for number in range(1000)]
    begins = [(day, spans_of(name, day).year_before) for day in days for name in WINDOW_NAMES]
    of_windows = [day - span.first for day, span in begins if span is not None]
    # a year's report is written by the end of January, and begins with the first day of the year before that year
    of_reports = [date(year + 1, 1, 31) - date(year - 1, 1, 1) for year in range(2024, 2032)]
    assert kept >= max(of_windows + of_reports) + LATE_CORRECTIONS


def test_the_operations_page_lists_every_topic_with_its_retention() -> None:
    rows = [line.strip("| ").split(" | ") for line in OPERATIONS.splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): row[-1] for row in rows if len(row) == 4}
    assert {name: told.get(name) for name in BY_NAME if not name.endswith(".dlq")} == {
        topic.name: kept(topic) for topic in TOPICS if topic not in DEAD_LETTERS
    }
    assert {kept(topic) for topic in DEAD_LETTERS} == {told["<topic>.dlq"]}


def kept(topic: Topic) -> str:
    """How the page says for how long a topic keeps its records."""
    compacted = ["compacted"] if "compact" in topic.config["cleanup.policy"] else []
    retention = topic.config.get("retention.ms")
    return ", ".join(compacted + ([f"{timedelta(milliseconds=int(retention)).days} days"] if retention else []))
