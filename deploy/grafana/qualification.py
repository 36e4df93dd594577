"""Qualification: what verdicts conclude. The rates themselves, exact and revised, are `GET /rates`'s to tell."""

from __future__ import annotations

from deploy.grafana.board import Board, Panel, Query


def _share(outcome: str, by: str) -> str:
    return (
        f'sum by ({by}) (increase(samplewatch_verdicts_total{{outcome="{outcome}"}}[1d]))'
        f' / sum by ({by}) (increase(samplewatch_verdicts_total{{outcome=~"pass|fail"}}[1d]))'
    )


QUALIFICATION = Board(
    "samplewatch-qualification",
    "Samplewatch: qualification",
    "Verdicts as they were concluded, each revision counted anew: for a trend and an alarm, not for a report. Rates"
    " that follow from the records are those of `samplewatch rates` and GET /rates.",
    {
        "Verdicts": [
            Panel(
                "Verdicts",
                "",
                "cps",
                [Query("sum by (outcome) (rate(samplewatch_verdicts_total[$__rate_interval]))")],
            ),
            Panel("Passed of the last day, by domain", "", "percentunit", [Query(_share("pass", "domain"))]),
            Panel(
                "Passed of the last day, by plan",
                "Plans never mix in a rate.",
                "percentunit",
                [Query(_share("pass", "domain, plan"), "{{domain}} {{plan}}")],
            ),
            Panel(
                "Failed, in all",
                "Since the services started.",
                "short",
                [Query('sum by (domain, plan) (samplewatch_verdicts_total{outcome="fail"})', "{{domain}} {{plan}}")],
            ),
            Panel(
                "Newest verdict",
                "Age of the newest result or sample that changed one.",
                "s",
                [Query("time() - max(samplewatch_newest_verdict_timestamp_seconds > 0)", "age")],
            ),
            Panel(
                "Rates behind the verdicts",
                "Deltas that wait to be published as rates.",
                "short",
                [Query('sum by (topic) (samplewatch_lag_records{topic="qualification.deltas.v1"})')],
            ),
        ],
    },
)
